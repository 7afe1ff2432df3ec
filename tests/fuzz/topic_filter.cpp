// Any two lines as a topic filter and a topic name: the iterative match agrees with a naive recursive one.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "mqtt/topic.hpp"

namespace {

using namespace sluice::mqtt;
using Levels = std::vector<std::string_view>;

void must(bool kept) {
  if (!kept) std::abort();
}

Levels split(std::string_view text) {
  Levels levels(1);
  std::size_t start = 0;
  for (std::size_t slash = 0; (slash = text.find('/', start)) != std::string_view::npos; start = slash + 1) {
    levels.back() = text.substr(start, slash - start);
    levels.emplace_back();
  }
  levels.back() = text.substr(start);
  return levels;
}

bool naive(const Levels& filter, std::size_t i, const Levels& topic, std::size_t j, bool parent) {
  if (i == filter.size()) return j == topic.size();
  if (filter[i] == "#") return j < topic.size() || parent;
  if (j == topic.size()) return false;
  return (filter[i] == "+" || filter[i] == topic[j]) && naive(filter, i + 1, topic, j + 1, parent);
}

bool valid_naively(const Levels& filter) {
  for (std::size_t i = 0; i < filter.size(); ++i) {
    if (filter[i] == "#" && i + 1 != filter.size()) return false;
    if (filter[i].size() > 1 && filter[i].find_first_of("+#") != std::string_view::npos) return false;
  }
  return filter.size() <= kMaxLevels;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t line = input.find('\n');
  const std::string_view filter = input.substr(0, line);
  const std::string_view topic = line == std::string_view::npos ? "" : input.substr(line + 1);

  const bool named = valid_topic_name(topic);
  if (named) {
    must(valid_topic_filter(topic) || topic.starts_with("$share/"));
    must(topic_matches(topic, topic, true) && topic_matches(topic, topic, false));
    must(topic_matches("#", topic) == (topic[0] != '$'));
  }
  const bool clean =
      !filter.empty() && filter.size() <= 0xffff && filter.find('\0') == std::string_view::npos;
  const auto shared = split_shared(filter);
  if (!filter.starts_with("$share/")) {
    must(!shared);
    must(valid_topic_filter(filter) == (clean && valid_naively(split(filter))));
  } else {
    must(valid_topic_filter(filter) == shared.has_value());
    if (shared) must(valid_topic_filter(shared->filter) || shared->filter.starts_with("$share/"));
  }
  if (!named || !valid_topic_filter(filter) || shared) return 0;
  const bool hidden = topic[0] == '$' && (filter[0] == '+' || filter[0] == '#');
  for (bool parent : {true, false}) {
    const bool expected = !hidden && naive(split(filter), 0, split(topic), 0, parent);
    must(topic_matches(filter, topic, parent) == expected);
  }
  return 0;
}
