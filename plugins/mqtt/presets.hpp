// The topic shapes that are known without a word in the configuration: Zigbee2MQTT, Tasmota, Shelly. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "plugins/mqtt/rules.hpp"

namespace sluice::site {

struct Preset {
  std::vector<RuleText> rules;
  std::vector<CommandText> commands;
};

// `shape`: zigbee2mqtt, tasmota, shelly, shelly-gen2; of another there are no rules. `base`: the topic in
// front of all; empty: the product's usual one.
Preset preset_of(std::string_view shape, std::string_view base);

}  // namespace sluice::site
