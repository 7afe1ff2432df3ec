// Commands on a bus of a script: checked, written, read back, compared; and what they cost the others.
#include <gtest/gtest.h>

#include "map.hpp"
#include "plugins/modbus/poller.hpp"
#include "scripted_bus.hpp"
#include "tests/support/virtual_clock.hpp"

namespace sluice::modbus {
namespace {

using namespace sluice::modbus::test;

class ModbusWrite : public testing::Test {
 protected:
  ModbusWrite() {
    UnitSettings settings;
    settings.unit = 1;
    settings.device = "pump";
    settings.timeout = 200ms;
    settings.retries = 1;
    unit = &poller.add(settings, map);
  }
  std::string refusal(const std::string& payload) {
    const auto job = WriteJob::make(*unit, payload);
    return job ? "" : job.error().text;
  }
  // "ok", or the error and its text.
  std::string write(const std::string& payload, Duration patience = 2s) {
    std::string out = "nothing";
    auto job = WriteJob::make(*unit, payload);
    if (!job) return "refused " + job.error().text;
    EXPECT_TRUE(poller.command(*unit, *job, [&out](UnitState&, const WriteJob& done) {
      out = done.error().empty() ? "ok" : done.error() + " " + done.text();
    }));
    clock.advance(patience);
    return out;
  }
  std::uint16_t at(unsigned address, Table table = Table::holding) {
    return bus.units[1].values[{table, address}];
  }

  sluice::test::VirtualClock clock;
  ScriptedBus bus{clock};
  RegisterMap map =
      map_of({group("g",
                    {uint16("setpoint", 0, {{"factor", 0.1}, {"min", 5}, {"max", 30}, {"writable", true}}),
                     uint16("speed", 1, {{"type", "float32"}, {"writable", true}}),
                     uint16("mode", 3, {{"type", "bool"}, {"bit", 4}, {"writable", true}}),
                     uint16("pump", 0, {{"table", "coil"}, {"writable", true}}), uint16("level", 9),
                     uint16("reset", 20, {{"writable", true}, {"verify", false}})},
                    60'000)});
  Poller poller{clock,
                bus,
                {.silence = 5ms},
                {[](UnitState&, const Report&) {}, [](UnitState&, bool) {}, [](const std::string&) {}}};
  UnitState* unit = nullptr;
};

TEST_F(ModbusWrite, WritesAndReadsBack) {
  bus.units[1];
  EXPECT_EQ(write(R"({"setpoint": 21.5, "pump": true})"), "ok");
  EXPECT_EQ(at(0), 215);
  EXPECT_EQ(at(0, Table::coil), 1);
  ASSERT_EQ(bus.asked.size(), 4U);
  EXPECT_TRUE(bus.asked[0].writes());
  EXPECT_FALSE(bus.asked[1].writes());
  EXPECT_EQ(unit->state(0).value, 21.5);
  EXPECT_EQ(unit->state(0).quality, Quality::good);
}

TEST_F(ModbusWrite, ABitOfARegisterLeavesTheOthersAsTheyAre) {
  bus.units[1].values[{Table::holding, 3}] = 0xff0f;
  EXPECT_EQ(write(R"({"mode": true})"), "ok");
  EXPECT_EQ(at(3), 0xff1f);
}

TEST_F(ModbusWrite, NothingIsWrittenWhenAnyOfItIsWrong) {
  EXPECT_EQ(refusal(R"({"pump": true, "setpoint": 31})"), "setpoint: out of range: 31, allowed 5 to 30");
  EXPECT_EQ(refusal(R"({"level": 1})"), "level is not `writable` in the register map");
  EXPECT_EQ(refusal(R"({"pmup": true})"), "no register is called \"pmup\"");
  EXPECT_EQ(refusal(R"([1])"), "a command is a JSON object of names and values, as in {\"setpoint\": 21.5}");
  EXPECT_EQ(refusal(R"({})"), "a command is a JSON object of names and values, as in {\"setpoint\": 21.5}");
  EXPECT_EQ(refusal("{"), "a command is a JSON object of names and values, as in {\"setpoint\": 21.5}");
  EXPECT_TRUE(bus.asked.empty());
}

TEST_F(ModbusWrite, SaysWhatIsThereWhenTheUnitKeepsItsOwn) {
  bus.units[1].sticks[0] = 180;
  EXPECT_EQ(write(R"({"setpoint": 21.5})"),
            "permanent setpoint: 21.5 was written and is 18.0 when read back");
}

TEST_F(ModbusWrite, SaysWhatTheUnitRefusesAndWhatWasWrittenBefore) {
  bus.units[1].missing = {1, 2};
  EXPECT_EQ(write(R"({"setpoint": 21.5, "speed": 2.5})"),
            "permanent speed: Illegal data address (1 of 2 values were written before)");
  EXPECT_EQ(at(0), 215);
}

TEST_F(ModbusWrite, WhatIsOnlySetOffIsNotReadBack) {
  bus.units[1];
  EXPECT_EQ(write(R"({"reset": 1})"), "ok");
  EXPECT_EQ(bus.asked.size(), 1U);
}

TEST_F(ModbusWrite, IsTriedAgainOnceAndThenTransient) {
  bus.units[1].silent = 1;
  EXPECT_EQ(write(R"({"reset": 1})"), "ok");
  bus.units[1].silent = 1000;
  EXPECT_EQ(write(R"({"reset": 1})", 450ms), "transient reset: no answer");
}

TEST_F(ModbusWrite, ToADeadUnitCostsTheBusNothingUntilItsTurn) {
  EXPECT_EQ(write(R"({"reset": 1})", 450ms), "transient reset: no answer");
  const auto asked = bus.asked.size();
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(write(R"({"reset": 1})", 1ms), "transient reset: the unit does not answer at present");
  EXPECT_EQ(bus.asked.size(), asked);
}

TEST_F(ModbusWrite, IsTransientWhileTheLineIsAway) {
  bus.gone = "/dev/x: gone";
  EXPECT_EQ(write(R"({"reset": 1})"), "transient reset: /dev/x: gone");
}

TEST_F(ModbusWrite, CommandsAndReadsTakeTurns) {
  bus.units[1];
  bus.units[2];
  UnitSettings other;
  other.unit = 2;
  const auto fast = map_of({group("g", {uint16("a", 0)}, 10)});
  poller.enable(poller.add(other, fast), true);
  int done = 0;
  for (int i = 0; i < 60; ++i) {
    ASSERT_TRUE(poller.command(*unit, *WriteJob::make(*unit, R"({"reset": 1})"),
                               [&done](UnitState&, const WriteJob&) { ++done; }));
  }
  clock.advance(2s);
  EXPECT_EQ(done, 60);
  EXPECT_GE(bus.asked_of(2), 59U);
}

TEST_F(ModbusWrite, MoreThan64DoNotWait) {
  bus.units[1];
  int taken = 0;
  for (int i = 0; i < 100; ++i)
    taken +=
        poller.command(*unit, *WriteJob::make(*unit, R"({"reset": 1})"), [](UnitState&, const WriteJob&) {});
  EXPECT_EQ(taken, 64);
}

}  // namespace
}  // namespace sluice::modbus
