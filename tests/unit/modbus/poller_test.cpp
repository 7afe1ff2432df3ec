// Whose turn it is, what is published, who is left alone: on a bus of a script, in virtual time.
#include "plugins/modbus/poller.hpp"

#include <gtest/gtest.h>

#include "map.hpp"
#include "scripted_bus.hpp"
#include "tests/support/virtual_clock.hpp"

namespace sluice::modbus {
namespace {

using namespace sluice::modbus::test;

class ModbusPoller : public testing::Test {
 protected:
  struct Said {
    std::string device, group;
    std::map<std::string, PointState> values;
    MonoTime at;
  };
  UnitState& unit(unsigned number, const std::vector<Json>& groups, UnitSettings settings = {}) {
    maps.push_back(std::make_unique<RegisterMap>(map_of(groups)));
    settings.unit = static_cast<std::uint8_t>(number);
    settings.device = "unit-" + std::to_string(number);
    settings.retries = 1;
    settings.timeout = 200ms;
    auto& made = poller().add(settings, *maps.back());
    poller().enable(made, true);
    return made;
  }
  Poller& poller() {
    if (!poller_) {
      poller_ = std::make_unique<Poller>(
          clock, bus, options,
          Poller::Events{[this](UnitState& of, const Report& report) { note(of, report); },
                         [this](UnitState& of, bool online) {
                           states.push_back(of.settings().device + (online ? " online" : " silent"));
                         },
                         [this](const std::string& why) { line.push_back(why); }});
    }
    return *poller_;
  }
  void note(const UnitState& of, const Report& report) {
    Said made{of.settings().device, of.map().groups[report.group].name, {}, clock.now()};
    for (const auto point : report.points) made.values[of.map().points[point].name] = of.state(point);
    said.push_back(made);
  }
  // "unit-1 a=5 b=?(why) "
  static std::string shown(const Said& made) {
    std::string out = made.device;
    for (const auto& [name, state] : made.values) {
      out += " " + name + "=" + state.value.dump();
      if (state.quality == Quality::stale) out += "~" + state.reason;
      if (state.quality == Quality::bad) out += "!" + state.reason;
    }
    return out;
  }
  std::size_t said_by(const std::string& device) const {
    return static_cast<std::size_t>(
        std::count_if(said.begin(), said.end(), [&](const Said& each) { return each.device == device; }));
  }
  void advance(Duration by) {
    for (; by > Duration::zero(); by -= 1ms) clock.advance(1ms);
  }

