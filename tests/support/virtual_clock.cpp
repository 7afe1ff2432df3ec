#include "tests/support/virtual_clock.hpp"

#include <algorithm>

namespace sluice::test {

VirtualClock::VirtualClock() : mono_(Duration(1000s)), wall_(Duration(std::chrono::seconds(1793491200))) {}

Clock::TimerId VirtualClock::call_at(MonoTime when, std::function<void()> fn) {
  pending_.emplace(std::pair{when, ++last_id_}, std::move(fn));
  return last_id_;
}

void VirtualClock::cancel(TimerId id) {
  const auto it =
      std::find_if(pending_.begin(), pending_.end(), [id](const auto& p) { return p.first.second == id; });
  if (it != pending_.end()) pending_.erase(it);
}

void VirtualClock::advance(Duration by) {
  const auto until = mono_ + by;
  while (!pending_.empty() && pending_.begin()->first.first <= until) {
    const auto due = std::max(pending_.begin()->first.first, mono_);
    wall_ += due - mono_;
    mono_ = due;
    auto fn = std::move(pending_.begin()->second);
    pending_.erase(pending_.begin());
    fn();
  }
  wall_ += until - mono_;
  mono_ = until;
}

}  // namespace sluice::test
