#include "plugins/mqtt/topic_pattern.hpp"

#include <algorithm>
#include <array>

#include "mqtt/topic.hpp"

namespace sluice::site {
namespace {

constexpr std::size_t kMostLevels = 32;

bool good_name(std::string_view name) {
  return !name.empty() && name.size() <= 32 &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string_view::npos;
}

Error wrong(std::string_view text, const char* why) {
  return {errc::invalid_argument, "`" + std::string(text) + "`: " + why};
}

}  // namespace

std::string_view value_of(const Captures& captures, std::string_view name) {
  const auto it =
      std::find_if(captures.begin(), captures.end(), [&](const auto& c) { return c.first == name; });
  return it == captures.end() ? std::string_view() : it->second;
}

result<TopicPattern::Level> TopicPattern::parse_level(std::string_view text) {
  using enum Level::Kind;
  if (text == "+") return Level{one, {}, {}, {}};
  if (text == "#") return Level{many, {}, {}, {}};
  const auto open = text.find('{'), close = text.find('}');
  if (open == std::string_view::npos && close == std::string_view::npos) {
    if (text.find_first_of("+#") != std::string_view::npos) return wrong(text, "+ and # are whole levels");
    return Level{literal, std::string(text), {}, {}};
  }
  if (open == std::string_view::npos || close == std::string_view::npos || close < open)
    return wrong(text, "a brace without its partner");
  auto name = text.substr(open + 1, close - open - 1);
  const bool is_many = name.ends_with('#');
  if (is_many) name.remove_suffix(1);
  Level level{is_many ? many : one, std::string(text.substr(0, open)), std::string(name),
              std::string(text.substr(close + 1))};
  if (!good_name(name)) return wrong(text, "names are of a-z and _");
  if ((level.before + level.after).find_first_of("+#{}") != std::string::npos)
    return wrong(text, "one name in a level, and no + or # beside it");
  if (is_many && !(level.before.empty() && level.after.empty()))
    return wrong(text, "a name with # is a whole level");
  return level;
}

result<TopicPattern> TopicPattern::parse(std::string_view text) {
  TopicPattern pattern;
  pattern.text_ = text;
  if (text.empty() || text.size() > 1024) return wrong(text, "a topic has 1 to 1024 bytes");
  mqtt::Levels levels(text);
  for (std::string_view level; levels.next(level);) {
    auto parsed = parse_level(level);
    if (!parsed) return parsed.error();
    if (!parsed->name.empty() && pattern.has(parsed->name)) return wrong(text, "a name is there twice");
    pattern.levels_.push_back(std::move(*parsed));
    if (pattern.levels_.size() > kMostLevels) return wrong(text, "at most 32 levels");
  }
  const auto is_many = [](const Level& level) { return level.kind == Level::Kind::many; };
  const auto found = std::find_if(pattern.levels_.begin(), pattern.levels_.end(), is_many);
  pattern.many_ = static_cast<std::size_t>(found - pattern.levels_.begin());
  if (std::count_if(pattern.levels_.begin(), pattern.levels_.end(), is_many) > 1)
    return wrong(text, "# stands once");
  if (!mqtt::valid_topic_filter(pattern.filter())) return wrong(text, "not a topic");
  return pattern;
}

bool TopicPattern::has(std::string_view name) const {
  return std::any_of(levels_.begin(), levels_.end(), [&](const auto& level) { return level.name == name; });
}

std::vector<std::string_view> TopicPattern::names() const {
  std::vector<std::string_view> all;
  for (const auto& level : levels_) {
    if (!level.name.empty()) all.emplace_back(level.name);
  }
  return all;
}

bool TopicPattern::match(std::string_view topic, Captures& captures) const {
  captures.clear();
  std::array<std::string_view, mqtt::kMaxLevels> given;
  std::array<std::size_t, mqtt::kMaxLevels> begins{};  // of the levels, in the topic
  std::size_t count = 0, begin = 0;
  mqtt::Levels rest(topic);
  for (std::string_view level; rest.next(level);) {
    if (count == given.size()) return false;
    begins[count] = begin;
    given[count++] = level;
    begin += level.size() + 1;
  }
  const bool has_many = many_ < levels_.size();
  if (has_many ? count < levels_.size() : count != levels_.size()) return false;
  // What belongs to the broker ($SYS) is reached by its name only (4.7.2).
  if (topic.starts_with('$') && !levels_[0].before.starts_with('$')) return false;
  const std::size_t spread = count - levels_.size();  // how many levels more than one `many` takes
  std::size_t at = 0;
  for (const auto& level : levels_) {
    auto value = given[at++];
    switch (level.kind) {
      case Level::Kind::literal:
        if (value != level.before) return false;
        continue;
      case Level::Kind::one:
        if (level.name.empty()) continue;
        if (value.size() <= level.before.size() + level.after.size()) return false;
        if (!value.starts_with(level.before) || !value.ends_with(level.after)) return false;
        value.remove_prefix(level.before.size());
        value.remove_suffix(level.after.size());
        break;
      case Level::Kind::many: {
        std::size_t size = value.size();
        for (std::size_t n = 0; n < spread; ++n) size += 1 + given[at++].size();
        value = topic.substr(begins[at - 1 - spread], size);
        break;
      }
    }
    if (!level.name.empty()) captures.emplace_back(level.name, value);
  }
  return true;
}

std::string TopicPattern::filter(const Captures& known) const {
  std::string out;
  for (const auto& level : levels_) {
    if (&level != levels_.data()) out += '/';
    const auto value = level.name.empty() ? std::string_view() : value_of(known, level.name);
    if (level.kind == Level::Kind::literal) {
      out += level.before;
    } else if (!value.empty()) {
      out.append(level.before).append(value).append(level.after);
    } else if (level.kind == Level::Kind::one) {
      out += '+';
    } else {
      return out + '#';
    }
  }
  return out;
}

bool covers(std::string_view wide, std::string_view narrow) {
  if (narrow.starts_with('$') && !wide.starts_with('$')) return false;  // 4.7.2
  mqtt::Levels ours(wide), theirs(narrow);
  std::string_view a, b;
  for (;;) {
    const bool more_a = ours.next(a), more_b = theirs.next(b);
    if (more_a && a == "#") return true;
    if (!more_a || !more_b) return more_a == more_b;
    if (b == "#" || (a != "+" && a != b)) return false;
  }
}

}  // namespace sluice::site
