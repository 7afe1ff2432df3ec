// The one HTTPS client (libcurl): proxies from the environment, TLS verification always on, bounded answers.
// Calls block: for functions, workers and tests, never for a loop. One Http may be used by several threads at
// once. libcurl is loaded by the first call; where it is missing, calls fail until it is there.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aws/error.hpp"

namespace sluice::aws {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method = "GET";
  std::string
      url;  // https://host[:port]/path?query, path and query encoded already; http:// to loopback only
  Headers headers;
  std::string body;
  std::chrono::milliseconds timeout = std::chrono::seconds(20);  // of the whole exchange
};

struct HttpResponse {
  unsigned status = 0;
  Headers headers;  // names in lower case
  std::string body;
  // The first header of that (lower case) name; empty: none.
  std::string_view header(std::string_view name) const;
};

struct HttpOptions {
  std::string ca_pem;  // the roots to trust; empty: the system's
  std::string certificate_pem,
      key_pem;  // our own identity for mutual TLS; empty: none. Never written to disk
  std::chrono::milliseconds connect_timeout = std::chrono::seconds(10);
  std::size_t most_response = 6 * 1024 * 1024;   // bytes of a body; beyond: Kind::protocol
  std::vector<std::string> connect_to;           // curl's CONNECT_TO lines, for tests and VPC endpoints
  std::string curl_file;                         // libcurl; empty: the system's
  const std::atomic<bool>* cancelled = nullptr;  // set: a running call ends soon with Kind::network
};

class Http {
 public:
  virtual ~Http() = default;
  // An HTTP status of any kind is a response, not an Error.
  virtual result<HttpResponse> send(const HttpRequest& request) = 0;
};

std::unique_ptr<Http> make_http(HttpOptions options);

}  // namespace sluice::aws
