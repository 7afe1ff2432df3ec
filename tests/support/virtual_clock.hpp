// Time that a test moves by hand. Timers run in order, inside advance(), on the caller's thread.
#pragma once

#include <map>
#include <utility>

#include "core/clock.hpp"

namespace sluice::test {

class VirtualClock final : public Clock {
 public:
  // Starts at mono 1000 s and wall 2026-11-01T00:00:00Z.
  VirtualClock();

  MonoTime now() const override { return mono_; }
  WallTime wall() const override { return wall_; }
  bool wall_is_plausible() const override { return plausible_; }
  TimerId call_at(MonoTime when, std::function<void()> fn) override;
  void cancel(TimerId id) override;

  // Moves both clocks and runs what becomes due, timers that timers start included.
  void advance(Duration by);
  void set_wall(WallTime wall) { wall_ = wall; }
  void set_plausible(bool plausible) { plausible_ = plausible; }
  std::size_t timers() const { return pending_.size(); }

 private:
  MonoTime mono_;
  WallTime wall_;
  bool plausible_ = true;
  TimerId last_id_ = 0;
  std::map<std::pair<MonoTime, TimerId>, std::function<void()>> pending_;
};

}  // namespace sluice::test
