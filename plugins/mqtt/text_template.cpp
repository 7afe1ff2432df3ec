#include "plugins/mqtt/text_template.hpp"

#include <algorithm>

namespace sluice::site {
namespace {

bool knows(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

TextTemplate TextTemplate::payload(std::string_view text, std::span<const std::string_view> names) {
  TextTemplate out;
  std::string literal;
  while (!text.empty()) {
    const auto close = text[0] == '{' ? text.find('}') : std::string_view::npos;
    if (close != std::string_view::npos && knows(names, text.substr(1, close - 1))) {
      if (!literal.empty()) out.pieces_.push_back({false, std::exchange(literal, {})});
      out.pieces_.push_back({true, std::string(text.substr(1, close - 1))});
      text.remove_prefix(close + 1);
    } else {
      literal += text[0];
      text.remove_prefix(1);
    }
  }
  if (!literal.empty()) out.pieces_.push_back({false, std::move(literal)});
  return out;
}

result<TextTemplate> TextTemplate::topic(std::string_view text, std::span<const std::string_view> names) {
  auto out = payload(text, names);
  for (const auto& piece : out.pieces_) {
    if (piece.is_name || piece.text.find_first_of("{}") == std::string::npos) continue;
    std::string allowed;
    for (const auto name : names) allowed += " {" + std::string(name) + "}";
    return Error{errc::invalid_argument,
                 "`" + std::string(text) + "`: an unknown placeholder; allowed here:" + allowed};
  }
  if (out.pieces_.empty()) return Error{errc::invalid_argument, "an empty text"};
  return out;
}

std::string TextTemplate::fill(const Captures& values) const {
  std::string out;
  for (const auto& piece : pieces_) out += piece.is_name ? value_of(values, piece.text) : piece.text;
  return out;
}

}  // namespace sluice::site
