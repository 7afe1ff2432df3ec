#include "uplink/command_topic.hpp"

#include <algorithm>
#include <initializer_list>
#include <utility>

namespace sluice::uplink {
namespace {

std::string filled(std::string_view text,
                   std::initializer_list<std::pair<std::string_view, std::string_view>> values) {
  std::string out;
  while (!text.empty()) {
    if (text.front() == '{') {
      const auto close = text.find('}');
      const auto name = close == std::string_view::npos ? std::string_view{} : text.substr(1, close - 1);
      bool known = false;
      for (const auto& [key, value] : values) {
        if (key == name) {
          out.append(value);
          known = true;
        }
      }
      if (known) {
        text.remove_prefix(close + 1);
        continue;
      }
    }
    out.push_back(text.front());
    text.remove_prefix(1);
  }
  return out;
}

std::string_view take_level(std::string_view& rest) {
  const auto slash = rest.find('/');
  const auto level = rest.substr(0, slash);
  rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
  return level;
}

// 4.7; AWS's `a/#` does not match `a`, and here neither.
bool matches(std::string_view filter, std::string_view topic) {
  for (;;) {
    const bool last_filter = filter.find('/') == std::string_view::npos;
    const bool last_topic = topic.find('/') == std::string_view::npos;
    const auto want = take_level(filter);
    if (want == "#") return true;
    const auto have = take_level(topic);
    if (want != "+" && want != have) return false;
    if (last_filter || last_topic) return last_filter && last_topic;
  }
}

}  // namespace

std::vector<std::string> command_filters(const CloudOptions& options, std::string_view thing) {
  std::vector<std::string> out;
  out.reserve(options.commands.size());
  for (const auto& filter : options.commands) out.push_back(filled(filter, {{"thing", thing}}));
  return out;
}

bool local_topic(const std::vector<std::string>& filters, std::string_view to, std::string_view thing,
                 bool gateway, std::string_view topic, LocalTopic& out) {
  for (const auto& filter : filters) {
    if (!matches(filter, topic)) continue;
    auto rest = topic.substr(std::min(topic.size(), std::min(filter.find_first_of("+#"), filter.size())));
    out.device = gateway ? std::string(take_level(rest)) : std::string(thing);
    out.topic = filled(to, {{"device", out.device}, {"thing", thing}, {"rest", rest}});
    if (rest.empty() && out.topic.ends_with('/')) out.topic.pop_back();
    return true;
  }
  return false;
}

}  // namespace sluice::uplink
