#include "plugins/smp/serial_transport.hpp"

#include <sys/file.h>
#include <termios.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/serial_port.hpp>
#include <boost/asio/write.hpp>
#include <vector>

#include "plugins/smp/frame.hpp"

namespace sluice::smp {
namespace {

namespace asio = boost::asio;
using Code = boost::system::error_code;

// Two lines: what devices with the least buffers take at once.
constexpr std::size_t kCautious = 2 * kLineBytes - kFrameOverhead;

class Serial final : public SerialTransport {
 public:
  Serial(asio::io_context& loop, Clock& clock, SerialOptions options, Log log)
      : options_(std::move(options)), log_(std::move(log)), port_(loop), reopen_(clock) {
    try_open();
  }
  // Handlers that are under way hold alive_ and find that it has gone.
  ~Serial() override {
    *alive_ = false;
    close();
  }

  void on_message(Receiver receiver) override { receiver_ = std::move(receiver); }

  bool send(std::string_view message) override {
    if (!port_.is_open()) return false;
    if (!writing_.empty()) {
      // The line takes nothing at present; the newest request is the one that somebody waits for.
      next_.clear();
      for (const auto& line : console_lines(message)) next_ += line;
      return true;
    }
    for (const auto& line : console_lines(message)) writing_ += line;
    write();
    return true;
  }

  std::size_t capacity(std::uint64_t device_buffer) const override {
    const std::uint64_t room = std::min<std::uint64_t>(device_buffer, kMaxMessage);
    return room > kFrameOverhead + kHeaderSize ? room - kFrameOverhead : kHeaderSize;
  }
  std::size_t cautious_capacity() const override { return kCautious; }
  std::string name() const override { return options_.port; }
  const ConsoleReader::Counters& counters() const override { return reader_.counters(); }
  bool open() const override { return port_.is_open(); }

 private:
  void try_open() {
    Code ec;
    port_.open(options_.port, ec);
    if (!ec) configure(ec);
    if (ec) {
      if (!said_) log_.warn("{} cannot be opened: {}; trying again", options_.port, ec.message());
      said_ = true;
      close();
      reopen_.start(options_.reopen, [this] { try_open(); });
      return;
    }
    log_.info("{} is open at {} baud", options_.port, options_.baud);
    said_ = false;
    reader_.reset();
    writing_.clear();
    next_.clear();
    ++opened_;
    read();
  }

  void configure(Code& ec) {
    const auto set = [&](const auto& option) {
      if (!ec) port_.set_option(option, ec);
    };
    set(asio::serial_port::baud_rate(options_.baud));
    set(asio::serial_port::character_size(8));
    set(asio::serial_port::parity(asio::serial_port::parity::none));
    set(asio::serial_port::stop_bits(asio::serial_port::stop_bits::one));
    set(asio::serial_port::flow_control(asio::serial_port::flow_control::none));
    if (ec) return;
    // Nobody else may talk to the device meanwhile; goes with the descriptor, also when this process is
    // killed.
    if (::flock(port_.native_handle(), LOCK_EX | LOCK_NB) != 0)
      ec = Code(errno, boost::system::system_category());
  }

  void read() {
    port_.async_read_some(asio::buffer(buffer_),
                          [this, alive = alive_, opening = opened_](Code ec, std::size_t n) {
                            if (!*alive || opening != opened_) return;
                            if (ec) return lost(ec);
                            std::vector<std::string> messages;
                            reader_.feed({buffer_.data(), n}, messages);
                            for (const auto& message : messages) {
                              if (receiver_) receiver_(message);
                            }
                            read();
                          });
  }

  void write() {
    asio::async_write(port_, asio::buffer(writing_),
                      [this, alive = alive_, opening = opened_](Code ec, std::size_t) {
                        if (!*alive || opening != opened_) return;
                        if (ec) return lost(ec);
                        writing_ = std::exchange(next_, {});
                        if (!writing_.empty()) write();
                      });
  }

  // Without the bytes that have not left: for those the kernel would wait half a minute, and the loop with
  // it.
  void close() {
    if (!port_.is_open()) return;
    (void)::tcflush(port_.native_handle(), TCOFLUSH);
    Code ignored;
    port_.close(ignored);
  }

  void lost(const Code& ec) {
    if (!port_.is_open()) return;
    log_.warn("{} has gone: {}", options_.port, ec.message());
    close();
    ++opened_;  // what was under way belongs to the old one
    reopen_.start(options_.reopen, [this] { try_open(); });
  }

  SerialOptions options_;
  Log log_;
  asio::serial_port port_;
  Timer reopen_;
  Receiver receiver_;
  ConsoleReader reader_;
  std::array<char, 4096> buffer_{};
  std::string writing_, next_;
  std::uint64_t opened_ = 0;
  bool said_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace

std::unique_ptr<SerialTransport> make_serial_transport(asio::io_context& loop, Clock& clock,
                                                       SerialOptions options, Log log) {
  return std::make_unique<Serial>(loop, clock, std::move(options), std::move(log));
}

}  // namespace sluice::smp
