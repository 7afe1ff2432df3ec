// A small HTTP/1.1 server for the admin port: loopback only, one handler, JSON bodies. No TLS, no
// authentication: who may reach the loopback may break the local cloud, which is what it is for.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "cloud/local/listener.hpp"

namespace sluice::cloud {

struct HttpRequest {
  std::string_view method, target, body;
};
struct HttpAnswer {
  unsigned status = 200;
  std::string body;  // JSON
};

class HttpServer {
 public:
  virtual ~HttpServer() = default;
  virtual std::uint16_t port() const = 0;
};

// Refuses addresses that are not loopback.
result<std::unique_ptr<HttpServer>> make_http_server(boost::asio::io_context& loop, const HostPort& where,
                                                     std::function<HttpAnswer(const HttpRequest&)> handler);

}  // namespace sluice::cloud
