// The adapter's part of the configuration: what it makes of a section, and what it says of a wrong one.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "map.hpp"
#include "tests/support/scratch.hpp"

namespace sluice::modbus {
namespace {

using namespace sluice::modbus::test;

Json section(const Json& own = Json::object()) {
  Json out = {{"host", "10.0.0.7"},
              {"maps", {{"m", {{"groups", Json::array({group("g", {uint16("a", 0)})})}}}}},
              {"units", Json::array({{{"unit", 1}, {"device", "th-1"}, {"map", "m"}}})}};
  out.update(own);
  return out;
}

std::string trouble(const Json& own) {
  const auto read = read_settings(section(own));
  return read ? "" : read.error().text;
}

std::string trouble_of(const Json& registers) {
  const auto read = read_map({{"groups", Json::array({group("g", {registers})})}}, "abcd");
  return read ? "" : read.error().text;
}

TEST(ModbusSettings, TheSilenceIsThreeAndAHalfCharactersUnlessGiven) {
  Json rtu = section({{"port", "/dev/ttyS0"}, {"baud", 9600}});
  rtu.erase("host");
  EXPECT_EQ(read_settings(rtu)->silence, Duration(3'500'000'000LL * 11 / 9600));
  rtu["parity"] = "none";
  EXPECT_EQ(read_settings(rtu)->silence, Duration(3'500'000'000LL * 10 / 9600));
  rtu["baud"] = 115'200;
  EXPECT_EQ(read_settings(rtu)->silence, 1750us);
  rtu["silence"] = 20;
  EXPECT_EQ(read_settings(rtu)->silence, 20ms);
  EXPECT_EQ(read_settings(section())->silence, 0ms);
}

TEST(ModbusSettings, AMapIsCyclesOfEqualIntervals) {
  auto rare = uint16("c", 2, {{"every", 60'000}});
  const auto map = map_of({group("g", {uint16("a", 0), rare}, 500), group("h", {uint16("b", 1)}, 500)});
  ASSERT_EQ(map.cycles.size(), 2U);
  EXPECT_EQ(map.cycles[0].every, 500ms);
  ASSERT_EQ(map.cycles[0].parts.size(), 2U);
  EXPECT_EQ(map.cycles[0].parts[1].points, std::vector<std::size_t>{2});
  EXPECT_EQ(map.cycles[1].every, 60s);
  EXPECT_EQ(map.groups[0].points, (std::vector<std::size_t>{0, 1}));
}

TEST(ModbusSettings, TheOrderOfARegisterIsItsOwnOrThatOfItsMapOrOfTheBus) {
  const auto order = [](const Json& map) { return read_map(map, "cdab")->points[0].order; };
  const Json one = uint16("a", 0, {{"type", "uint32"}});
  EXPECT_TRUE(order({{"groups", Json::array({group("g", {one})})}}).swap_words);
  EXPECT_TRUE(order({{"order", "badc"}, {"groups", Json::array({group("g", {one})})}}).swap_bytes);
  auto own = one;
  own["order"] = "abcd";
  EXPECT_FALSE(order({{"groups", Json::array({group("g", {own})})}}).swap_words);
}

TEST(ModbusSettings, UnitsTakeWhatTheBusSaysUnlessTheySayIt) {
  const auto read = read_settings(
      section({{"timeout", 300},
               {"units", Json::array({{{"unit", 1}, {"device", "a"}, {"map", "m"}},
                                      {{"unit", 255}, {"device", "b"}, {"map", "m"}, {"timeout", 900}}})}}));
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_EQ(read->units[0].timeout, 300ms);
  EXPECT_EQ(read->units[1].timeout, 900ms);
  EXPECT_EQ(read->units[1].subscribe, std::vector<std::string>{"d/b/cmd/#"});
}

TEST(ModbusSettings, SaysWhatIsWrongWithABus) {
  EXPECT_EQ(trouble({{"port", "/dev/x"}}), "port: give either port (a serial line, RTU) or host (TCP)");
  const auto units = [](const Json& list) { return trouble({{"units", list}}); };
  EXPECT_EQ(units(Json::array({{{"unit", 1}, {"device", "a"}, {"map", "x"}}})),
            "units: a: there is no map `x` under maps");
  EXPECT_EQ(units(Json::array({{{"unit", 250}, {"device", "a"}, {"map", "m"}}})),
            "units: a: unit is 0 to 247, or 255");
  EXPECT_EQ(units(Json::array({{{"unit", 1}, {"device", "a"}, {"map", "m"}},
                               {{"unit", 2}, {"device", "a"}, {"map", "m"}}})),
            "units: a is there twice");
  EXPECT_EQ(units(Json::array({{{"unit", 1}, {"device", "a"}, {"map", "m"}},
                               {{"unit", 1}, {"device", "b"}, {"map", "m"}}})),
            "units: unit 1 is there twice");
  EXPECT_EQ(
      trouble({{"most_registers", 1},
               {"maps",
                {{"m", {{"groups", Json::array({group("g", {uint16("a", 0, {{"type", "int32"}})})})}}}}}}),
      "maps.m: a is longer than one transaction may be (most_registers, most_bits)");
}

TEST(ModbusSettings, SaysWhatIsWrongWithARegister) {
  EXPECT_EQ(trouble_of(uint16("a", 0, {{"table", "coil"}, {"type", "int16"}})),
            "g: a: coils and discrete inputs are bool or bits");
  EXPECT_EQ(trouble_of(uint16("a", 0, {{"table", "input"}, {"writable", true}})),
            "g: a: only holding registers and coils can be writable");
  EXPECT_EQ(trouble_of(uint16("a", 65'535, {{"type", "float32"}})), "g: a: ends beyond address 65535");
  EXPECT_EQ(trouble_of(uint16("a", 0, {{"type", "string"}, {"length", 125}, {"writable", true}})),
            "g: a: at most 123 registers can be written at once");
  EXPECT_EQ(trouble_of(uint16("a", 0, {{"factor", 0}})), "g: a: factor is 0");
  EXPECT_EQ(trouble_of(uint16("a", 0, {{"type", "bool"}, {"factor", 2}})),
            "g: a: factor and offset are for numbers");
  EXPECT_EQ(trouble_of(uint16("a", 0, {{"type", "string"}})),
            "g: a: length, in registers, goes with type string");
  EXPECT_EQ(trouble_of(uint16("a", 0, {{"length", 2}})), "g: a: length, in registers, goes with type string");
  EXPECT_EQ(trouble_of(uint16("a", 0, {{"min", 2}, {"max", 1}})), "g: a: min is above max");
  EXPECT_EQ(trouble_of(uint16("a", 0, {{"bit", 2}})), "g: a: bit is for bool in a register");
  EXPECT_EQ(trouble_of(uint16("a", 0, {{"flags", {"x", "y"}}})), "g: a: count and flags are for bits");
  EXPECT_EQ(trouble_of(uint16("a", 0, {{"type", "bits"}, {"count", 1}, {"flags", {"x", "y"}}})),
            "g: a: more flags than bits");
  EXPECT_EQ(trouble_of(uint16("a", 0, {{"type", "float32"}, {"absent", 1}})),
            "g: a: absent is for integers; a float that is not a number is none anyway");
  const auto twice =
      read_map({{"groups", Json::array({group("g", {uint16("a", 0), uint16("a", 1)})})}}, "abcd");
  EXPECT_EQ(twice.error().text, "g: a is there twice");
  EXPECT_EQ(read_map({{"groups", Json::array({group("g/h", {uint16("a", 0)})})}}, "abcd").error().text,
            "g/h: a group's name is a level of a topic: no / + #");
}

TEST(ModbusSettings, ATokenThatEverybodyMayReadIsRefused) {
  const sluice::test::Scratch scratch;
  const auto file = scratch.path() / "token";
  std::ofstream(file) << "secret\n";
  const auto with =
      section({{"units",
                Json::array({{{"unit", 1}, {"device", "a"}, {"map", "m"}, {"token_file", file.string()}}})}});
  ::chmod(file.c_str(), 0644);
  EXPECT_EQ(read_settings(with).error().text,
            "units: a: token_file: " + file.string() + ": everybody may read it: chmod 0600");
  ::chmod(file.c_str(), 0600);
  ASSERT_TRUE(read_settings(with));
  EXPECT_EQ(read_settings(with)->units[0].token, "secret");
}

}  // namespace
}  // namespace sluice::modbus
