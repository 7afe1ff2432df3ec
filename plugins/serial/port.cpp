#include "plugins/serial/port.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace sluice::serial {
namespace {

constexpr std::size_t kMostWaiting = 64 * 1024;
constexpr Duration kWriteDeadline = 2s;

}  // namespace

Port::Port(boost::asio::io_context& loop, Clock& clock, PortOptions options, Events events)
    : clock_(clock),
      options_(std::move(options)),
      events_(std::move(events)),
      port_(loop),
      backoff_({.first = 250ms, .most = 5s, .well_after = 5s}),
      retry_(clock),
      write_deadline_(clock),
      break_(clock) {}

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
    port_.close(ec);
    return retry(done.error().text);
  }
  ++generation_;
  ++opens;
  reading_ = writing_ = false;
  told_.clear();
  backoff_.up(clock_.now());
  if (events_.opened) events_.opened();
  read();
}

void Port::retry(const std::string& why) {
  if (told_ != why && events_.closed) events_.closed(why);
  told_ = why;
  if (!stopped_) retry_.start(backoff_.next(), [this] { open(); });
}

void Port::lost(const std::string& why) {
  if (!port_.is_open()) return;
  ++generation_;
  boost::system::error_code ignored;
  port_.close(ignored);
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
  (void)::ioctl(port_.native_handle(), TIOCSBRK);
  break_.start(options_.break_for, [this] {
    (void)::ioctl(port_.native_handle(), TIOCCBRK);
    send_front();
  });
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
  const auto alive = alive_;
  const auto generation = generation_;
  writing_ = false;
  if (write.done) write.done(well);
  if (*alive && generation == generation_ && !writing_) write_next();
}

}  // namespace sluice::serial
