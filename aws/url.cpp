#include "aws/url.hpp"

#include <algorithm>

namespace sluice::aws {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-' || c == '_' ||
         c == '.' || c == '~';
}

// Is what follows the host a port, and the host not empty?
bool has_good_authority(const Url& url) {
  if (url.host.empty()) return false;
  const auto port = url.authority.substr(url.host.size());
  return port.empty() || (port.size() > 1 && port.size() <= 6 && port[0] == ':' &&
                          std::ranges::all_of(port.substr(1), is_digit));
}

}  // namespace

std::optional<Url> split_url(std::string_view text) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::ranges::any_of(text, is_control)) return std::nullopt;
  const auto colon = text.find("://");
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  Url url;
  url.scheme = text.substr(0, colon);
  auto rest = text.substr(colon + 3);
  if (rest.find('#') != std::string_view::npos) return std::nullopt;
  const auto end = rest.find_first_of("/?");
  url.authority = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end);
  const auto question = rest.find('?');
  url.path = rest.substr(0, question);
  if (question != std::string_view::npos) url.query = rest.substr(question + 1);
  if (url.authority.find_first_of("@\\ ") != std::string_view::npos) return std::nullopt;
  if (url.authority.starts_with('[')) {
    const auto close = url.authority.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    url.host = url.authority.substr(0, close + 1);
  } else {
    url.host = url.authority.substr(0, url.authority.find(':'));
  }
  if (!has_good_authority(url)) return std::nullopt;
  return url;
}

bool is_loopback(std::string_view host) {
  if (host == "localhost" || host == "[::1]" || host == "::1") return true;
  if (!host.starts_with("127.")) return false;
  // Four numbers: "127.0.0.1.example.com" is somebody else.
  int dots = 0;
  int digits = 0;
  for (const char c : host) {
    if (c == '.') {
      if (digits == 0) return false;
      ++dots;
      digits = 0;
    } else if (!is_digit(c) || ++digits > 3) {
      return false;
    }
  }
  return dots == 3 && digits > 0;
}

std::string percent_encode(std::string_view text, bool keep_slash) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size() + text.size() / 4);
  for (const char c : text) {
    if (is_unreserved(c) || (keep_slash && c == '/')) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kHex[byte >> 4U];
    out += kHex[byte & 15U];
  }
  return out;
}

std::string percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      const int high = hex_value(text[i + 1]);
      const int low = hex_value(text[i + 2]);
      if (high >= 0 && low >= 0) {
        out += static_cast<char>(high * 16 + low);
        i += 2;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

}  // namespace sluice::aws
