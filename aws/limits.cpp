#include "aws/limits.hpp"

#include <algorithm>

namespace sluice::aws {

std::string_view counted_part(std::string_view topic) {
  constexpr std::string_view kRules = "$aws/rules/";
  if (!topic.starts_with(kRules)) return topic;
  const auto slash = topic.find('/', kRules.size());
  return slash == std::string_view::npos ? std::string_view{} : topic.substr(slash + 1);
}

std::optional<std::string> publish_problem(std::string_view topic, std::size_t payload_size) {
  if (payload_size > kMaxPayload) {
    return "payload of " + std::to_string(payload_size) + " bytes; AWS IoT takes at most " +
           std::to_string(kMaxPayload);
  }
  const auto counted = counted_part(topic);
  if (topic.empty()) return "empty topic";
  if (counted.size() > kMaxTopicBytes) {
    return "topic of " + std::to_string(counted.size()) + " bytes; AWS IoT takes at most " +
           std::to_string(kMaxTopicBytes);
  }
  const auto slashes = static_cast<std::size_t>(std::count(counted.begin(), counted.end(), '/'));
  if (slashes > kMaxTopicSlashes) {
    return "topic with " + std::to_string(slashes) + " slashes; AWS IoT takes at most " +
           std::to_string(kMaxTopicSlashes);
  }
  return std::nullopt;
}

}  // namespace sluice::aws
