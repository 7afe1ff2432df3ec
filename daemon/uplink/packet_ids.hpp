// Packet identifiers of what is in flight to the server, each with the token that its answer is told with.
// They go round, so that an answer which comes late or twice does not meet a new publish of the same number.
// Used by ClientSession.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace sluice::uplink {

class PacketIds {
 public:
  PacketIds() : slots_(16) {}

  // 0: all 65,535 are in use.
  std::uint16_t take(std::uint64_t token);
  // Nothing: not in use.
  std::optional<std::uint64_t> token(std::uint16_t id) const;
  // Only of one in use.
  void free(std::uint16_t id);
  std::size_t in_use() const { return in_use_; }

 private:
  struct Slot {
    std::uint64_t token = 0;
    std::uint16_t id = 0;  // 0: empty
  };
  Slot& slot(std::uint16_t id) { return slots_[id & (slots_.size() - 1)]; }
  const Slot& slot(std::uint16_t id) const { return slots_[id & (slots_.size() - 1)]; }
  void grow();

  std::vector<Slot> slots_;  // a power of two; an id has its place by its low bits
  std::size_t in_use_ = 0;
  std::uint16_t last_ = 0;
};

}  // namespace sluice::uplink
