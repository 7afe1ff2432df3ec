// A row of a register map: where a value is in a unit, how it is written there, what may be said to it. Used
// by everything of this adapter; made by the configuration.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice::modbus {

// The four tables of a Modbus unit; each has addresses of its own.
enum class Table : std::uint8_t { coil, discrete, input, holding };
inline bool has_bits(Table table) { return table == Table::coil || table == Table::discrete; }
inline bool takes_writes(Table table) { return table == Table::coil || table == Table::holding; }

enum class Type : std::uint8_t {
  int16,
  uint16,
  int32,
  uint32,
  int64,
  uint64,
  float32,
  float64,
  boolean,
  bits,
  text
};

// How a value that is longer than a register lies in them. Both false: the most significant byte first, which
// is what the Modbus specification says (ABCD).
struct Order {
  bool swap_bytes = false;  // BADC
  bool swap_words = false;  // CDAB; with both DCBA
};

struct Point {
  std::string name, units;
  Table table = Table::holding;
  std::uint16_t address = 0;
  Type type = Type::uint16;
  Order order;
  unsigned size = 1;               // registers, or bits of a coil or discrete input
  unsigned bit = 0;                // of a boolean in a register, 0 the least significant
  unsigned width = 0;              // of bits: how many
  std::vector<std::string> flags;  // names of bits; empty: they are a list
  double factor = 1, offset = 0;   // value = raw * factor + offset
  std::optional<double> least, most;
  std::optional<std::int64_t> absent;  // the raw value that means that there is none
  bool writable = false, verify = true;

  bool scaled() const { return factor != 1 || offset != 0; }
  unsigned end() const { return address + size; }
};

}  // namespace sluice::modbus
