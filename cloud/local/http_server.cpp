#include "cloud/local/http_server.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <utility>

namespace sluice::cloud {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

constexpr std::uint64_t kMostBody = 1024ULL * 1024;
constexpr std::size_t kMostSessions = 64;
constexpr auto kIdle = std::chrono::seconds(30);

using Handler = std::function<HttpAnswer(const HttpRequest&)>;

// Ends with the server: the handler is reached through a weak pointer.
class AdminSession : public std::enable_shared_from_this<AdminSession> {
 public:
  AdminSession(tcp::socket socket, std::weak_ptr<Handler> handler)
      : stream_(std::move(socket)), handler_(std::move(handler)) {}

  void read() {
    parser_.emplace();
    parser_->body_limit(kMostBody);
    stream_.expires_after(kIdle);
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](beast::error_code ec, std::size_t) {
                       if (!ec) self->answer();
                     });
  }

 private:
  void answer() {
    const auto handler = handler_.lock();
    if (!handler) return;
    const auto& request = parser_->get();
    const std::string method(request.method_string()), target(request.target());
    HttpAnswer answer = (*handler)({method, target, request.body()});
    response_ = {static_cast<http::status>(answer.status), request.version()};
    response_.set(http::field::content_type, "application/json");
    response_.set(http::field::server, "sluice-local-cloud");
    response_.keep_alive(request.keep_alive());
    response_.body() = std::move(answer.body);
    response_.prepare_payload();
    http::async_write(stream_, response_, [self = shared_from_this()](beast::error_code ec, std::size_t) {
      if (!ec && self->response_.keep_alive()) return self->read();
      self->stream_.socket().shutdown(tcp::socket::shutdown_send, ec);
    });
  }

  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> response_;
  std::weak_ptr<Handler> handler_;
};

class LoopbackServer final : public HttpServer {
 public:
  LoopbackServer(tcp::acceptor acceptor, Handler handler)
      : acceptor_(std::move(acceptor)), handler_(std::make_shared<Handler>(std::move(handler))) {
    accept();
  }
  std::uint16_t port() const override {
    beast::error_code ignored;
    return acceptor_.local_endpoint(ignored).port();
  }

 private:
  void accept() {
    acceptor_.async_accept([this, alive = std::weak_ptr(handler_)](beast::error_code ec, tcp::socket socket) {
      // Only the owner's death closes the acceptor.
      if (alive.expired() || ec == asio::error::operation_aborted) return;
      std::erase_if(sessions_, [](const auto& session) { return session.expired(); });
      if (!ec && sessions_.size() < kMostSessions) {
        auto session = std::make_shared<AdminSession>(std::move(socket), handler_);
        sessions_.push_back(session);
        session->read();
      }
      accept();
    });
  }

  tcp::acceptor acceptor_;
  std::shared_ptr<Handler> handler_;
  std::vector<std::weak_ptr<AdminSession>> sessions_;
};

}  // namespace

result<std::unique_ptr<HttpServer>> make_http_server(asio::io_context& loop, const HostPort& where,
                                                     Handler handler) {
  if (!where.loopback) {
    return Error{errc::denied, "the admin port listens on loopback only, not on " + where.address};
  }
  beast::error_code ec;
  const tcp::endpoint endpoint(asio::ip::make_address(where.address), where.port);
  tcp::acceptor acceptor(loop);
  acceptor.open(endpoint.protocol(), ec);
  if (!ec) acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
  if (!ec) acceptor.bind(endpoint, ec);
  if (!ec) acceptor.listen(64, ec);
  if (ec) {
    return Error{errc::io, "cannot listen on " + where.address + ":" + std::to_string(where.port) + ": " +
                               ec.message()};
  }
  return std::unique_ptr<HttpServer>(new LoopbackServer(std::move(acceptor), std::move(handler)));
}

}  // namespace sluice::cloud
