#include "cloud/local/http_session.hpp"

#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/detect_ssl.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <optional>
#include <utility>

#include "cloud/local/certificates.hpp"

namespace sluice::cloud {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

constexpr std::uint64_t kMostBody = 1024ULL * 1024;
constexpr std::uint32_t kMostHeader = 16 * 1024;
constexpr auto kIdle = std::chrono::seconds(30);

class Session final : public HttpSession, public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, const HttpOptions& options, std::weak_ptr<Handler> handler)
      : stream_(std::move(socket)),
        tls_context_(options.tls),
        latency_(options.latency),
        handler_(std::move(handler)),
        pause_(options.clock) {
    beast::error_code ec;
    const auto remote = stream_.socket().remote_endpoint(ec);
    if (!ec) address_ = remote.address().to_string();
    loopback_ = !ec && remote.address().is_loopback();
    stream_.socket().set_option(tcp::no_delay(true), ec);
  }

  void start() override {
    stream_.expires_after(kIdle);
    if (!tls_context_) return read();
    beast::async_detect_ssl(stream_, buffer_, [self = shared_from_this()](beast::error_code ec, bool tls) {
      if (ec || self->done_) return;
      if (tls) return self->after(self->latency_, [self] { self->handshake(); });
      // A password in clear may go over loopback and nowhere else.
      if (self->loopback_) self->read();
    });
  }

  void reset() override {
    done_ = true;
    pause_.cancel();
    beast::error_code ignored;
    stream_.socket().set_option(tcp::socket::linger(true, 0), ignored);
    stream_.close();
  }

 private:
  template <typename Fn>
  void after(Duration delay, Fn fn) {
    if (delay <= Duration::zero()) return fn();
    pause_.start(delay, std::move(fn));
  }

  template <typename Fn>
  void with_stream(Fn fn) {
    if (tls_) {
      fn(*tls_);
    } else {
      fn(stream_);
    }
  }

  void handshake() {
    tls_.emplace(stream_, *tls_context_);
    tls_->async_handshake(asio::ssl::stream_base::server, buffer_.data(),
                          [self = shared_from_this()](beast::error_code ec, std::size_t used) {
                            if (ec || self->done_) return;
                            self->buffer_.consume(used);
                            if (const X509* peer = SSL_get0_peer_certificate(self->tls_->native_handle()))
                              self->certificate_id_ = certificate_id(peer);
                            self->read();
                          });
  }

  void read() {
    if (done_) return;
    parser_.emplace();
    parser_->body_limit(kMostBody);
    parser_->header_limit(kMostHeader);
    stream_.expires_after(kIdle);
    with_stream([this](auto& stream) {
      http::async_read(stream, buffer_, *parser_,
                       [self = shared_from_this()](beast::error_code ec, std::size_t) {
                         if (ec || self->done_) return;
                         self->answer();
                       });
    });
  }

  void answer() {
    const auto handler = handler_.lock();
    if (!handler) return;
    const auto& message = parser_->get();
    const std::string method(message.method_string()), target(message.target());
    HttpRequest request{method, target, message.body(), {}, address_, certificate_id_};
    for (const auto& field : message) {
      std::string name(field.name_string());
      for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      request.headers.emplace_back(std::move(name), std::string(field.value()));
    }
    HttpAnswer answer = (*handler)(request);
    if (answer.lost) return reset();
    response_ = {static_cast<http::status>(answer.status), message.version()};
    response_.set(http::field::content_type, "application/json");
    response_.set(http::field::server, "sluice-local-cloud");
    for (const auto& [name, value] : answer.headers) response_.set(name, value);
    response_.keep_alive(message.keep_alive());
    response_.body() = std::move(answer.body);
    response_.prepare_payload();
    stream_.expires_never();  // a late answer is no idle peer
    after(answer.delay + latency_, [self = shared_from_this()] { self->write(); });
  }

  void write() {
    stream_.expires_after(kIdle);
    with_stream([this](auto& stream) {
      http::async_write(stream, response_, [self = shared_from_this()](beast::error_code ec, std::size_t) {
        if (ec || self->done_) return;
        if (self->response_.keep_alive()) return self->read();
        self->farewell();
      });
    });
  }

  void farewell() {
    const auto end = [self = shared_from_this()](beast::error_code) {
      beast::error_code ignored;
      self->stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    };
    if (tls_) {
      tls_->async_shutdown(end);
    } else {
      end({});
    }
  }

  beast::tcp_stream stream_;
  std::shared_ptr<asio::ssl::context> tls_context_;
  std::optional<asio::ssl::stream<beast::tcp_stream&>> tls_;
  const Duration latency_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> response_;
  std::weak_ptr<Handler> handler_;
  std::string address_, certificate_id_;
  bool loopback_ = false, done_ = false;
  Timer pause_;
};

}  // namespace

std::shared_ptr<HttpSession> make_http_session(tcp::socket socket, const HttpOptions& options,
                                               std::weak_ptr<HttpSession::Handler> handler) {
  return std::make_shared<Session>(std::move(socket), options, std::move(handler));
}

}  // namespace sluice::cloud
