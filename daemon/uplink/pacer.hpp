// Keeps a lane under AWS's quotas per connection: publishes/s (in and out together; AWS drops the excess
// without a word), bytes/s, unacknowledged publishes. A share is kept for commands, shadows and jobs. When
// the cloud says "less", the rate is halved and climbs back slowly. Used by Lane; loop thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/clock.hpp"
#include "core/options.hpp"

namespace sluice::uplink {

class Pacer {
 public:
  enum class Class : std::uint8_t { reading, control };

  Pacer(Clock& clock, const LaneQuotas& quotas);

  void replace(const LaneQuotas& quotas);
  // A new connection: nothing is in flight, and the cloud grants this Receive Maximum.
  void connected(std::uint32_t receive_maximum);

  bool window_open(Class cls) const { return inflight_ < window(cls); }
  // How long until a publish may leave; 0: now. Says nothing of the window.
  Duration wait(Class cls);
  void sent(Class cls, std::size_t bytes);
  void received(std::size_t bytes);        // the cloud's messages count too
  void acknowledged(Duration round_trip);  // frees a place in the window
  void throttled();                        // the cloud asked for less
  std::uint32_t inflight() const { return inflight_; }
  std::uint32_t window(Class cls) const;
  // The share of the configured rate now used, 0.05..1.
  double share();
  std::uint64_t throttle_signs() const { return signs_; }

 private:
  struct Bucket {
    double tokens = 0, rate = 0, depth = 0;  // rate per second
    MonoTime at{};
    void set(double new_rate, double new_depth, MonoTime now);
    void refill(MonoTime now);
    Duration wait(double need) const;
  };

  void rates();
  bool limits() { return quotas_.enforce || share() < 1; }

  Clock& clock_;
  LaneQuotas quotas_;
  Bucket all_, readings_, all_bytes_, reading_bytes_;
  std::uint32_t receive_maximum_ = 65'535;
  std::uint32_t inflight_ = 0;
  double share_ = 1, applied_share_ = 1;
  MonoTime share_at_{}, last_cut_{};
  Duration best_round_trip_{}, mean_round_trip_{};
  std::uint64_t signs_ = 0;
};

}  // namespace sluice::uplink
