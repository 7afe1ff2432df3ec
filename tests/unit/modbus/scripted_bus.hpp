// A Modbus bus as a script: units with registers, what they refuse, who is silent, whether the line is there.
// It answers when the test says so, and checks that there is one transaction at a time.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "plugins/modbus/bus.hpp"
#include "tests/support/virtual_clock.hpp"

namespace sluice::modbus::test {

class ScriptedBus final : public Bus {
 public:
  struct Unit {
    std::map<std::pair<Table, unsigned>, std::uint16_t> values;  // 0 unless given
    std::set<unsigned> missing;                                  // addresses that it does not have
    std::map<unsigned, std::uint16_t> sticks;                    // what is there whatever is written
    unsigned exception = 0;                                      // its answer to everything
    unsigned silent = 0;                                         // requests that it does not answer
    unsigned garbled = 0;                                        // answers that are broken
  };
  explicit ScriptedBus(sluice::test::VirtualClock& clock) : clock_(clock) {}

  std::map<unsigned, Unit> units;
  std::string gone;            // not empty: the line is not there, and why
  Duration takes = 10ms;       // a transaction
  std::vector<Request> asked;  // all of them
  std::vector<MonoTime> asked_at;
  std::vector<MonoTime> answered_at;
  unsigned reopened = 0;

  void ask(const Request& request, std::function<void(const Response&)> done) override {
    EXPECT_FALSE(busy_) << "two transactions at a time";
    busy_ = true;
    asked.push_back(request);
    asked_at.push_back(clock_.now());
    auto response = answer(request);
    const auto late = response.outcome == Outcome::silent ? request.timeout : takes;
    clock_.call_after(late, [this, response = std::move(response), done = std::move(done)] {
      busy_ = false;
      answered_at.push_back(clock_.now());
      done(response);
    });
  }
  void reopen() override { ++reopened; }
  std::uint64_t opens() const override { return 1 + reopened; }

  std::size_t asked_of(unsigned unit) const {
    std::size_t count = 0;
    for (const auto& request : asked) count += request.unit == unit ? 1 : 0;
    return count;
  }

 private:
  static Response refusal(unsigned code) {
    return {Outcome::exception, code, {}, code == kIllegalAddress ? "Illegal data address" : "exception"};
  }
  Response answer(const Request& request) {
    if (!gone.empty()) return {Outcome::no_line, 0, {}, gone};
    const auto it = units.find(request.unit);
    if (it == units.end() || it->second.silent > 0) {
      if (it != units.end()) --it->second.silent;
      return {Outcome::silent, 0, {}, "no answer"};
    }
    auto& unit = it->second;
    if (unit.garbled > 0) {
      --unit.garbled;
      return {Outcome::garbled, 0, {}, "broken answer"};
    }
    if (unit.exception != 0) return refusal(unit.exception);
    const auto count = request.writes() ? request.values.size() : request.count;
    Response response;
    for (unsigned i = 0; i < count; ++i) {
      const unsigned address = request.address + i;
      if (unit.missing.contains(address)) return refusal(kIllegalAddress);
      auto& value = unit.values[{request.table, address}];
      if (request.writes()) {
        value = unit.sticks.contains(address) ? unit.sticks[address] : request.values[i];
      } else {
        response.values.push_back(value);
      }
    }
    return response;
  }

  sluice::test::VirtualClock& clock_;
  bool busy_ = false;
};

}  // namespace sluice::modbus::test
