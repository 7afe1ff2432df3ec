// The mqtt adapter's part of the configuration: its schema (what --describe says) and its typed form.
#pragma once

#include <string>
#include <vector>

#include "plugins/mqtt/rules.hpp"
#include "plugins/mqtt/site_link.hpp"
#include "plugins/sdk/adapter.hpp"

namespace sluice::site {

struct DeviceSettings {
  std::string id, name, token;  // `name`: on the site's broker
  std::string model, hardware, firmware;
};

struct Settings {
  LinkSettings link;
  RuleBook rules;
  std::vector<DeviceSettings> devices;
  std::string others;    // the id of devices that are not named, with {name}; empty: they are not served
  bool retained = true;  // what the broker had kept counts as a reading
};

adapter::Json schema();
// Errors: what the schema cannot say. Reads the files of secrets. `adapter`: its name, for the client id.
result<Settings> read_settings(const adapter::Json& section, const std::string& adapter);

}  // namespace sluice::site
