// libcurl's failures as an Error: the kind, and words that say where and what to do. Never the path or query
// of a URL: they may carry a token. Used by http_curl.cpp only.
#pragma once

#include <string>
#include <string_view>

#include "aws/error.hpp"
#include "aws/http_library.hpp"

namespace sluice::aws {

// `detail` is libcurl's own text of the failure; may be empty.
Error http_error(const CurlLibrary& curl, CURLcode code, std::string_view method, std::string_view origin,
                 std::string_view detail);

}  // namespace sluice::aws
