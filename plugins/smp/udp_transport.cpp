#include "plugins/smp/udp_transport.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/udp.hpp>

#include "plugins/smp/frame.hpp"

namespace sluice::smp {
namespace {

namespace asio = boost::asio;
using Code = boost::system::error_code;

constexpr std::size_t kDatagram = 1400;         // fits an Ethernet frame whatever is around it
constexpr std::size_t kCautiousDatagram = 384;  // the least that MCUmgr's examples have

constexpr int kSilent = 3;  // messages in a row without an answer

class Udp final : public Transport {
 public:
  Udp(asio::io_context& loop, asio::ip::udp::endpoint device, Log log)
      : device_(std::move(device)), log_(std::move(log)), socket_(loop) {}
  ~Udp() override { *alive_ = false; }

  void on_message(Receiver receiver) override { receiver_ = std::move(receiver); }
  // The socket is opened when there is something to say: at boot the network may not be up yet. A connected
  // socket keeps the address that the host had then, so after a failure or a silence there is another one.
  bool send(std::string_view message) override {
    if (unanswered_ >= kSilent) close();
    const bool was_open = socket_.is_open();
    if (sent(message)) return true;
    return was_open && sent(message);
  }
  std::size_t capacity(std::uint64_t device_buffer) const override {
    return std::max<std::size_t>(kHeaderSize, std::min<std::uint64_t>(device_buffer, kDatagram));
  }
  std::size_t cautious_capacity() const override { return kCautiousDatagram; }
  std::string name() const override {
    return fmt::format("{}:{}", device_.address().to_string(), device_.port());
  }

 private:
  // False: the socket is closed.
  bool sent(std::string_view message) {
    Code ec;
    if (!socket_.is_open()) open(ec);
    if (!ec) socket_.send(asio::buffer(message.data(), message.size()), 0, ec);
    // Refused by the host: it is up and the device's program is not; the next attempt may find it.
    if (!ec || ec == asio::error::connection_refused || ec == asio::error::would_block) {
      ++unanswered_;
      said_.clear();
      return true;
    }
    if (const auto why = ec.message(); why != said_) {
      log_.warn("{} cannot be reached: {}; trying again", name(), why);
      said_ = why;
    }
    close();
    return false;
  }

  void open(Code& ec) {
    socket_.open(device_.protocol(), ec);
    // Connected: only the device's own datagrams arrive, and ICMP errors are told.
    if (!ec) socket_.connect(device_, ec);
    if (!ec) socket_.non_blocking(true, ec);
    if (!ec) read();
  }

  void close() {
    ++opened_;  // what was under way belongs to the old one
    unanswered_ = 0;
    Code ignored;
    socket_.close(ignored);
  }

  void read() {
    socket_.async_receive(asio::buffer(buffer_),
                          [this, alive = alive_, opening = opened_](Code ec, std::size_t n) {
                            if (!*alive || opening != opened_) return;
                            if (ec) {
                              log_.debug("{}: {}", name(), ec.message());
                            } else {
                              unanswered_ = 0;
                              if (receiver_) receiver_({buffer_.data(), n});
                            }
                            if (*alive && opening == opened_) read();
                          });
  }

  asio::ip::udp::endpoint device_;
  Log log_;
  asio::ip::udp::socket socket_;
  Receiver receiver_;
  std::array<char, kMaxMessage> buffer_{};
  int unanswered_ = 0;
  std::uint64_t opened_ = 0;
  std::string said_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace

result<std::unique_ptr<Transport>> make_udp_transport(asio::io_context& loop, const std::string& address,
                                                      std::uint16_t port, Log log) {
  Code ec;
  const auto ip = asio::ip::make_address(address, ec);
  if (ec) return Error{errc::invalid_argument, fmt::format("'{}' is no IP address", address)};
  return std::unique_ptr<Transport>(
      std::make_unique<Udp>(loop, asio::ip::udp::endpoint(ip, port), std::move(log)));
}

}  // namespace sluice::smp
