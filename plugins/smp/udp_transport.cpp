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

constexpr std::size_t kDatagram = 1400;  // fits an Ethernet frame whatever is around it
constexpr std::size_t kCautious = 384;   // the least that MCUmgr's examples have

class Udp final : public Transport {
 public:
  Udp(asio::io_context& loop, asio::ip::udp::endpoint device, Log log)
      : device_(std::move(device)), log_(std::move(log)), socket_(loop) {}
  ~Udp() override { *alive_ = false; }

  Code open() {
    Code ec;
    socket_.open(device_.protocol(), ec);
    // Connected: only the device's own datagrams arrive, and ICMP errors are told.
    if (!ec) socket_.connect(device_, ec);
    if (!ec) socket_.non_blocking(true, ec);
    if (!ec) read();
    return ec;
  }

  void on_message(Receiver receiver) override { receiver_ = std::move(receiver); }
  bool send(std::string_view message) override {
    Code ec;
    socket_.send(asio::buffer(message.data(), message.size()), 0, ec);
    // Refused by the host: it is up and the device's program is not; the next attempt may find it.
    return !ec || ec == asio::error::connection_refused || ec == asio::error::would_block;
  }
  std::size_t capacity(std::uint64_t device_buffer) const override {
    return std::max<std::size_t>(kHeaderSize, std::min<std::uint64_t>(device_buffer, kDatagram));
  }
  std::size_t cautious_capacity() const override { return kCautious; }
  std::string name() const override {
    return fmt::format("{}:{}", device_.address().to_string(), device_.port());
  }

 private:
  void read() {
    socket_.async_receive(asio::buffer(buffer_), [this, alive = alive_](Code ec, std::size_t n) {
      if (!*alive || ec == asio::error::operation_aborted || ec == asio::error::bad_descriptor) return;
      if (ec) {
        log_.debug("{}: {}", name(), ec.message());
      } else if (receiver_) {
        receiver_({buffer_.data(), n});
      }
      read();
    });
  }

  asio::ip::udp::endpoint device_;
  Log log_;
  asio::ip::udp::socket socket_;
  Receiver receiver_;
  std::array<char, kMaxMessage> buffer_{};
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace

result<std::unique_ptr<Transport>> make_udp_transport(asio::io_context& loop, const std::string& address,
                                                      std::uint16_t port, Log log) {
  Code ec;
  const auto ip = asio::ip::make_address(address, ec);
  if (ec) return Error{errc::invalid_argument, fmt::format("'{}' is no IP address", address)};
  auto udp = std::make_unique<Udp>(loop, asio::ip::udp::endpoint(ip, port), std::move(log));
  if (ec = udp->open(); ec)
    return Error{errc::io, fmt::format("no UDP socket for {}:{}: {}", address, port, ec.message())};
  return std::unique_ptr<Transport>(std::move(udp));
}

}  // namespace sluice::smp
