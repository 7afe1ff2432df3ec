// An HTTP/1.1 server with one handler: the admin port (plain, loopback only), and the services of AWS that
// speak HTTP (TLS, with or without client certificates; plain too when it comes over loopback). Answers may
// be late or be lost, because that is what the local cloud is for. One loop thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cloud/local/listener.hpp"

namespace sluice::cloud {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string_view method, target, body;
  HttpHeaders headers;         // names in lower case
  std::string address;         // the peer's
  std::string certificate_id;  // of the peer; empty: none was asked for
  // Of the first header of that lower case name; empty: none.
  std::string_view header(std::string_view name) const;
  std::string_view path() const { return target.substr(0, target.find('?')); }
};

struct HttpAnswer {
  unsigned status = 200;
  std::string body;  // JSON, unless a header content-type says otherwise
  HttpHeaders headers = {};
  Duration delay = {};
  bool lost = false;  // the connection is reset instead
};

struct HttpOptions {
  boost::asio::io_context& loop;
  Clock& clock;
  HostPort where;
  std::shared_ptr<boost::asio::ssl::context> tls = {};  // null: plain, loopback only
  Duration latency = {};                                // of every answer, and of the TLS handshake
  std::size_t most_sessions = 64;
};

class HttpServer {
 public:
  virtual ~HttpServer() = default;
  virtual std::uint16_t port() const = 0;
  // Stops listening and resets all connections.
  virtual void close() = 0;
  // Listens again, on the same port.
  virtual result<void> open() = 0;
};

// Listening. The handler runs on the loop.
result<std::unique_ptr<HttpServer>> make_http_server(const HttpOptions& options,
                                                     std::function<HttpAnswer(const HttpRequest&)> handler);

}  // namespace sluice::cloud
