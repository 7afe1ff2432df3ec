// The store's two clocks, made from time since boot so that no jump of the wall clock disturbs them (fault
// F9): StoreSeconds, which go on across restarts, and the stamp of a reading. Loop thread.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include "store/writer.hpp"

namespace sluice::store {

// /proc/sys/kernel/random/boot_id; empty if there is none.
std::string read_boot_id();

class StoreTime {
 public:
  explicit StoreTime(Clock& clock) : clock_(clock) {}
  // Continues from what the file remembers: exact within one boot, by the wall clock's difference across
  // boots.
  void resume(const Remembered& remembered);

  struct Stamp {
    StoreSeconds now;
    std::int64_t ms;  // wall clock, or time since boot while that is unknown
  };
  Stamp stamp() const;
  StoreSeconds now() const { return stamp().now; }
  // Once per batch: follows the wall clock as long as it is plausible. A clock that falls back to 1970 is not
  // followed.
  void refresh();
  // The boot to be noted in a chunk: 0 when stamps are wall clock.
  std::uint32_t boot_to_note() const { return offset_ms_ ? 0 : boot_; }
  Moment moment();
  // Once, when it has become known: to be written to this boot's row.
  std::optional<std::int64_t> take_boot_offset();
  // Corrects the stamp of a record of that boot, if its offset has become known.
  void correct(std::uint32_t boot, std::int64_t& wall_ms, bool& plausible) const;

 private:
  Clock& clock_;
  std::uint32_t boot_ = 0;
  StoreSeconds base_ = 0;
  std::int64_t base_ms_ = 0;               // time since boot at base_
  std::optional<std::int64_t> offset_ms_;  // wall clock minus time since boot
  bool offset_written_ = false;
  std::unordered_map<std::uint32_t, std::int64_t> offsets_;
};

}  // namespace sluice::store
