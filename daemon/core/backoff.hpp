// Waiting times between retries: exponential with full jitter, and a reset only after the thing has been
// well for a while, so that a peer that accepts and drops at once is not hammered.
#pragma once

#include <cstdint>
#include <random>

#include "core/clock.hpp"

namespace sluice {

struct BackoffLimits {
  Duration first = 1s;        // upper bound of the first wait
  Duration most = 2min;       // upper bound of any wait
  Duration well_after = 30s;  // up at least this long: the next failure starts from `first`
};

class Backoff {
 public:
  explicit Backoff(BackoffLimits limits, std::uint64_t seed = std::random_device{}())
      : limits_(limits), random_(seed) {}

  // The wait before the next try: uniform in (0, min(most, first * 2^failures)], never below 1 % of it.
  Duration next();
  // The thing came up now.
  void up(MonoTime now) {
    up_since_ = now;
    is_up_ = true;
  }
  // The thing went down now; forgets past failures if it had been well for a while.
  void down(MonoTime now) {
    if (is_up_ && now - up_since_ >= limits_.well_after) failures_ = 0;
    is_up_ = false;
  }
  void reset() { failures_ = 0; }
  unsigned failures() const { return failures_; }

 private:
  BackoffLimits limits_;
  std::mt19937_64 random_;
  unsigned failures_ = 0;
  MonoTime up_since_{};
  bool is_up_ = false;
};

}  // namespace sluice
