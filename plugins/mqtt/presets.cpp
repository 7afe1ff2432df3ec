#include "plugins/mqtt/presets.hpp"

namespace sluice::site {
namespace {

// https://www.zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html; a friendly name may have slashes.
Preset zigbee2mqtt(const std::string& base) {
  return {{{base + "/bridge/devices",
            Role::info,
            {},
            {"/friendly_name", "/definition/model", "/hardware_version", "/software_build_id"}},
           {base + "/bridge/#", Role::ignore, {}, {}},
           {base + "/{name#}/availability", Role::availability, "d/{device}/availability", {}},
           {base + "/{name#}/set", Role::ignore, {}, {}},
           {base + "/{name#}/get", Role::ignore, {}, {}},
           {base + "/{name#}/set/+", Role::ignore, {}, {}},
           {base + "/{name#}/get/+", Role::ignore, {}, {}},
           {base + "/{name#}", Role::reading, "d/{device}/state", {}}},
          {{.match = "d/{device}/cmd/{what#}", .topic = base + "/{name}/{what}"}}};
}

// FullTopic %prefix%/%topic%/, the default; `base` goes in front of it.
Preset tasmota(const std::string& base) {
  const auto top = base.empty() ? std::string() : base + "/";
  return {{{"tasmota/discovery/+/config", Role::info, {}, {"/t", "/md", {}, "/sw"}},
           {top + "tele/{name}/LWT", Role::availability, "d/{device}/availability", {}},
           {top + "tele/{name}/{rest#}", Role::reading, "d/{device}/tele/{rest}", {}},
           {top + "stat/{name}/{rest#}", Role::reading, "d/{device}/stat/{rest}", {}}},
          {{.match = "d/{device}/cmd/{what#}", .topic = top + "cmnd/{name}/{what}"}}};
}

// https://shelly-api-docs.shelly.cloud/gen1/#mqtt
Preset shelly(const std::string& base) {
  const InfoPointers info{"/id", "/model", {}, "/fw_ver"};
  return {{{base + "/announce", Role::info, {}, info},
           {base + "/command", Role::ignore, {}, {}},
           {base + "/{name}/announce", Role::info, {}, info},
           {base + "/{name}/command", Role::ignore, {}, {}},
           {base + "/{name}/#/command", Role::ignore, {}, {}},
           {base + "/{name}/#/set", Role::ignore, {}, {}},
           {base + "/{name}/online", Role::availability, "d/{device}/availability", {}},
           {base + "/{name}/{rest#}", Role::reading, "d/{device}/{rest}", {}}},
          {{.match = "d/{device}/cmd", .topic = base + "/{name}/command"},
           {.match = "d/{device}/cmd/{what#}/set", .topic = base + "/{name}/{what}/set"},
           {.match = "d/{device}/cmd/{what#}", .topic = base + "/{name}/{what}/command"}}};
}

// https://shelly-api-docs.shelly.cloud/gen2/ComponentsAndServices/Mqtt; {name} is the device's topic prefix.
Preset shelly_gen2(const std::string& base) {
  const auto top = base.empty() ? std::string() : base + "/";
  return {{{top + "{name}/online", Role::availability, "d/{device}/availability", {}},
           {top + "{name}/status/{rest#}", Role::reading, "d/{device}/status/{rest}", {}},
           {top + "{name}/events/rpc", Role::reading, "d/{device}/events", {}}},
          {{.match = "d/{device}/cmd/rpc", .topic = top + "{name}/rpc"},
           {.match = "d/{device}/cmd/{what#}", .topic = top + "{name}/command/{what}"}}};
}

}  // namespace

Preset preset_of(std::string_view shape, std::string_view base) {
  const std::string own(base);
  if (shape == "zigbee2mqtt") return zigbee2mqtt(own.empty() ? "zigbee2mqtt" : own);
  if (shape == "tasmota") return tasmota(own);
  if (shape == "shelly") return shelly(own.empty() ? "shellies" : own);
  if (shape == "shelly-gen2") return shelly_gen2(own);
  return {};
}

}  // namespace sluice::site
