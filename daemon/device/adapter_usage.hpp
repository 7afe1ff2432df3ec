// Is an adapter's process within its limits? Looks at what the kernel counts; time and numbers come from the
// caller.
#pragma once

#include <deque>
#include <string>

#include "core/clock.hpp"
#include "core/options.hpp"
#include "device/adapter_process.hpp"

namespace sluice::device {

class UsageWatch {
 public:
  explicit UsageWatch(const AdapterLimits& limits) : limits_(limits) {}
  // Which limit is broken, in words; empty: none. Call every few seconds.
  std::string look(MonoTime now, const Usage& usage);
  // Of one CPU, over the last minute or since the start.
  double cpu_share() const { return share_; }

 private:
  struct Sample {
    MonoTime at;
    std::uint64_t cpu_ms;
  };
  AdapterLimits limits_;
  std::deque<Sample> samples_;
  double share_ = 0;
};

}  // namespace sluice::device
