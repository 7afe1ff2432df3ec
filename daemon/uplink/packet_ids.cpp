#include "uplink/packet_ids.hpp"

#include <utility>

namespace sluice::uplink {
namespace {

constexpr std::size_t kMost = 65'535;

}  // namespace

std::uint16_t PacketIds::take(std::uint64_t token) {
  if (in_use_ == kMost) return 0;
  // Half empty: the next free place is near.
  if (in_use_ * 2 >= slots_.size() && slots_.size() <= kMost) grow();
  for (;;) {
    last_ = last_ == kMost ? 1 : static_cast<std::uint16_t>(last_ + 1);
    Slot& place = slot(last_);
    if (place.id != 0) continue;
    place = {token, last_};
    ++in_use_;
    return last_;
  }
}

std::optional<std::uint64_t> PacketIds::token(std::uint16_t id) const {
  const Slot& place = slot(id);
  return id != 0 && place.id == id ? std::optional(place.token) : std::nullopt;
}

void PacketIds::free(std::uint16_t id) {
  slot(id) = {};
  --in_use_;
}

// What had a place of its own by fewer bits has one by more.
void PacketIds::grow() {
  const auto old = std::exchange(slots_, std::vector<Slot>(slots_.size() * 2));
  for (const Slot& place : old) {
    if (place.id != 0) slot(place.id) = place;
  }
}

}  // namespace sluice::uplink
