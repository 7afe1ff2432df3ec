#include "aws/json_text.hpp"

#include <algorithm>

namespace sluice::aws {
namespace {

constexpr std::size_t kMostDepth = 64;

// Deep nesting costs the parser's memory and a destructor's stack; no service of ours nests deeper.
bool is_too_deep(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMostDepth) return true;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return false;
}

}  // namespace

std::optional<nlohmann::json> parse_object(std::string_view text, std::size_t most) {
  if (text.size() > most || is_too_deep(text)) return std::nullopt;
  auto value = nlohmann::json::parse(text, nullptr, false);
  if (!value.is_object()) return std::nullopt;
  return value;
}

std::optional<std::string> string_in(const nlohmann::json& object, std::string_view key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

std::string text_in(const nlohmann::json& object, std::string_view key) {
  return string_in(object, key).value_or(std::string{});
}

std::string dumped(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace sluice::aws
