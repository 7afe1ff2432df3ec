#include "aws/xml_text.hpp"

#include <algorithm>
#include <vector>

namespace sluice::aws {
namespace {

constexpr std::size_t kMostDocument = 256 * 1024;
constexpr std::size_t kMostNested = 32;

std::optional<char> entity(std::string_view name) {
  if (name == "amp") return '&';
  if (name == "lt") return '<';
  if (name == "gt") return '>';
  if (name == "quot") return '"';
  if (name == "apos") return '\'';
  // AWS writes a character as a number only for ASCII (&#xD;).
  if (!name.starts_with('#') || name.size() < 2 || name.size() > 5) return std::nullopt;
  const bool hex = name[1] == 'x';
  unsigned code = 0;
  for (const char c : name.substr(hex ? 2 : 1)) {
    const bool digit = c >= '0' && c <= '9';
    const bool letter = hex && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'));
    if (!digit && !letter) return std::nullopt;
    const auto value = digit ? static_cast<unsigned>(c - '0') : (static_cast<unsigned>(c) | 32U) - 'a' + 10U;
    code = code * (hex ? 16U : 10U) + value;
  }
  if (code == 0 || code > 0x7F) return std::nullopt;
  return static_cast<char>(code);
}

std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '&') {
      out += text[i];
      continue;
    }
    const auto end = text.find(';', i);
    if (end == std::string_view::npos) return std::nullopt;
    const auto c = entity(text.substr(i + 1, end - i - 1));
    if (!c) return std::nullopt;
    out += *c;
    i = end;
  }
  return out;
}

// The element's name, without a prefix of a namespace and without attributes.
std::string_view name_of(std::string_view tag) {
  tag = tag.substr(0, tag.find_first_of(" \t\r\n/"));
  const auto colon = tag.find(':');
  return colon == std::string_view::npos ? tag : tag.substr(colon + 1);
}

}  // namespace

std::optional<std::string> xml_text(std::string_view document, std::initializer_list<std::string_view> way) {
  if (document.size() > kMostDocument) return std::nullopt;
  std::vector<std::string_view> open;
  std::size_t at = 0;
  while ((at = document.find('<', at)) != std::string_view::npos) {
    const auto end = document.find('>', at);
    if (end == std::string_view::npos) return std::nullopt;
    const auto tag = document.substr(at + 1, end - at - 1);
    at = end + 1;
    if (tag.empty() || tag[0] == '!') return std::nullopt;
    if (tag[0] == '?') continue;
    if (tag[0] == '/') {
      if (open.empty() || open.back() != name_of(tag.substr(1))) return std::nullopt;
      open.pop_back();
      continue;
    }
    if (tag.ends_with('/')) continue;  // empty: has no text
    if (open.size() == kMostNested) return std::nullopt;
    open.push_back(name_of(tag));
    if (std::ranges::equal(open, way)) {
      const auto close = document.find('<', at);
      if (close == std::string_view::npos) return std::nullopt;
      return decoded(document.substr(at, close - at));
    }
  }
  return std::nullopt;
}

}  // namespace sluice::aws
