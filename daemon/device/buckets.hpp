// Token buckets: how often something may happen. One bucket for a client's rate, a bounded table of them for
// sources that fail to authenticate and for log lines. Loop thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/clock.hpp"

namespace sluice::device {

// Holds up to `burst` tokens, refilled at `rate` per second; may go below zero: debt, to be waited for.
class Bucket {
 public:
  Bucket() = default;
  Bucket(double rate, double burst, MonoTime now) : rate_(rate), burst_(burst), tokens_(burst), at_(now) {}

  void take(double n) { tokens_ -= n; }
  // Refills, then: how long until there is a whole token? Zero: now.
  Duration wait(MonoTime now) {
    refill(now);
    if (tokens_ >= 1 || rate_ <= 0) return Duration::zero();
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>((1 - tokens_) / rate_)) + 1ms;
  }
  bool is_full(MonoTime now) {
    refill(now);
    return tokens_ >= burst_;
  }

 private:
  void refill(MonoTime now) {
    tokens_ = std::min(burst_, tokens_ + rate_ * std::chrono::duration<double>(now - at_).count());
    at_ = now;
  }
  double rate_ = 0, burst_ = 0, tokens_ = 0;
  MonoTime at_{};
};

// Buckets by name. Full ones are forgotten when the table is; then, if it must, any.
class BucketTable {
 public:
  BucketTable(double rate, double burst, std::size_t most) : rate_(rate), burst_(burst), most_(most) {}

  bool empty_for(std::string_view key, MonoTime now) {
    const auto it = buckets_.find(std::string(key));
    return it != buckets_.end() && it->second.wait(now) > Duration::zero();
  }
  void take(std::string_view key, MonoTime now) {
    if (buckets_.size() >= most_) make_room(now);
    buckets_.try_emplace(std::string(key), rate_, burst_, now).first->second.take(1);
  }
  // True and one taken, or false.
  bool try_take(std::string_view key, MonoTime now) {
    if (empty_for(key, now)) return false;
    take(key, now);
    return true;
  }
  std::size_t size() const { return buckets_.size(); }

 private:
  void make_room(MonoTime now) {
    for (auto it = buckets_.begin(); it != buckets_.end();)
      it = it->second.is_full(now) ? buckets_.erase(it) : std::next(it);
    if (buckets_.size() >= most_) buckets_.erase(buckets_.begin());
  }
  double rate_, burst_;
  std::size_t most_;
  std::unordered_map<std::string, Bucket> buckets_;
};

}  // namespace sluice::device
