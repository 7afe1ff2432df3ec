// The serial adapter's part of the configuration: its schema (what --describe says) and its typed form.
#pragma once

#include <string>
#include <vector>

#include "core/clock.hpp"
#include "plugins/sdk/adapter.hpp"
#include "plugins/serial/dialect.hpp"
#include "plugins/serial/framing.hpp"
#include "plugins/serial/port.hpp"

namespace sluice::serial {

struct DeviceSettings {
  std::string id, address, token, topic;
  std::string model, hardware, firmware, poll;
  std::vector<std::string> subscribe;
};

struct Settings {
  PortOptions port;
  FramingOptions framing;
  Duration gap{};
  PlainOptions plain;
  std::string codec, codec_config;
  std::vector<DeviceSettings> devices;
  std::string others;  // the id of devices that are not named, with {address}; empty: they are not served
  std::string topic;   // with {device}
  bool polls = false;
  Duration every{}, timeout{}, between{};
  unsigned retries = 0;
};

adapter::Json schema();
// Errors: what the schema cannot say. Reads token files.
result<Settings> read_settings(const adapter::Json& section);

}  // namespace sluice::serial
