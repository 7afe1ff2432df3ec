// What devices say of themselves in payloads: that they are there, and what they are. Bytes of strangers:
// anything is taken, nothing is believed beyond its bounds. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/mqtt/rules.hpp"

namespace sluice::site {

// `online`, `Offline`, `true`, `0`, `{"state":"online"}`, `{"online":false}` …; nothing: none of these.
std::optional<bool> read_availability(std::string_view payload);

struct DeviceInfo {
  std::string name;  // empty: the topic says it
  std::string model, hardware, firmware;
};
// Of a JSON object, or of each object in an array, at most `most`. Texts are cut to what the gateway takes.
std::vector<DeviceInfo> read_info(std::string_view payload, const InfoPointers& pointers, std::size_t most);

}  // namespace sluice::site
