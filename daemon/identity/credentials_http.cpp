#include "identity/credentials_http.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <optional>
#include <set>
#include <utility>

#include "aws/url.hpp"

namespace sluice::identity {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

LoopbackAnswer transport_refusal(unsigned status, const std::string& code, const std::string& message) {
  return {status, R"({"code":")" + code + R"(","message":")" + message + "\"}", 0, false};
}

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, Clock& clock, std::weak_ptr<const LoopbackHttp::Handler> handler,
          std::function<void(Session*)> closed)
      : socket_(std::move(socket)),
        deadline_(clock),
        handler_(std::move(handler)),
        closed_(std::move(closed)) {}

  void read() {
    parser_.emplace();
    parser_->header_limit(kMostCredentialsHeader);
    parser_->body_limit(0);
    deadline_.start(kCredentialsReadTime, [this] { end(); });
    http::async_read(socket_, buffer_, *parser_,
                     [self = shared_from_this()](beast::error_code ec, std::size_t) { self->was_read(ec); });
  }

  void end() {
    deadline_.cancel();
    beast::error_code ignored;
    socket_.close(ignored);
    if (const auto closed = std::exchange(closed_, {})) closed(this);
  }

 private:
  void was_read(beast::error_code ec) {
    if (!socket_.is_open()) return;
    if (ec == http::error::header_limit || ec == http::error::buffer_overflow) {
      return write(
          transport_refusal(431, "RequestTooLarge", "the request line and headers have more than 8 KiB"));
    }
    if (ec == http::error::body_limit)
      return write(transport_refusal(413, "RequestTooLarge", "a GET carries no body"));
    if (ec.category() == http::make_error_code(http::error::bad_method).category() &&
        ec != http::error::end_of_stream && ec != http::error::partial_message) {
      return write(transport_refusal(400, "BadRequest", "this is no HTTP/1.1 request"));
    }
    if (ec) return end();
    const auto& request = parser_->get();
    const auto origin = "http://" + std::string(request[http::field::host]);
    if (const auto url = aws::split_url(origin); !url || !aws::is_loopback(url->host)) {
      return write(
          transport_refusal(403, "Forbidden", "Host must be the loopback address that is listened on"));
    }
    if (request.method() != http::verb::get)
      return write(transport_refusal(405, "MethodNotAllowed", "only GET is answered"));
    const auto handler = handler_.lock();
    if (!handler) return end();
    const std::string target(request.target());
    keep_alive_ = request.keep_alive();
    deadline_.start(kCredentialsAnswerTime, [this] { end(); });
    // The answer may come when this session, or the whole server, has gone.
    (*handler)({target.substr(0, target.find('?')), std::string(request[http::field::authorization])},
               [weak = weak_from_this()](LoopbackAnswer answer) {
                 if (const auto self = weak.lock(); self && self->socket_.is_open())
                   self->write(std::move(answer));
               });
  }

  void write(LoopbackAnswer answer) {
    response_ = {static_cast<http::status>(answer.status), 11};
    response_.set(http::field::content_type, "application/json");
    response_.set(http::field::cache_control, "no-store");
    if (answer.retry_after_s > 0)
      response_.set(http::field::retry_after, std::to_string(answer.retry_after_s));
    response_.keep_alive(keep_alive_ && answer.keep_alive);
    response_.body() = std::move(answer.body);
    response_.prepare_payload();
    deadline_.start(kCredentialsAnswerTime, [this] { end(); });
    http::async_write(socket_, response_, [self = shared_from_this()](beast::error_code ec, std::size_t) {
      if (!self->socket_.is_open()) return;
      if (!ec && self->response_.keep_alive()) return self->read();
      self->end();
    });
  }

  tcp::socket socket_;
  Timer deadline_;
  std::weak_ptr<const LoopbackHttp::Handler> handler_;
  std::function<void(Session*)> closed_;
  beast::flat_buffer buffer_{kMostCredentialsHeader + 1024};
  std::optional<http::request_parser<http::empty_body>> parser_;
  http::response<http::string_body> response_;
  bool keep_alive_ = false;
};

class Server final : public LoopbackHttp {
 public:
  Server(tcp::acceptor acceptor, Clock& clock, Handler handler)
      : acceptor_(std::move(acceptor)),
        clock_(clock),
        handler_(std::make_shared<const Handler>(std::move(handler))),
        scarcity_(clock) {
    accept();
  }
  ~Server() override {
    for (const auto& session : std::exchange(sessions_, {})) session->end();
  }
  std::uint16_t port() const override {
    beast::error_code ignored;
    return acceptor_.local_endpoint(ignored).port();
  }
  std::uint64_t turned_away() const override { return turned_away_; }

 private:
  void accept() {
    acceptor_.async_accept([this, alive = std::weak_ptr(handler_)](beast::error_code ec, tcp::socket socket) {
      if (alive.expired() || ec == asio::error::operation_aborted) return;
      // No descriptor or no memory: accepting at once again would only spin.
      if (ec) return scarcity_.start(250ms, [this] { accept(); });
      if (sessions_.size() >= kMostCredentialsConnections) {
        ++turned_away_;  // the socket closes here
      } else {
        const auto session =
            std::make_shared<Session>(std::move(socket), clock_, handler_, [this, alive](Session* gone) {
              if (!alive.expired())
                std::erase_if(sessions_, [gone](const auto& kept) { return kept.get() == gone; });
            });
        sessions_.insert(session);
        session->read();
      }
      accept();
    });
  }

  tcp::acceptor acceptor_;
  Clock& clock_;
  std::shared_ptr<const Handler> handler_;
  Timer scarcity_;
  std::set<std::shared_ptr<Session>> sessions_;
  std::uint64_t turned_away_ = 0;
};

struct Place {
  std::string host;
  std::uint16_t port = 0;
};

std::optional<Place> place_of(const std::string& listen) {
  const auto text = "http://" + listen;
  const auto url = aws::split_url(text);
  if (!url || !url->path.empty() || !url->query.empty() || url->authority.size() <= url->host.size() + 1 ||
      !aws::is_loopback(url->host)) {
    return std::nullopt;
  }
  const auto digits = url->authority.substr(url->host.size() + 1);
  Place place{std::string(url->host == "localhost" ? "127.0.0.1" : url->host), 0};
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), place.port);
  if (problem != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  if (place.host.starts_with('[')) place.host = place.host.substr(1, place.host.size() - 2);
  return place;
}

}  // namespace

result<std::unique_ptr<LoopbackHttp>> listen_on_loopback(asio::io_context& loop, Clock& clock,
                                                         const std::string& listen,
                                                         LoopbackHttp::Handler handler) {
  const auto place = place_of(listen);
  if (!place) {
    return Error{errc::invalid_argument,
                 "credentials.listen is `" + listen +
                     "`; it must be a loopback address with a port, like 127.0.0.1:9911"};
  }
  beast::error_code ec;
  const auto address = asio::ip::make_address(place->host, ec);
  tcp::acceptor acceptor(loop);
  const tcp::endpoint endpoint(address, place->port);
  if (!ec) acceptor.open(endpoint.protocol(), ec);
  if (!ec) acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
  if (!ec) acceptor.bind(endpoint, ec);
  if (!ec) acceptor.listen(64, ec);
  if (ec)
    return Error{errc::io, "cannot listen on " + listen + " for temporary credentials: " + ec.message()};
  return std::unique_ptr<LoopbackHttp>(new Server(std::move(acceptor), clock, std::move(handler)));
}

}  // namespace sluice::identity
