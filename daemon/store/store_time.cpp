#include "store/store_time.hpp"

#include <algorithm>
#include <fstream>
#include <utility>

namespace sluice::store {
namespace {

std::int64_t ms_of(Duration d) { return std::chrono::duration_cast<std::chrono::milliseconds>(d).count(); }
// Time powered off that is believed at most: a wrong but plausible clock must not expire everything.
constexpr std::int64_t kMostAway = 400LL * 24 * 3600;

}  // namespace

std::string read_boot_id() {
  std::ifstream in("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(in, id);
  return id;
}

void StoreTime::resume(const Remembered& r) {
  boot_ = r.boot;
  base_ms_ = ms_of(clock_.now().time_since_epoch());
  base_ = std::max<StoreSeconds>(1, r.store_seconds);
  std::int64_t away = 0;
  if (r.same_boot) {
    away = base_ms_ / 1000 - r.boot_seconds;
  } else if (r.wall_seconds != 0 && clock_.wall_is_plausible()) {
    away = ms_of(clock_.wall().time_since_epoch()) / 1000 - r.wall_seconds;
  }
  base_ += static_cast<StoreSeconds>(std::clamp<std::int64_t>(away, 0, kMostAway));
  for (const auto& boot : r.boots) {
    if (boot.offset_ms) offsets_[boot.id] = *boot.offset_ms;
  }
  offset_written_ = offsets_.contains(boot_);
  refresh();
}

StoreTime::Stamp StoreTime::stamp() const {
  const auto ms = ms_of(clock_.now().time_since_epoch());
  return {base_ + static_cast<StoreSeconds>(std::max<std::int64_t>(0, ms - base_ms_) / 1000),
          ms + offset_ms_.value_or(0)};
}

void StoreTime::refresh() {
  if (!clock_.wall_is_plausible()) return;
  offset_ms_ = ms_of(clock_.wall().time_since_epoch()) - ms_of(clock_.now().time_since_epoch());
}

Moment StoreTime::moment() {
  refresh();
  const auto at = stamp();
  Moment moment;
  moment.now = at.now;
  moment.wall_ms = at.ms;
  moment.wall_seconds = offset_ms_ ? at.ms / 1000 : 0;
  moment.boot_seconds = ms_of(clock_.now().time_since_epoch()) / 1000;
  moment.boot = boot_;
  return moment;
}

std::optional<std::int64_t> StoreTime::take_boot_offset() {
  if (!offset_ms_ || std::exchange(offset_written_, true)) return {};
  offsets_.try_emplace(boot_, *offset_ms_);
  return offset_ms_;
}

void StoreTime::correct(std::uint32_t boot, std::int64_t& wall_ms, bool& plausible) const {
  if (boot == 0) return;
  auto offset = boot == boot_ ? offset_ms_ : std::nullopt;
  if (const auto it = offsets_.find(boot); !offset && it != offsets_.end()) offset = it->second;
  plausible = offset.has_value();
  wall_ms += offset.value_or(0);
}

}  // namespace sluice::store
