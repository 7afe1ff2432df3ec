// What the Modbus adapter publishes: readings and replies to commands, as JSON. Pure. Used by the driver.
#pragma once

#include <optional>
#include <string>

#include "core/clock.hpp"
#include "plugins/modbus/unit_state.hpp"
#include "plugins/modbus/write_job.hpp"
#include "plugins/sdk/adapter.hpp"

namespace sluice::modbus {

// None while the clock cannot be true.
using Stamp = std::optional<WallTime>;

// {"device": "meter-1", "unit": 17, "group": "power", "time": 1700000000000, "values": {"voltage": {"value":
// 230.1,
//  "units": "V", "quality": "good"}}}
std::string reading(const UnitState& unit, const Report& report, MonoTime now, const Stamp& stamp);

// {"device": ..., "command": "d/meter-1/cmd/write", "ok": true, "values": ...}, with `error` and `text` when
// not.
struct Command {
  std::string topic, correlation;  // of the message
};
std::string reply(const UnitState& unit, const Command& command, const adapter::Answer& answer,
                  const WriteJob* job, const Stamp& stamp);

}  // namespace sluice::modbus
