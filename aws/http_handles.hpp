// libcurl's handles with their open connections, kept for the next call: a TLS handshake costs more than the
// question. Each handle is one thread's at a time. Used by http_curl.cpp only.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <mutex>
#include <vector>

namespace sluice::aws {

struct FreeHandle {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
using Handle = std::unique_ptr<CURL, FreeHandle>;

class HttpHandles {
 public:
  HttpHandles();
  ~HttpHandles();
  HttpHandles(const HttpHandles&) = delete;
  HttpHandles& operator=(const HttpHandles&) = delete;

  Handle take();  // the one used last: its connection is the most likely to be open still. Null: no memory
  void give_back(Handle handle);

 private:
  std::mutex mutex_;
  std::vector<Handle> idle_;
};

}  // namespace sluice::aws
