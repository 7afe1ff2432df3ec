// Between the registers of a unit and the value that they mean: types, byte and word order, scaling, range.
// Pure. Used by UnitState for readings and by WriteJob for commands.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "plugins/modbus/point.hpp"

namespace sluice::modbus {

// A value, or null and why it is none ("not a number", "out of range: 812, allowed 0 to 500").
struct Decoded {
  nlohmann::json value;
  std::string reason;
  bool good() const { return reason.empty(); }
};

// `raw`: point.size registers, or as many bits, each 0 or 1.
Decoded decode(const Point& point, std::span<const std::uint16_t> raw);

// Whether encode() must know what is in the registers now, because the value is only some of their bits.
bool shares_registers(const Point& point);
// Errors: what cannot be written there, in words. `now`: the registers as they are, when they are shared.
result<std::vector<std::uint16_t>> encode(const Point& point, const nlohmann::json& value,
                                          std::span<const std::uint16_t> now = {});

}  // namespace sluice::modbus
