// What a simulated Modbus unit has in its four tables, and how it moves. Used by ModbusServer.
//
//   input 0        counts, ten times a second        holding 0..999   its address at first; takes writes
//   input 1..2     float32, a temperature            coils 0..255     every third is on; take writes
//   input 3        uint16, volts times ten           discrete 0..255  one of them is on, and wanders
//   input 4..999   their address plus the counter
#pragma once

#include "core/clock.hpp"

struct _modbus_mapping_t;

namespace sluice::simulators {

class ModbusRegisters {
 public:
  explicit ModbusRegisters(unsigned unit);
  ~ModbusRegisters();
  ModbusRegisters(const ModbusRegisters&) = delete;
  ModbusRegisters& operator=(const ModbusRegisters&) = delete;

  void move(Duration since_start);
  _modbus_mapping_t* mapping() { return mapping_; }

 private:
  unsigned unit_;
  _modbus_mapping_t* mapping_;
};

}  // namespace sluice::simulators
