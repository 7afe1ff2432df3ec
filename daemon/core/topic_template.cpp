#include "core/topic_template.hpp"

#include <algorithm>

namespace sluice {
namespace {

std::string allowed(std::span<const std::string_view> names, std::size_t wildcards) {
  std::string text = "allowed:";
  for (const auto name : names) text += " {" + std::string(name) + "}";
  for (std::size_t n = 1; n <= std::min(wildcards, kMaxWildcards); ++n)
    text += " {" + std::to_string(n) + "}";
  if (names.empty() && wildcards == 0) text += " none";
  return text;
}

bool is_number(std::string_view name) { return name.size() == 1 && name[0] >= '1' && name[0] <= '9'; }

// Cuts the first level off `rest`.
std::string_view take_level(std::string_view& rest) {
  const auto slash = rest.find('/');
  const auto level = rest.substr(0, slash);
  rest = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash + 1);
  return level;
}

}  // namespace

result<TopicTemplate> TopicTemplate::parse(std::string_view text, std::span<const std::string_view> names,
                                           std::size_t wildcards) {
  TopicTemplate out;
  while (!text.empty()) {
    const auto brace = text.find_first_of("{}");
    const auto literal = text.substr(0, brace);
    if (!literal.empty()) {
      out.literal_bytes_ += literal.size();
      out.literal_slashes_ += static_cast<std::size_t>(std::count(literal.begin(), literal.end(), '/'));
      out.pieces_.push_back({Kind::literal, 0, std::string(literal)});
    }
    if (brace == std::string_view::npos) break;
    const auto end = text.find('}', brace);
    if (text[brace] == '}' || end == std::string_view::npos) {
      return Error{errc::invalid_argument, "a brace without its partner; placeholders are written {device}"};
    }
    const auto name = text.substr(brace + 1, end - brace - 1);
    const auto found = std::find(names.begin(), names.end(), name);
    if (found != names.end()) {
      out.pieces_.push_back({Kind::name, static_cast<std::size_t>(found - names.begin()), {}});
    } else if (is_number(name) && static_cast<std::size_t>(name[0] - '0') <= wildcards) {
      out.pieces_.push_back({Kind::level, static_cast<std::size_t>(name[0] - '1'), {}});
    } else {
      return Error{errc::invalid_argument,
                   "unknown placeholder {" + std::string(name) + "}; " + allowed(names, wildcards)};
    }
    out.constant_ = false;
    text = text.substr(end + 1);
  }
  return out;
}

void TopicTemplate::render(std::span<const std::string_view> values, std::span<const std::string_view> levels,
                           std::string& out) const {
  for (const auto& piece : pieces_) {
    switch (piece.kind) {
      case Kind::literal:
        out += piece.literal;
        break;
      case Kind::name:
        out += values[piece.index];
        break;
      case Kind::level:
        out += levels[piece.index];
        break;
    }
  }
}

std::size_t wildcard_count(std::string_view filter) {
  std::size_t count = 0;
  for (bool more = true; more;) {
    more = filter.find('/') != std::string_view::npos;
    const auto level = take_level(filter);
    if (level == "+" || level == "#") ++count;
  }
  return count;
}

std::size_t capture_wildcards(std::string_view filter, std::string_view topic,
                              std::array<std::string_view, kMaxWildcards>& levels) {
  std::size_t count = 0;
  for (bool more = true; more && count < kMaxWildcards;) {
    more = filter.find('/') != std::string_view::npos;
    const auto wanted = take_level(filter);
    if (wanted == "#") {
      levels[count++] = topic;
      break;
    }
    const auto level = take_level(topic);
    if (wanted == "+") levels[count++] = level;
  }
  return count;
}

}  // namespace sluice
