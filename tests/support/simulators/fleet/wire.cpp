#include "fleet/wire.hpp"

#include <openssl/ssl.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_static_buffer.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <charconv>
#include <type_traits>

namespace sluice::fleet {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace {

using asio::ip::tcp;
using Code = Wire::Code;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kReadSize = 16 * 1024;

asio::awaitable<Code> connect_tcp(asio::io_context& loop, tcp::socket& socket, const Url& url) {
  tcp::resolver resolver(loop);
  auto [not_found, addresses] = co_await resolver.async_resolve(url.host, url.port, kAwait);
  if (not_found) co_return not_found;
  auto [refused, endpoint] = co_await asio::async_connect(socket, addresses, kAwait);
  if (refused) co_return refused;
  Code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  co_return Code{};
}

template <typename Stream>
asio::awaitable<Code> handshake(Stream& stream, const std::string& host) {
  if (SSL_set_tlsext_host_name(stream.native_handle(), host.c_str()) != 1 ||
      SSL_set1_host(stream.native_handle(), host.c_str()) != 1) {
    co_return asio::error::invalid_argument;
  }
  auto [failed] = co_await stream.async_handshake(asio::ssl::stream_base::client, kAwait);
  co_return failed;
}

// What every wire is: a stream of Asio's kind over a TCP socket.
template <typename Stream>
class StreamWire : public Wire {
 public:
  template <typename... A>
  StreamWire(asio::io_context& loop, const Url& url, A&&... more)
      : loop_(loop), url_(url), stream_(loop, std::forward<A>(more)...) {}

  asio::awaitable<Code> read(std::string& into) override {
    const auto before = into.size();
    into.resize(before + kReadSize);
    auto [failed, size] =
        co_await stream_.async_read_some(asio::buffer(into.data() + before, kReadSize), kAwait);
    into.resize(before + size);
    co_return failed;
  }
  void close() override {
    Code ignored;
    beast::get_lowest_layer(stream_).close(ignored);
  }

 protected:
  // TCP, then TLS if `below` (the stream itself, or what a WebSocket runs over) has it.
  template <typename Below>
  asio::awaitable<Code> connect_below(Below& below) {
    auto failed = co_await connect_tcp(loop_, beast::get_lowest_layer(stream_), url_);
    if constexpr (!std::is_same_v<Below, tcp::socket>) {
      if (!failed) failed = co_await handshake(below, url_.host);
    }
    co_return failed;
  }

  asio::io_context& loop_;
  Url url_;
  Stream stream_;
};

// Stream: tcp::socket or beast::ssl_stream<tcp::socket>.
template <typename Stream>
class PlainWire final : public StreamWire<Stream> {
 public:
  using StreamWire<Stream>::StreamWire;

  asio::awaitable<Code> connect() override { return this->connect_below(this->stream_); }
  asio::awaitable<Code> write(asio::const_buffer bytes) override {
    auto [failed, size] = co_await asio::async_write(this->stream_, bytes, kAwait);
    co_return failed;
  }
};

// 6: MQTT in binary frames, subprotocol "mqtt"; frame borders mean nothing.
template <typename Below>
class WebSocketWire final : public StreamWire<beast::websocket::stream<Below>> {
 public:
  using StreamWire<beast::websocket::stream<Below>>::StreamWire;

  asio::awaitable<Code> connect() override {
    auto& stream = this->stream_;
    const auto failed = co_await this->connect_below(stream.next_layer());
    if (failed) co_return failed;
    stream.binary(true);
    stream.set_option(beast::websocket::stream_base::decorator([](beast::websocket::request_type& request) {
      request.set(beast::http::field::sec_websocket_protocol, "mqtt");
    }));
    const auto host = this->url_.host + ":" + this->url_.port;
    auto [refused] = co_await stream.async_handshake(host, this->url_.path, kAwait);
    co_return refused;
  }
  asio::awaitable<Code> write(asio::const_buffer bytes) override {
    auto [failed, size] = co_await this->stream_.async_write(bytes, kAwait);
    co_return failed;
  }
};

}  // namespace

result<Url> parse_url(const std::string& text) {
  Url url;
  url.text = text;
  const auto scheme_end = text.find("://");
  const auto scheme = text.substr(0, scheme_end);
  if (scheme == "mqtt" || scheme == "mqtts") {
    url.port = scheme == "mqtt" ? "1883" : "8883";
  } else if (scheme == "ws" || scheme == "wss") {
    url.port = scheme == "ws" ? "80" : "443";
    url.websocket = true;
  }
  if (scheme_end == std::string::npos || url.port.empty()) {
    return Error{errc::invalid_argument, text + ": it is mqtt://, mqtts://, ws:// or wss:// HOST[:PORT]"};
  }
  url.tls = scheme.ends_with('s') && scheme != "ws";
  auto rest = text.substr(scheme_end + 3);
  if (const auto slash = rest.find('/'); slash != std::string::npos) {
    if (url.websocket) url.path = rest.substr(slash);
    rest.resize(slash);
  }
  const auto colon = rest.rfind(':');
  if (rest.starts_with('[')) {
    const auto end = rest.find(']');
    if (end == std::string::npos) return Error{errc::invalid_argument, text + ": a bracket is not closed"};
    url.host = rest.substr(1, end - 1);
    if (colon != std::string::npos && colon > end) url.port = rest.substr(colon + 1);
  } else {
    url.host = rest.substr(0, colon);
    if (colon != std::string::npos) url.port = rest.substr(colon + 1);
  }
  std::uint16_t port = 0;
  const auto parsed = std::from_chars(url.port.data(), url.port.data() + url.port.size(), port);
  if (url.host.empty() || parsed.ec != std::errc() || parsed.ptr != url.port.data() + url.port.size() ||
      port == 0) {
    return Error{errc::invalid_argument, text + ": host or port is missing or wrong"};
  }
  return url;
}

std::unique_ptr<Wire> make_wire(asio::io_context& loop, const Url& url, asio::ssl::context& tls) {
  using Tls = beast::ssl_stream<tcp::socket>;
  if (url.websocket) {
    if (url.tls) return std::make_unique<WebSocketWire<Tls>>(loop, url, tls);
    return std::make_unique<WebSocketWire<tcp::socket>>(loop, url);
  }
  if (url.tls) return std::make_unique<PlainWire<Tls>>(loop, url, tls);
  return std::make_unique<PlainWire<tcp::socket>>(loop, url);
}

}  // namespace sluice::fleet
