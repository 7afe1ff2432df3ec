#include "plugins/modbus/plan.hpp"

#include <algorithm>
#include <tuple>

namespace sluice::modbus {
namespace {

Read read_of(const Point& point, std::size_t number) {
  return {point.table, point.address, point.size, {number}};
}

// Those of one table and in the order of their addresses; a gap of `gap` addresses is read along.
std::vector<Read> joined(const std::vector<Point>& map, std::span<const std::size_t> sorted, unsigned gap,
                         unsigned most) {
  std::vector<Read> reads;
  for (const auto number : sorted) {
    const auto& point = map[number];
    if (!reads.empty()) {
      auto& last = reads.back();
      const auto end = last.address + last.count;
      const auto grown = std::max(end, point.end()) - last.address;
      if (point.address <= end + gap && grown <= most) {
        last.count = grown;
        last.points.push_back(number);
        continue;
      }
    }
    reads.push_back(read_of(point, number));
  }
  return reads;
}

}  // namespace

std::vector<Read> coalesce(const std::vector<Point>& map, std::span<const std::size_t> wanted,
                           const MergeLimits& limits) {
  std::vector<std::size_t> sorted(wanted.begin(), wanted.end());
  std::sort(sorted.begin(), sorted.end(), [&map](std::size_t a, std::size_t b) {
    return std::tuple(map[a].table, map[a].address, a) < std::tuple(map[b].table, map[b].address, b);
  });
  std::vector<Read> reads;
  for (auto first = sorted.begin(); first != sorted.end();) {
    const auto table = map[*first].table;
    const auto last = std::find_if(first, sorted.end(), [&](std::size_t n) { return map[n].table != table; });
    const bool bits = has_bits(table);
    auto of_table = joined(map, {first, last}, bits ? limits.gap * 16 : limits.gap,
                           bits ? limits.most_bits : limits.most_registers);
    reads.insert(reads.end(), std::make_move_iterator(of_table.begin()),
                 std::make_move_iterator(of_table.end()));
    first = last;
  }
  return reads;
}

std::vector<Read> split(const std::vector<Point>& map, const Read& read) {
  auto parts = joined(map, read.points, 0, read.count);
  if (parts.size() > 1) return parts;
  // Halves, between points that share no register.
  const auto middle = read.address + read.count / 2;
  unsigned end = 0, best = 0;
  std::size_t cut = 0;
  for (std::size_t i = 0; i < read.points.size(); ++i) {
    const auto& point = map[read.points[i]];
    const auto far = point.address > middle ? point.address - middle : middle - point.address;
    if (i > 0 && point.address >= end && (cut == 0 || far < best)) {
      cut = i;
      best = far;
    }
    end = std::max(end, point.end());
  }
  if (cut == 0) return {};
  const std::span all(read.points);
  parts = joined(map, all.first(cut), 0, read.count);
  for (auto& part : joined(map, all.subspan(cut), 0, read.count)) parts.push_back(std::move(part));
  return parts;
}

}  // namespace sluice::modbus
