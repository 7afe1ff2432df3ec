// Texts with {names} that are filled from what a rule has captured: device ids, topics, payloads of commands.
// Filled in one pass: what is filled in is never looked at again. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "plugins/mqtt/topic_pattern.hpp"

namespace sluice::site {

class TextTemplate {
 public:
  // Of a topic or id: braces are placeholders, and an unknown one is an error.
  static result<TextTemplate> topic(std::string_view text, std::span<const std::string_view> names);
  // Of a payload (JSON has braces of its own): what is no known placeholder stays as it is.
  static TextTemplate payload(std::string_view text, std::span<const std::string_view> names);

  std::string fill(const Captures& values) const;

 private:
  struct Piece {
    bool is_name = false;
    std::string text;
  };
  std::vector<Piece> pieces_;
};

}  // namespace sluice::site
