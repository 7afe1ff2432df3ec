#include "cloud/local/aws_rules.hpp"

#include <algorithm>

#include "aws/limits.hpp"
#include "mqtt/topic.hpp"

namespace sluice::cloud {
namespace {

using mqtt::Reason;

constexpr std::string_view kRules = "$aws/rules/";

bool too_deep(std::string_view topic) {
  return static_cast<std::size_t>(std::ranges::count(topic, '/')) > aws::kMaxTopicSlashes;
}

// Reserved topics that a device may publish to. The rest of `$` belongs to AWS.
bool open_to_devices(std::string_view topic) {
  static constexpr std::string_view kOpen[] = {kRules,
                                               "$aws/things/",
                                               "$aws/commands/",
                                               "$aws/provisioning-templates/",
                                               "$aws/certificates/",
                                               "$aws/sitewise/",
                                               "$aws/device_location/"};
  return std::ranges::any_of(kOpen, [&](auto prefix) { return topic.starts_with(prefix); });
}

}  // namespace

mqtt::BrokerOptions aws_broker_options() {
  mqtt::BrokerOptions options;
  options.maximum_qos = 1;
  options.subscription_identifiers_available = false;
  options.hash_matches_parent = false;
  options.retained_to_wildcards = false;
  options.minimum_keep_alive = 30;
  options.maximum_keep_alive = 1200;
  options.receive_maximum = 100;
  options.topic_alias_maximum = 8;
  options.maximum_packet_size = 146 * 1024;  // what CONNACK of AWS says: 149,504
  options.maximum_session_expiry = 3600;
  options.maximum_subscriptions = 50;
  options.maximum_filters_per_subscribe = 8;
  options.maximum_retained = 5000;
  options.maximum_inflight = 100;
  options.unauthorized_connack_311 = 7;
  return options;
}

std::optional<RuleTopic> rule_topic(std::string_view topic) {
  if (!topic.starts_with(kRules)) return std::nullopt;
  const auto rest = topic.substr(kRules.size());
  const auto slash = rest.find('/');
  if (slash == std::string_view::npos || slash == 0) return std::nullopt;
  return RuleTopic{rest.substr(0, slash), rest.substr(slash + 1)};
}

std::optional<Refusal> publish_refusal(std::string_view topic, std::size_t payload_size, bool retain) {
  if (payload_size > aws::kMaxPayload)
    return Refusal{Reason::quota_exceeded, "the payload is larger than 128 KB"};
  const auto counted = aws::counted_part(topic);
  if (counted.size() > aws::kMaxTopicBytes)
    return Refusal{Reason::topic_name_invalid, "the topic is longer than 256 bytes"};
  if (too_deep(counted)) return Refusal{Reason::topic_name_invalid, "the topic has more than 7 slashes"};
  if (topic.starts_with('$')) {
    if (!open_to_devices(topic)) return Refusal{Reason::topic_name_invalid, "the topic is reserved"};
    if (topic.starts_with(kRules) && !rule_topic(topic)) {
      return Refusal{Reason::topic_name_invalid, "a Basic Ingest topic is $aws/rules/NAME/..."};
    }
    if (retain) return Refusal{Reason::topic_name_invalid, "reserved topics cannot be retained"};
  }
  return std::nullopt;
}

std::optional<Refusal> subscribe_refusal(std::string_view filter) {
  if (const auto shared = mqtt::split_shared(filter)) {
    if (shared->share_name.size() > 128)
      return Refusal{Reason::topic_filter_invalid, "the share name is too long"};
    filter = shared->filter;
  }
  if (filter.size() > aws::kMaxTopicBytes)
    return Refusal{Reason::topic_filter_invalid, "the filter is longer than 256 bytes"};
  if (too_deep(filter)) return Refusal{Reason::topic_filter_invalid, "the filter has more than 7 slashes"};
  if (filter.starts_with("$aws/rules")) {
    return Refusal{Reason::topic_filter_invalid, "Basic Ingest topics cannot be subscribed"};
  }
  return std::nullopt;
}

std::optional<Refusal> client_id_refusal(std::string_view client_id) {
  if (client_id.size() > aws::kMaxClientIdBytes) {
    return Refusal{Reason::client_identifier_not_valid, "the client id is longer than 128 bytes"};
  }
  if (client_id.starts_with('$'))
    return Refusal{Reason::client_identifier_not_valid, "the client id starts with $"};
  return std::nullopt;
}

}  // namespace sluice::cloud
