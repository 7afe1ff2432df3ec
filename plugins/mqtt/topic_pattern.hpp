// A site's topics with the parts that matter named: `tele/{name}/{rest#}`. What rules match with, and the
// filters that the site's broker is asked for. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.hpp"

namespace sluice::site {

// Name and value; the names belong to the pattern, the values to the topic.
using Captures = std::vector<std::pair<std::string_view, std::string_view>>;
std::string_view value_of(const Captures& captures, std::string_view name);

class TopicPattern {
 public:
  // Levels: literal; `+` or `{x}`, also inside a level (`shelly-{x}`); `#` or `{x#}` for one or more levels,
  // once, anywhere. Names are of a-z and _.
  static result<TopicPattern> parse(std::string_view text);

  bool match(std::string_view topic, Captures& captures) const;
  bool has(std::string_view name) const;
  std::vector<std::string_view> names() const;
  // The narrowest MQTT filter that reaches every topic of the pattern; `known` are filled in.
  std::string filter(const Captures& known = {}) const;
  const std::string& text() const { return text_; }

 private:
  struct Level {
    enum class Kind : unsigned char { literal, one, many };
    Kind kind = Kind::literal;
    std::string before, name, after;  // a literal is in `before`
  };
  static result<Level> parse_level(std::string_view text);

  std::string text_;
  std::vector<Level> levels_;
  std::size_t many_ = 0;  // its place; levels_.size(): there is none
};

// True if everything that `narrow` reaches is reached by `wide`.
bool covers(std::string_view wide, std::string_view narrow);

}  // namespace sluice::site
