// What was decided for the topics seen last, so that the hot path neither matches filters nor builds strings.
// A fixed table of sets, two places each; the place used longer ago gives way. A set is made on first use, so
// that a quiet gateway stays small; its strings keep their capacity: once warm, the cache does not allocate.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ingest/route_table.hpp"

namespace sluice::ingest {

inline constexpr std::size_t kCachedDecisions = 16'384;
inline constexpr std::size_t kLongestCachedTopic =
    512;  // bounds the table's memory; longer ones are decided each time

class DecisionCache {
 public:
  DecisionCache() : sets_(kCachedDecisions / 2) {}

  // The decision of `table`, from the cache or made now. Valid until the next call.
  const Decision& get(const RouteTable& table, const DeviceRef& device, std::string_view topic);
  void clear() { ++generation_; }

  std::uint64_t hits() const { return hits_; }
  std::uint64_t misses() const { return misses_; }

 private:
  struct Entry {
    std::uint64_t generation = 0;
    NameId device = 0;
    bool newer = false;  // of the two places of its set, the one used last
    std::string topic, id, product;
    Decision decision;
  };

  bool holds(const Entry& entry, const DeviceRef& device, std::string_view topic) const {
    return entry.generation == generation_ && entry.device == device.name && entry.topic == topic &&
           entry.product == device.product && entry.id == device.id;
  }

  std::vector<std::unique_ptr<std::array<Entry, 2>>> sets_;
  Decision long_;  // for topics that are not cached
  std::uint64_t generation_ = 1, hits_ = 0, misses_ = 0;
};

}  // namespace sluice::ingest
