// The room with adapters: real processes, whose time is real, beside timers whose time is the test's.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "core/adapter_plan.hpp"
#include "tests/unit/device/client.hpp"
#include "tests/unit/device/world.hpp"

namespace sluice::device::test {

// No memory limit under a sanitizer: its shadow is larger than any.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SLUICE_SANITIZED 1
#endif
#endif
#ifdef SLUICE_SANITIZED
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

class AdapterWorld : public World {
 public:
  AdapterWorld();
  // An adapter `scripted` that vouches for product thermo.
  AdapterPlan plan(const std::string& name, const nlohmann::json& section) const;
  void run(std::vector<AdapterPlan> plans) { devices->run_adapters(std::move(plans)); }

  // Turns the loop, and lets the timers' time pass about as fast as the real one. False: not within about 20
  // s.
  bool wait_until(const std::function<bool()>& so, Duration step = 5ms);
  nlohmann::json adapter(const std::string& name) const;
  std::string state(const std::string& name) const { return adapter(name).value("state", "gone"); }
  bool wait_state(const std::string& name, const std::string& state);
  bool wait_logged(const std::string& text);
  double counter(const std::string& name, const std::string& counter) const;
  std::size_t log_count(const std::string& text) const;
};

}  // namespace sluice::device::test
