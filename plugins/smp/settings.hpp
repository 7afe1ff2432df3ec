// The SMP adapter's part of the configuration: its schema for --describe, and what a valid section means.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "core/error.hpp"
#include "plugins/smp/serial_transport.hpp"
#include "plugins/smp/target.hpp"

namespace sluice::smp {

struct Settings {
  std::string device, model, hardware, topic, token;
  Duration poll = 60s;
  std::optional<SerialOptions> serial;  // else UDP
  std::string address;
  std::uint16_t udp_port = 0;
  TargetOptions target;
};

nlohmann::json settings_schema();
// The section is valid by the schema; what the schema cannot say is checked here.
result<Settings> settings_of(const nlohmann::json& section);

}  // namespace sluice::smp
