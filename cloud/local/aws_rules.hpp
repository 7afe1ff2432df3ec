// AWS IoT Core's deviations from MQTT, as options of the engine and as checks of topics and filters.
// Source: AWS IoT developer guide, "MQTT"; "AWS IoT Core endpoints and quotas".
#pragma once

#include <optional>
#include <string_view>

#include "mqtt/broker.hpp"

namespace sluice::cloud {

mqtt::BrokerOptions aws_broker_options();

// `$aws/rules/NAME/rest`: what Basic Ingest makes of it.
struct RuleTopic {
  std::string_view rule, rest;
};
std::optional<RuleTopic> rule_topic(std::string_view topic);

struct Refusal {
  mqtt::Reason reason = mqtt::Reason::success;
  std::string_view text;  // static
};

// Why AWS does not take this publish whatever the policy says; nothing if it does.
std::optional<Refusal> publish_refusal(std::string_view topic, std::size_t payload_size, bool retain);
// The same for a filter; shared filters whole.
std::optional<Refusal> subscribe_refusal(std::string_view filter);
std::optional<Refusal> client_id_refusal(std::string_view client_id);

}  // namespace sluice::cloud
