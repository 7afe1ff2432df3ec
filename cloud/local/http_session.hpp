// One connection of the HTTP server: sees whether it speaks TLS, reads requests, writes answers. Private to
// http_server.cpp.
#pragma once

#include <boost/asio/ip/tcp.hpp>

#include "cloud/local/http_server.hpp"

namespace sluice::cloud {

class HttpSession {
 public:
  using Handler = std::function<HttpAnswer(const HttpRequest&)>;
  virtual ~HttpSession() = default;
  virtual void start() = 0;
  virtual void reset() = 0;
};

// The handler is gone when the server is.
std::shared_ptr<HttpSession> make_http_session(boost::asio::ip::tcp::socket socket,
                                               const HttpOptions& options,
                                               std::weak_ptr<HttpSession::Handler> handler);

}  // namespace sluice::cloud
