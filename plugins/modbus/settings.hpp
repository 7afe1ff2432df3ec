// The Modbus adapter's part of the configuration: its schema (what --describe says) and its typed form.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "plugins/modbus/line_settings.hpp"
#include "plugins/modbus/unit_state.hpp"
#include "plugins/sdk/adapter.hpp"

namespace sluice::modbus {

struct Settings {
  LineSettings line;
  Duration silence{};        // between frames
  std::string topic, reply;  // with {device}, {group}
  std::map<std::string, RegisterMap> maps;
  std::vector<UnitSettings> units;  // their `map` is in maps
  bool is_serial() const { return std::holds_alternative<SerialLine>(line); }
};

adapter::Json schema();
// Errors: what the schema cannot say. Reads token files.
result<Settings> read_settings(const adapter::Json& section);
// One of `maps`. Errors: what cannot be read so, with the register's name.
result<RegisterMap> read_map(const adapter::Json& map, const std::string& order);

}  // namespace sluice::modbus
