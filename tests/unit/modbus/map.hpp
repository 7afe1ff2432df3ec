// Register maps for the tests, as somebody would write them in the configuration.
#pragma once

#include <gtest/gtest.h>

#include "plugins/modbus/settings.hpp"

namespace sluice::modbus::test {

using Json = nlohmann::json;

// Lists as vectors: braces around one Json are that Json.
inline RegisterMap map_of(const std::vector<Json>& groups) {
  auto map = read_map(Json{{"groups", Json(groups)}}, "abcd");
  EXPECT_TRUE(map) << map.error().text;
  return map ? *map : RegisterMap{};
}
inline Json group(const char* name, const std::vector<Json>& registers, int every = 1000,
                  bool on_change = false) {
  return {{"name", name}, {"every", every}, {"on_change", on_change}, {"registers", Json(registers)}};
}
inline Json uint16(const char* name, int address, Json more = Json::object()) {
  more["name"] = name;
  more["address"] = address;
  return more;
}

}  // namespace sluice::modbus::test
