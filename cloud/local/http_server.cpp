#include "cloud/local/http_server.hpp"

#include <boost/asio/ip/tcp.hpp>

#include "cloud/local/http_session.hpp"

namespace sluice::cloud {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

class SocketServer final : public HttpServer {
 public:
  SocketServer(const HttpOptions& options, HttpSession::Handler handler)
      : options_(options),
        acceptor_(options.loop),
        retry_(options.clock),
        handler_(std::make_shared<HttpSession::Handler>(std::move(handler))) {}
  ~SocketServer() override { close(); }

  std::uint16_t port() const override { return port_; }

  void close() override {
    error_code ignored;
    acceptor_.close(ignored);
    retry_.cancel();
    for (const auto& weak : std::exchange(sessions_, {})) {
      if (const auto session = weak.lock()) session->reset();
    }
  }

  result<void> open() override {
    error_code ec;
    const auto& where = options_.where;
    const tcp::endpoint endpoint(asio::ip::make_address(where.address), port_ != 0 ? port_ : where.port);
    acceptor_.open(endpoint.protocol(), ec);
    if (!ec) acceptor_.set_option(tcp::acceptor::reuse_address(true), ec);
    if (!ec) acceptor_.bind(endpoint, ec);
    if (!ec) acceptor_.listen(1024, ec);
    if (ec) {
      close();
      return Error{errc::io, "cannot listen on " + where.address + ":" + std::to_string(endpoint.port()) +
                                 ": " + ec.message()};
    }
    port_ = acceptor_.local_endpoint(ec).port();
    accept();
    return {};
  }

 private:
  void accept() {
    acceptor_.async_accept([this, alive = std::weak_ptr(handler_)](error_code ec, tcp::socket socket) {
      // Only the owner's death or close() end the acceptor.
      if (alive.expired() || ec == asio::error::operation_aborted || !acceptor_.is_open()) return;
      if (ec)
        return retry_.start(std::chrono::milliseconds(100), [this] { accept(); });  // no descriptors left
      std::erase_if(sessions_, [](const auto& session) { return session.expired(); });
      if (sessions_.size() < options_.most_sessions) {
        const auto session = make_http_session(std::move(socket), options_, handler_);
        sessions_.push_back(session);
        session->start();
      }
      accept();
    });
  }

  const HttpOptions options_;
  tcp::acceptor acceptor_;
  Timer retry_;
  std::uint16_t port_ = 0;
  std::shared_ptr<HttpSession::Handler> handler_;
  std::vector<std::weak_ptr<HttpSession>> sessions_;
};

}  // namespace

std::string_view HttpRequest::header(std::string_view name) const {
  for (const auto& [known, value] : headers) {
    if (known == name) return value;
  }
  return {};
}

result<std::unique_ptr<HttpServer>> make_http_server(const HttpOptions& options,
                                                     std::function<HttpAnswer(const HttpRequest&)> handler) {
  if (!options.tls && !options.where.loopback) {
    return Error{errc::denied, "the admin port listens on loopback only, not on " + options.where.address};
  }
  auto server = std::make_unique<SocketServer>(options, std::move(handler));
  if (auto done = server->open(); !done) return done.error();
  return std::unique_ptr<HttpServer>(std::move(server));
}

}  // namespace sluice::cloud
