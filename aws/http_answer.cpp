#include "aws/http_answer.hpp"

#include <algorithm>

namespace sluice::aws {
namespace {

constexpr std::size_t kMostHeaderBytes = 64 * 1024;

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

}  // namespace

bool HttpAnswer::take_header_line(std::string_view line) {
  header_bytes_ += line.size();
  if (header_bytes_ > kMostHeaderBytes) {
    too_big_ = true;
    return false;
  }
  if (line.starts_with("HTTP/")) {  // after a 1xx the real headers begin anew
    response.headers.clear();
    return true;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return true;
  std::string name(trimmed(line.substr(0, colon)));
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
  response.headers.emplace_back(std::move(name), trimmed(line.substr(colon + 1)));
  return true;
}

bool HttpAnswer::take_body(std::string_view piece) {
  if (piece.size() > most_body_ - response.body.size()) {
    too_big_ = true;
    return false;
  }
  response.body.append(piece);
  return true;
}

}  // namespace sluice::aws
