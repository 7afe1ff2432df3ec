// What libcurl hands us of an answer, piece by piece, within bounds. Used by http_curl.cpp only.
#pragma once

#include <cstddef>
#include <string_view>

#include "aws/http.hpp"

namespace sluice::aws {

class HttpAnswer {
 public:
  explicit HttpAnswer(std::size_t most_body) : most_body_(most_body) {}

  // False: too much, end the call.
  bool take_header_line(std::string_view line);
  bool take_body(std::string_view piece);

  bool is_too_big() const { return too_big_; }
  HttpResponse response;

 private:
  const std::size_t most_body_;
  std::size_t header_bytes_ = 0;
  bool too_big_ = false;
};

}  // namespace sluice::aws
