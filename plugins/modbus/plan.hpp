// How few transactions read many values: registers that lie together, or near enough, are read together, and
// what a unit refuses to read together is taken apart again. Pure. Used by UnitState.
#pragma once

#include <span>
#include <vector>

#include "plugins/modbus/bus.hpp"
#include "plugins/modbus/point.hpp"

namespace sluice::modbus {

struct MergeLimits {
  unsigned gap = 16;  // registers that nobody asked for, read along rather than in two transactions; 16 bits
                      // count as one
  unsigned most_registers = kMostReadRegisters, most_bits = kMostReadBits;
};

// One transaction: all of `points` (numbers of the map) are within it.
struct Read {
  Table table = Table::holding;
  unsigned address = 0, count = 0;
  std::vector<std::size_t> points;
};

// The fewest reads for `wanted`, in the order of tables and addresses.
std::vector<Read> coalesce(const std::vector<Point>& map, std::span<const std::size_t> wanted,
                           const MergeLimits& limits);

// Two reads or more that together say the same: at first without the gaps, then halves. Empty: it is one
// point, or points in the same registers.
std::vector<Read> split(const std::vector<Point>& map, const Read& read);

}  // namespace sluice::modbus
