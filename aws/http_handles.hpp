// libcurl's handles with their open connections, kept for the next call: a TLS handshake costs more than the
// question. Each handle is one thread's at a time. Used by http_curl.cpp only.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "aws/http_library.hpp"

namespace sluice::aws {

using Handle = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;

class HttpHandles {
 public:
  explicit HttpHandles(std::string curl_file) : curl_file_(std::move(curl_file)) {}
  ~HttpHandles();
  HttpHandles(const HttpHandles&) = delete;
  HttpHandles& operator=(const HttpHandles&) = delete;

  // libcurl, loaded and made ready by the first call; what failed is tried again by the next. Stays where it
  // is as long as this lives.
  result<const CurlLibrary*> library();

  Handle take(const CurlLibrary& curl);  // the one used last: its connection is the most likely to be open
                                         // still. Null: no memory
  void give_back(const CurlLibrary& curl, Handle handle);

 private:
  const std::string curl_file_;
  std::mutex mutex_;
  std::optional<CurlLibrary> curl_;
  std::vector<Handle> idle_;
};

}  // namespace sluice::aws
