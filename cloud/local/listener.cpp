#include "cloud/local/listener.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <charconv>
#include <unordered_map>

#include "cloud/local/connection.hpp"

namespace sluice::cloud {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

class SocketListener final : public Listener {
 public:
  explicit SocketListener(Surroundings around)
      : around_(std::move(around)), acceptor_(around_.loop), retry_(around_.clock) {}

  ~SocketListener() override {
    close();
    for (const auto& [raw, connection] : connections_) connection->abandon();
  }

  result<void> open(const std::string& address, std::uint16_t port) override {
    error_code ec;
    const auto ip = asio::ip::make_address(address, ec);
    if (ec) return Error{errc::invalid_argument, "\"" + address + "\" is not an IP address"};
    const tcp::endpoint endpoint(ip, port_ != 0 ? port_ : port);
    acceptor_.open(endpoint.protocol(), ec);
    if (!ec) acceptor_.set_option(tcp::acceptor::reuse_address(true), ec);
    if (!ec) acceptor_.bind(endpoint, ec);
    if (!ec) acceptor_.listen(1024, ec);
    if (ec) {
      close();
      return Error{errc::io, "cannot listen on " + address + ":" + std::to_string(endpoint.port()) + ": " +
                                 ec.message()};
    }
    port_ = acceptor_.local_endpoint(ec).port();
    accept();
    return {};
  }

  void close() override {
    error_code ignored;
    acceptor_.close(ignored);
    retry_.cancel();
  }
  std::uint16_t port() const override { return port_; }
  std::size_t connections() const override { return connections_.size(); }

  void drop_all(const std::string& why) override {
    for (const auto& [raw, connection] : connections_) connection->drop(why);
  }

  void thaw() override {
    // Delivering bytes may end connections; the list must not change under us.
    auto now = connections_;
    for (const auto& [raw, connection] : now) connection->thaw();
  }

 private:
  void accept() {
    acceptor_.async_accept([this, alive = std::weak_ptr(alive_)](error_code ec, tcp::socket socket) {
      if (alive.expired() || ec == asio::error::operation_aborted || !acceptor_.is_open()) return;
      if (ec) {  // no descriptors left: the connection waits in the kernel
        around_.log.warn("accept: {}", ec.message());
        return retry_.start(std::chrono::milliseconds(100), [this] { accept(); });
      }
      if (connections_.size() < around_.maximum_connections) {
        auto connection =
            make_connection(std::move(socket), around_, [this](Accepted* a) { connections_.erase(a); });
        connections_.emplace(connection.get(), connection);
        connection->start();
      }
      accept();
    });
  }

  Surroundings around_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();  // an accept may complete after we have gone
  tcp::acceptor acceptor_;
  Timer retry_;
  std::uint16_t port_ = 0;
  std::unordered_map<Accepted*, std::shared_ptr<Accepted>> connections_;
};

}  // namespace

std::unique_ptr<Listener> make_listener(Listener::Surroundings surroundings) {
  return std::make_unique<SocketListener>(std::move(surroundings));
}

result<HostPort> parse_host_port(const std::string& text) {
  const auto colon = text.rfind(':');
  HostPort parsed;
  if (colon != std::string::npos) {
    parsed.address = text.substr(0, colon);
    if (parsed.address.starts_with('[') && parsed.address.ends_with(']')) {
      parsed.address = parsed.address.substr(1, parsed.address.size() - 2);
    }
    const char* end = text.data() + text.size();
    const auto [ptr, ec] = std::from_chars(text.data() + colon + 1, end, parsed.port);
    error_code bad;
    const auto ip = asio::ip::make_address(parsed.address, bad);
    if (ec == std::errc{} && ptr == end && colon + 1 < text.size() && !bad) {
      parsed.loopback = ip.is_loopback();
      return parsed;
    }
  }
  return Error{errc::invalid_argument,
               "\"" + text + "\" is not ADDRESS:PORT, as in 127.0.0.1:8883 or [::1]:8883"};
}

}  // namespace sluice::cloud
