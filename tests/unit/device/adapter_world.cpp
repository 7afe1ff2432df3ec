#include "tests/unit/device/adapter_world.hpp"

#include <algorithm>

namespace sluice::device::test {

using Json = nlohmann::json;

AdapterWorld::AdapterWorld() {
  options.control.socket = scratch.path() / "control.sock";
  options.adapters_directory = SLUICE_TEST_ADAPTERS;
}

AdapterPlan AdapterWorld::plan(const std::string& name, const Json& section) const {
  AdapterPlan made;
  made.options.kind = "scripted";
  made.options.name = name;
  made.options.product = "thermo";
  if (kSanitized) made.options.limits.memory = 0;
  made.section = section.dump();
  return made;
}

bool AdapterWorld::wait_until(const std::function<bool()>& so, Duration step) {
  for (int turn = 0; turn < 4'000; ++turn) {
    if (so()) return true;
    loop.restart();
    loop.run_one_for(std::chrono::milliseconds(5));
    loop.poll();
    clock.advance(step);
  }
  return so();
}

Json AdapterWorld::adapter(const std::string& name) const {
  for (const auto& adapter : devices->adapters()) {
    if (adapter.at("name") == name) return adapter;
  }
  return Json::object();
}

bool AdapterWorld::wait_state(const std::string& name, const std::string& wanted) {
  const bool so = wait_until([&] { return state(name) == wanted; });
  EXPECT_TRUE(so) << name << " is " << state(name) << ", not " << wanted << ": " << adapter(name).dump(1);
  return so;
}

bool AdapterWorld::wait_logged(const std::string& text) {
  const bool so = wait_until([&] { return logged(text); });
  if (!so) {
    std::string all;
    for (const auto& line : log) all += line + "\n";
    ADD_FAILURE() << "not logged: " << text << "\n"
                  << all.substr(all.size() - std::min<std::size_t>(all.size(), 4000));
  }
  return so;
}

double AdapterWorld::counter(const std::string& name, const std::string& counter) const {
  return adapter(name).value(Json::json_pointer("/health/counters/" + counter), 0.0);
}

std::size_t AdapterWorld::log_count(const std::string& text) const {
  return static_cast<std::size_t>(std::count_if(
      log.begin(), log.end(), [&](const auto& line) { return line.find(text) != std::string::npos; }));
}

}  // namespace sluice::device::test
