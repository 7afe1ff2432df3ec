// Topics as the three products really use them, against the presets.
#include "plugins/mqtt/presets.hpp"

#include <gtest/gtest.h>

namespace sluice::site {
namespace {

// "role device-name gateway-topic", or what became of it.
class Shape {
 public:
  explicit Shape(std::string_view shape, std::string_view base = {}) {
    const auto preset = preset_of(shape, base);
    for (const auto& rule : preset.rules) EXPECT_TRUE(book.add(rule)) << rule.match;
    for (const auto& command : preset.commands) EXPECT_TRUE(book.add(command)) << command.match;
  }
  std::string of(std::string_view topic) const {
    Captures captures;
    const auto* rule = book.find(topic, captures);
    if (rule == nullptr) return "unmatched";
    if (rule->role == Role::ignore) return "ignored";
    if (rule->role == Role::info) return "info";
    captures.emplace_back("device", "DEV");
    return std::string(rule->role == Role::reading ? "" : "availability ") +
           std::string(value_of(captures, "name")) + " > " + rule->to.fill(captures);
  }
  std::string command(std::string_view topic, std::string_view name) const {
    Captures captures;
    const auto* found = book.find_command(topic, captures);
    if (found == nullptr) return "unmatched";
    captures.emplace_back("name", name);
    return found->topic.fill(captures);
  }
  RuleBook book;
};

TEST(Presets, KnowZigbee2Mqtt) {
  const Shape shape("zigbee2mqtt");
  EXPECT_EQ(shape.of("zigbee2mqtt/0x00158d0001dc126a"), "0x00158d0001dc126a > d/DEV/state");
  EXPECT_EQ(shape.of("zigbee2mqtt/kitchen/lamp"), "kitchen/lamp > d/DEV/state");
  EXPECT_EQ(shape.of("zigbee2mqtt/kitchen/lamp/availability"),
            "availability kitchen/lamp > d/DEV/availability");
  EXPECT_EQ(shape.of("zigbee2mqtt/bridge/devices"), "info");
  for (const auto* topic :
       {"zigbee2mqtt/bridge/state", "zigbee2mqtt/bridge/logging", "zigbee2mqtt/bridge/response/device/rename",
        "zigbee2mqtt/lamp/set", "zigbee2mqtt/lamp/set/brightness", "zigbee2mqtt/lamp/get"})
    EXPECT_EQ(shape.of(topic), "ignored") << topic;
  EXPECT_EQ(shape.command("d/lamp/cmd/set", "kitchen/lamp"), "zigbee2mqtt/kitchen/lamp/set");
  EXPECT_EQ(shape.command("d/lamp/cmd/set/brightness", "lamp"), "zigbee2mqtt/lamp/set/brightness");
  EXPECT_EQ(shape.book.filters(), (std::vector<std::string>{"zigbee2mqtt/#"}));
  EXPECT_EQ(shape.book.command_filters("lamp"), (std::vector<std::string>{"d/lamp/cmd/#"}));
  EXPECT_EQ(Shape("zigbee2mqtt", "z2m/hall").of("z2m/hall/lamp"), "lamp > d/DEV/state");
}

TEST(Presets, KnowTasmota) {
  const Shape shape("tasmota");
  EXPECT_EQ(shape.of("tele/tasmota_1A2B3C/LWT"), "availability tasmota_1A2B3C > d/DEV/availability");
  EXPECT_EQ(shape.of("tele/tasmota_1A2B3C/SENSOR"), "tasmota_1A2B3C > d/DEV/tele/SENSOR");
  EXPECT_EQ(shape.of("tele/tasmota_1A2B3C/STATE"), "tasmota_1A2B3C > d/DEV/tele/STATE");
  EXPECT_EQ(shape.of("stat/tasmota_1A2B3C/RESULT"), "tasmota_1A2B3C > d/DEV/stat/RESULT");
  EXPECT_EQ(shape.of("tasmota/discovery/DC4F221A2B3C/config"), "info");
  EXPECT_EQ(shape.of("cmnd/tasmota_1A2B3C/POWER"), "unmatched");
  EXPECT_EQ(shape.command("d/x/cmd/POWER", "tasmota_1A2B3C"), "cmnd/tasmota_1A2B3C/POWER");
  EXPECT_EQ(shape.book.filters(),
            (std::vector<std::string>{"tasmota/discovery/+/config", "tele/+/#", "stat/+/#"}));
}

TEST(Presets, KnowShellysFirstGeneration) {
  const Shape shape("shelly");
  EXPECT_EQ(shape.of("shellies/shelly1-B929CC/relay/0"), "shelly1-B929CC > d/DEV/relay/0");
  EXPECT_EQ(shape.of("shellies/shellyht-13C2FA/sensor/temperature"),
            "shellyht-13C2FA > d/DEV/sensor/temperature");
  EXPECT_EQ(shape.of("shellies/shelly1-B929CC/online"), "availability shelly1-B929CC > d/DEV/availability");
  EXPECT_EQ(shape.of("shellies/announce"), "info");
  EXPECT_EQ(shape.of("shellies/shelly1-B929CC/announce"), "info");
  for (const auto* topic : {"shellies/command", "shellies/shelly1-B929CC/command",
                            "shellies/shelly1-B929CC/relay/0/command", "shellies/shellydimmer-1/light/0/set"})
    EXPECT_EQ(shape.of(topic), "ignored") << topic;
  EXPECT_EQ(shape.command("d/x/cmd/relay/0", "shelly1-B929CC"), "shellies/shelly1-B929CC/relay/0/command");
  EXPECT_EQ(shape.command("d/x/cmd/light/0/set", "s"), "shellies/s/light/0/set");
  EXPECT_EQ(shape.command("d/x/cmd", "s"), "shellies/s/command");
  EXPECT_EQ(shape.book.filters(), (std::vector<std::string>{"shellies/+/#"}));
  EXPECT_EQ(shape.book.command_filters("x"), (std::vector<std::string>{"d/x/cmd/#"}));
}

TEST(Presets, KnowShellysSecondGeneration) {
  const Shape shape("shelly-gen2");
  EXPECT_EQ(shape.of("shellyplus1pm-a8032abe54dc/status/switch:0"),
            "shellyplus1pm-a8032abe54dc > d/DEV/status/switch:0");
  EXPECT_EQ(shape.of("shellyplus1pm-a8032abe54dc/events/rpc"), "shellyplus1pm-a8032abe54dc > d/DEV/events");
  EXPECT_EQ(shape.of("shellyplus1pm-a8032abe54dc/online"),
            "availability shellyplus1pm-a8032abe54dc > d/DEV/availability");
  EXPECT_EQ(shape.of("shellyplus1pm-a8032abe54dc/rpc"), "unmatched");
  EXPECT_EQ(shape.command("d/x/cmd/rpc", "s"), "s/rpc");
  EXPECT_EQ(shape.command("d/x/cmd/switch:0", "s"), "s/command/switch:0");
}

TEST(Presets, SayNothingOfOtherShapes) {
  EXPECT_TRUE(preset_of("custom", "").rules.empty());
  EXPECT_FALSE(Shape("custom").book.has_readings());
}

TEST(Rules, AreTakenInTheirOrder) {
  RuleBook book;
  ASSERT_TRUE(book.add(RuleText{.match = "x/{name}/debug", .role = Role::ignore}));
  ASSERT_TRUE(book.add(RuleText{.match = "x/{name}/{rest#}"}));
  Captures captures;
  EXPECT_EQ(book.find("x/a/debug", captures)->role, Role::ignore);
  EXPECT_EQ(book.find("x/a/t", captures)->role, Role::reading);
}

TEST(Rules, RefuseWhatSaysNotWhoseItIs) {
  RuleBook book;
  EXPECT_FALSE(book.add(RuleText{.match = "x/+/state"}));
  EXPECT_FALSE(book.add(RuleText{.match = "x/{name}", .to = "d/{devcie}/x"}));
  EXPECT_FALSE(book.add(RuleText{.match = "x/info", .role = Role::info}));
  EXPECT_FALSE(book.add(RuleText{.match = "x/info", .role = Role::info, .info = {.name = "id"}}));
  EXPECT_FALSE(book.add(CommandText{.match = "d/+/cmd", .topic = "x/{name}"}));
  EXPECT_FALSE(book.add(CommandText{.match = "d/{device}/cmd", .topic = "x/{what}"}));
}

}  // namespace
}  // namespace sluice::site