  sluice::test::VirtualClock clock;
  ScriptedBus bus{clock};
  PollerOptions options{.silence = 5ms};
  std::vector<std::unique_ptr<RegisterMap>> maps;
  std::vector<Said> said;
  std::vector<std::string> states, line;
  std::unique_ptr<Poller> poller_;
};

TEST_F(ModbusPoller, ReadsAGroupInOneTransactionOnceInItsInterval) {
  bus.units[1].values[{Table::holding, 0}] = 5;
  bus.units[1].values[{Table::holding, 3}] = 7;
  unit(1, {group("g", {uint16("a", 0), uint16("b", 3)})});
  advance(3500ms);
  ASSERT_EQ(said.size(), 4U);
  EXPECT_EQ(shown(said[0]), "unit-1 a=5 b=7");
  EXPECT_EQ(bus.asked.size(), 4U);
  EXPECT_EQ(bus.asked[0].count, 4U);
  EXPECT_EQ(bus.asked_at[3] - bus.asked_at[0], 3s);
}

TEST_F(ModbusPoller, EachIntervalIsItsOwnAndGroupsOfOneAreReadTogether) {
  bus.units[1];
  auto rare = uint16("serial", 2);
  rare["every"] = 10'000;
  unit(1, {group("fast", {uint16("a", 0)}, 100), group("also", {uint16("b", 1), rare}, 100)});
  advance(950ms);
  // Nine rounds of a and b together, and one of the rare one.
  EXPECT_EQ(bus.asked.size(), 11U);
  std::map<std::string, int> groups;
  for (const auto& each : said) ++groups[each.group];
  EXPECT_EQ(groups["fast"], 10);
  EXPECT_EQ(groups["also"], 11);
}

TEST_F(ModbusPoller, LeavesSilenceBetweenFrames) {
  bus.units[1];
  bus.units[2];
  unit(1, {group("g", {uint16("a", 0)}, 10)});
  unit(2, {group("g", {uint16("a", 0), uint16("b", 200)}, 10)});
  advance(1s);
  ASSERT_GT(bus.asked.size(), 50U);
  for (std::size_t i = 1; i < bus.asked.size(); ++i) EXPECT_GE(bus.asked_at[i] - bus.answered_at[i - 1], 5ms);
}

TEST_F(ModbusPoller, ABusThatIsTooSlowServesAllUnitsInTurn) {
  bus.takes = 50ms;
  for (unsigned number = 1; number <= 4; ++number) {
    bus.units[number];
    unit(number, {group("g", {uint16("a", 0)}, number == 1 ? 10 : 100)});
  }
  advance(4s);
  for (unsigned number = 1; number <= 4; ++number) EXPECT_GE(bus.asked_of(number), 14U) << number;
  EXPECT_GT(poller_->counts().transactions, 60U);
}

TEST_F(ModbusPoller, SplitsAReadOfWhichAnAddressIsMissingAndRemembersIt) {
  auto& one = bus.units[1];
  one.missing = {2};
  one.values[{Table::holding, 0}] = 5;
  one.values[{Table::holding, 3}] = 7;
  auto& state = unit(1, {group("g", {uint16("a", 0), uint16("b", 3)})});
  advance(2500ms);
  EXPECT_EQ(shown(said.at(0)), "unit-1 a=5 b=7");
  EXPECT_EQ(bus.asked.size(), 1U + 3 * 2U);
  EXPECT_EQ(state.counts().splits, 1U);
}

TEST_F(ModbusPoller, WhatAUnitRefusedIsForgottenWhenItHasBeenAway) {
  UnitSettings settings;
  settings.most_apart = 1s;
  bus.units[1].missing = {2};
  unit(1, {group("g", {uint16("a", 0), uint16("b", 3)}, 100)}, settings);
  advance(1s);
  bus.units.erase(1);
  advance(5s);
  bus.units[1];
  advance(3s);
  const auto from = bus.asked.size();
  advance(1s);
  EXPECT_EQ(bus.asked.size(), from + 10);
  EXPECT_EQ(bus.asked.back().count, 4U);
}

TEST_F(ModbusPoller, OneRegisterThatIsMissingIsBadAndTheOthersAreGood) {
  auto& one = bus.units[1];
  one.missing = {5};
  std::vector<Json> registers;
  for (int i = 0; i < 8; ++i) registers.push_back(uint16(("r" + std::to_string(i)).c_str(), i));
  unit(1, {group("g", registers)});
  advance(5500ms);
  ASSERT_GE(said.size(), 5U);
  EXPECT_EQ(said[0].values.at("r5").quality, Quality::bad);
  EXPECT_EQ(said[0].values.at("r5").reason, "Illegal data address");
  for (const auto* name : {"r0", "r4", "r6", "r7"}) EXPECT_EQ(said[0].values.at(name).quality, Quality::good);
  // It is asked for again, but not each second.
  std::size_t alone = 0;
  for (const auto& request : bus.asked) alone += request.address == 5 && request.count == 1 ? 1 : 0;
  EXPECT_EQ(alone, 1U);
  advance(10s);
  one.missing.clear();
  advance(60s);
  EXPECT_EQ(said.back().values.at("r5").quality, Quality::good);
}

TEST_F(ModbusPoller, ABusyUnitIsAskedAgainAtTheNextRound) {
  bus.units[1].exception = kBusy;
  unit(1, {group("g", {uint16("a", 0)})});
  advance(500ms);
  EXPECT_EQ(shown(said.at(0)), "unit-1 a=null!exception");
  bus.units[1].exception = 0;
  advance(1s);
  EXPECT_EQ(shown(said.at(1)), "unit-1 a=0");
  EXPECT_TRUE(states.empty());
}

TEST_F(ModbusPoller, OneLostAnswerIsAskedForAgainAndNobodySeesIt) {
  bus.units[1].silent = 1;
  bus.units[2].garbled = 1;
  unit(1, {group("g", {uint16("a", 0)})});
  unit(2, {group("g", {uint16("a", 0)})});
  advance(900ms);
  EXPECT_EQ(shown(said.at(0)), "unit-1 a=0");
  EXPECT_EQ(shown(said.at(1)), "unit-2 a=0");
  EXPECT_TRUE(states.empty());
  EXPECT_EQ(poller_->counts().timeouts, 1U);
  EXPECT_EQ(poller_->counts().garbled, 1U);
}

TEST_F(ModbusPoller, ADeadUnitDoesNotStarveTheOthers) {
  bus.units[2].values[{Table::holding, 0}] = 9;
  unit(1, {group("g", {uint16("a", 0)}, 100)});  // nobody
  unit(2, {group("g", {uint16("a", 0)}, 100)});
  advance(60s);
  EXPECT_LE(bus.asked_of(1), 12U);  // 2 + doubling from 200 ms
  EXPECT_GE(said_by("unit-2"), 550U);
  EXPECT_EQ(states, std::vector<std::string>{"unit-1 silent"});
}

TEST_F(ModbusPoller, AUnitThatComesBackIsSeenWithinItsBackOffAndAskedAsBefore) {
  UnitSettings settings;
  settings.most_apart = 5s;
  unit(1, {group("g", {uint16("a", 0)}, 100)}, settings);
  advance(30s);
  const auto before = bus.asked.size();
  bus.units[1];
  advance(6s);
  EXPECT_EQ(states, (std::vector<std::string>{"unit-1 silent", "unit-1 online"}));
  advance(1s);
  EXPECT_GE(bus.asked.size(), before + 10);
}

TEST_F(ModbusPoller, AValueThatCannotBeReadIsStaleThenBadAndSaidOnceEach) {
  UnitSettings settings;
  settings.stale_after = 10s;
  auto& one = bus.units[1];
  one.values[{Table::holding, 0}] = 5;
  unit(1, {group("g", {uint16("a", 0)})}, settings);
  advance(500ms);
  said.clear();
  one.silent = 1000;
  advance(60s);
  ASSERT_EQ(said.size(), 2U);
  EXPECT_EQ(shown(said[0]), "unit-1 a=5~no answer");
  EXPECT_EQ(shown(said[1]), "unit-1 a=null!no answer");
}

TEST_F(ModbusPoller, PublishesOnChangeOnlyWhereThatIsWanted) {
  auto& one = bus.units[1];
  unit(1, {group("g", {uint16("a", 0)}, 100, true)});
  advance(1s);
  EXPECT_EQ(said.size(), 1U);
  one.values[{Table::holding, 0}] = 5;
  advance(1s);
  ASSERT_EQ(said.size(), 2U);
  EXPECT_EQ(shown(said[1]), "unit-1 a=5");
}

TEST_F(ModbusPoller, ALineThatHasGoneIsTriedAgainAndIsNoFaultOfItsUnits) {
  bus.units[1];
  unit(1, {group("g", {uint16("a", 0)}, 60'000)});
  advance(100ms);
  bus.gone = "/dev/ttyUSB0: No such file or directory";
  advance(61s);
  EXPECT_EQ(line, std::vector<std::string>(line.size(), bus.gone));
  EXPECT_EQ(shown(said.back()), "unit-1 a=null!" + bus.gone);
  EXPECT_FALSE(poller_->line_is_there());
  bus.gone.clear();
  advance(6s);
  EXPECT_EQ(line.back(), "");
  EXPECT_EQ(shown(said.back()), "unit-1 a=0");
  EXPECT_TRUE(states.empty());
}

TEST_F(ModbusPoller, OpensALineAnewOnWhichNobodyAnswers) {
  unit(1, {group("g", {uint16("a", 0)}, 100)});
  unit(2, {group("g", {uint16("a", 0)}, 100)});
  advance(10s);
  EXPECT_GE(bus.reopened, 1U);
  bus.units[2];
  advance(60s);
  const auto now = bus.reopened;
  advance(60s);
  EXPECT_EQ(bus.reopened, now);
}

TEST_F(ModbusPoller, AnAnswerThatMayComeTwiceIsWaitedOut) {
  options.late_answers = true;
  bus.units[1].silent = 1;
  unit(1, {group("g", {uint16("a", 0), uint16("b", 200)})});
  advance(1s);
  ASSERT_GE(bus.asked.size(), 3U);
  EXPECT_EQ(bus.asked[1].address, 0);
  EXPECT_GE(bus.asked_at[2] - bus.answered_at[1], 200ms);
}

TEST_F(ModbusPoller, AnAnswerThatCameBrokenDoesNotComeTwice) {
  options.late_answers = true;
  bus.units[1].garbled = 1;
  unit(1, {group("g", {uint16("a", 0), uint16("b", 200)})});
  advance(1s);
  ASSERT_GE(bus.asked.size(), 3U);
  EXPECT_LT(bus.asked_at[2] - bus.answered_at[1], 10ms);
}

TEST_F(ModbusPoller, NothingIsReadWhileItIsPausedOrBeforeItIsEnabled) {
  bus.units[1];
  auto& one = unit(1, {group("g", {uint16("a", 0)}, 100)});
  poller_->pause(true);
  advance(1s);
  const auto before = bus.asked.size();
  EXPECT_LE(before, 1U);
  poller_->pause(false);
  advance(1s);
  EXPECT_GT(bus.asked.size(), before + 5);
  poller_->enable(one, false);
  advance(100ms);
  const auto enabled = bus.asked.size();
  advance(1s);
  EXPECT_EQ(bus.asked.size(), enabled);
}

}  // namespace
}  // namespace sluice::modbus
