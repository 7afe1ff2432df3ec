// Spreads the connects of many lanes: after an outage all of them come at once, and AWS refuses more than
// some hundred CONNECTs per second of an account and more than one per second of a client id. One for all
// lanes; loop thread.
#pragma once

#include <algorithm>

#include "core/clock.hpp"

namespace sluice::uplink {

inline constexpr int kConnectsPerSecond = 50;
inline constexpr Duration kBetweenConnectsOfOneId = 1s;

class ConnectGate {
 public:
  explicit ConnectGate(Clock& clock, int per_second = kConnectsPerSecond)
      : clock_(clock), step_(Duration(1s) / per_second) {}

  // Takes the next free place; how long until it comes.
  Duration claim() {
    const auto now = clock_.now();
    next_ = std::max(next_, now);
    const auto wait = next_ - now;
    next_ += step_;
    return wait;
  }

 private:
  Clock& clock_;
  Duration step_;
  MonoTime next_{};
};

}  // namespace sluice::uplink
