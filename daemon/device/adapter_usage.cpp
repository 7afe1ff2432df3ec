#include "device/adapter_usage.hpp"

#include <fmt/format.h>

namespace sluice::device {
namespace {

constexpr Duration kWindow = 60s;

}  // namespace

std::string UsageWatch::look(MonoTime now, const Usage& usage) {
  samples_.push_back({now, usage.cpu_ms});
  while (samples_.size() > 2 && now - samples_[1].at >= kWindow) samples_.pop_front();
  const auto& first = samples_.front();
  const auto passed = std::chrono::duration<double>(now - first.at).count();
  // A process of the group that has ended takes its time with it: then the sum goes back.
  const auto used = usage.cpu_ms > first.cpu_ms ? usage.cpu_ms - first.cpu_ms : 0;
  share_ = passed > 0 ? static_cast<double>(used) / 1000 / passed : 0;
  if (limits_.memory != 0 && usage.resident > limits_.memory) {
    return fmt::format("it has {} MiB of memory, limits.memory is {} MiB", usage.resident >> 20,
                       limits_.memory >> 20);
  }
  if (usage.processes > limits_.processes)
    return fmt::format("it has {} processes, limits.processes is {}", usage.processes, limits_.processes);
  if (passed >= std::chrono::duration<double>(kWindow).count() && share_ > limits_.cpu)
    return fmt::format("it took {:.2f} of a CPU for a minute, limits.cpu is {:.2f}", share_, limits_.cpu);
  return {};
}

}  // namespace sluice::device
