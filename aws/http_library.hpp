// The functions of libcurl that we call, with the types that its header gives them; loaded when they are
// first needed. Used by http_curl.cpp and what belongs to it.
#pragma once

#include <curl/curl.h>

#include <string>

#include "aws/error.hpp"

namespace sluice::aws {

struct CurlLibrary {
  decltype(&curl_global_init) global_init = nullptr;
  decltype(&curl_global_cleanup) global_cleanup = nullptr;
  decltype(&curl_easy_init) easy_init = nullptr;
  decltype(&curl_easy_setopt) easy_setopt = nullptr;
  decltype(&curl_easy_perform) easy_perform = nullptr;
  decltype(&curl_easy_getinfo) easy_getinfo = nullptr;
  decltype(&curl_easy_reset) easy_reset = nullptr;
  decltype(&curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&curl_easy_strerror) easy_strerror = nullptr;
  decltype(&curl_slist_append) slist_append = nullptr;
  decltype(&curl_slist_free_all) slist_free_all = nullptr;
};

inline constexpr const char* kCurlFile = "libcurl.so.4";  // the ABI of <curl/curl.h>

// Some milliseconds the first time in a process. Errors: network (nothing is reached without it).
result<CurlLibrary> load_curl(const std::string& file = kCurlFile);

}  // namespace sluice::aws
