#include "plugins/serial/port.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace sluice::serial {
namespace {

constexpr std::size_t kMostWaiting = 64 * 1024;
constexpr Duration kWriteDeadline = 2s;
constexpr Duration kLook = 2ms;     // between two looks whether the bytes have left
constexpr std::size_t kChip = 256;  // bytes that a chip may hold

Duration time_of(std::size_t bytes, const PortOptions& options) {
  const unsigned bits =
      1 + options.data_bits + options.stop_bits + (options.parity == PortOptions::Parity::none ? 0U : 1U);
  return std::chrono::nanoseconds(1'000'000'000ULL * bits * bytes / std::max(options.baud, 1U));
}

}  // namespace

Port::Port(boost::asio::io_context& loop, Clock& clock, PortOptions options, Events events,
           LineControl control)
    : clock_(clock),
      options_(std::move(options)),
      events_(std::move(events)),
      control_(std::move(control)),
      port_(loop),
      backoff_({.first = 250ms, .most = 5s, .well_after = 5s}),
      retry_(clock),
      write_deadline_(clock),
      break_(clock),
      drain_(clock) {}

Port::~Port() {
  *alive_ = false;
  events_ = {};
  stop();
}

void Port::start() {
  stopped_ = false;
  open();
}

void Port::stop() {
  stopped_ = true;
  retry_.cancel();
  if (port_.is_open()) lost("stopped");
}

void Port::open() {
  boost::system::error_code ec;
  // Its own options would be set here and again below; libc's open is all that is needed.
  port_.open(options_.path, ec);
  if (ec) return retry(options_.path + ": " + ec.message());
  if (auto done = set_up(port_.native_handle(), options_); !done) {
    close();
    return retry(done.error().text);
  }
  ++generation_;
  ++opens;
  reading_ = writing_ = false;
  marks_.reset();
  told_.clear();
  backoff_.up(clock_.now());
  if (events_.opened) events_.opened();
  read();
}

void Port::close() {
  control_.discard(port_.native_handle());
  boost::system::error_code ignored;
  port_.close(ignored);
}

void Port::retry(const std::string& why) {
  if (told_ != why && events_.closed) events_.closed(why);
  told_ = why;
  if (!stopped_) retry_.start(backoff_.next(), [this] { open(); });
}

void Port::lost(const std::string& why) {
  if (!port_.is_open()) return;
  ++generation_;
  close();
  write_deadline_.cancel();
  break_.cancel();
  backoff_.down(clock_.now());
  const auto writes = std::exchange(writes_, {});
  waiting_bytes_ = 0;
  writing_ = false;
  const auto alive = alive_;
  for (const auto& write : writes) {
    if (write.done) write.done(false);
    if (!*alive) return;
  }
  retry(why);
}

void Port::pause(bool on) {
  if (std::exchange(paused_, on) == on || on) return;
  if (port_.is_open()) read();
}

bool Port::waits() {
  int bytes = 0;
  return port_.is_open() && (paused_ || (::ioctl(port_.native_handle(), FIONREAD, &bytes) == 0 && bytes > 0));
}

void Port::read() {
  if (reading_ || paused_) return;
  reading_ = true;
  port_.async_read_some(
      boost::asio::buffer(buffer_), [this, alive = alive_, generation = generation_](
                                        const boost::system::error_code& ec, std::size_t size) {
        if (!*alive || generation != generation_) return;
        reading_ = false;
        if (ec) return lost(options_.path + ": " + ec.message());
        bytes_in += size;
        const std::string_view got(buffer_.data(), size);
        if (options_.parity == PortOptions::Parity::none) {
          events_.bytes(got);
        } else {
          marks_.feed(
              got, [this](std::string_view sound) { events_.bytes(sound); }, [this] { events_.broken(); });
        }
        if (*alive && generation == generation_) read();
      });
}

bool Port::write(std::string bytes, std::function<void(bool)> done) {
  if (!port_.is_open() || waiting_bytes_ + bytes.size() > kMostWaiting) return false;
  waiting_bytes_ += bytes.size();
  writes_.push_back({std::move(bytes), std::move(done)});
  if (!writing_) write_next();
  return true;
}

void Port::write_next() {
  if (writes_.empty()) return;
  writing_ = true;
  write_deadline_.start(kWriteDeadline, [this] {
    ++write_timeouts;
    lost(options_.path + ": takes no bytes: flow control, or the wrong cable");
  });
  if (options_.break_for <= Duration::zero()) return send_front();
  send_break();
}

// A break is on the wire at once: over what is still leaving.
void Port::send_break() {
  if (!has_left()) return break_.start(kLook, [this] { send_break(); });
  control_.set_break(port_.native_handle(), true);
  break_.start(options_.break_for, [this] {
    control_.set_break(port_.native_handle(), false);
    send_front();
  });
}

bool Port::has_left() {
  switch (control_.sent(port_.native_handle())) {
    case LineControl::Sent::no:
      left_at_ = clock_.now() + in_chip_;
      return false;
    case LineControl::Sent::to_chip:
      return clock_.now() >= left_at_;
    case LineControl::Sent::entirely:
      return true;
  }
  return true;
}

void Port::drain(Duration most, std::function<void()> done) {
  if (!port_.is_open() || most <= Duration::zero() || (writes_.empty() && has_left())) return done();
  drain_.start(kLook,
               [this, most, done = std::move(done)]() mutable { drain(most - kLook, std::move(done)); });
}

void Port::send_front() {
  boost::asio::async_write(port_, boost::asio::buffer(writes_.front().bytes),
                           [this, alive = alive_, generation = generation_](
                               const boost::system::error_code& ec, std::size_t size) {
                             if (!*alive || generation != generation_) return;
                             bytes_out += size;
                             if (ec) return lost(options_.path + ": " + ec.message());
                             written(true);
                           });
}

void Port::written(bool well) {
  write_deadline_.cancel();
  auto write = std::move(writes_.front());
  writes_.pop_front();
  waiting_bytes_ -= write.bytes.size();
  in_chip_ = time_of(std::min(write.bytes.size(), kChip), options_);
  left_at_ = clock_.now() + in_chip_;
  const auto alive = alive_;
  const auto generation = generation_;
  writing_ = false;
  if (write.done) write.done(well);
  if (*alive && generation == generation_ && !writing_) write_next();
}

}  // namespace sluice::serial
