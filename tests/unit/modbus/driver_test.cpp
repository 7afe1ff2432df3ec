// The Modbus adapter's driver on a bus of a script, with the daemon as a script: attach, readings, commands.
#include "plugins/modbus/driver.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "map.hpp"
#include "scripted_bus.hpp"
#include "tests/support/scripted_gateway.hpp"
#include "tests/support/virtual_clock.hpp"

namespace sluice::modbus {
namespace {

using namespace sluice::modbus::test;

class ModbusAdapter : public testing::Test {
 protected:
  void start(const Json& own = Json::object()) {
    Json section = {
        {"host", "10.0.0.7"},
        {"maps",
         {{"m",
           {{"groups",
             Json::array({group("power", {uint16("volts", 0, {{"factor", 0.1}, {"units", "V"}, {"max", 300}}),
                                          uint16("limit", 9, {{"writable", true}, {"max", 100}})})})}}}}},
        {"units", Json::array({{{"unit", 1}, {"device", "m-1"}, {"map", "m"}, {"model", "EM24"}},
                               {{"unit", 2}, {"device", "m-2"}, {"map", "m"}}})}};
    section.update(own);
    auto settings = read_settings(section);
    ASSERT_TRUE(settings) << settings.error().text;
    auto made = std::make_unique<ScriptedBus>(clock);
    bus = made.get();
    bus->units[1].values[{Table::holding, 0}] = 2305;
    bus->units[2];
    driver = std::make_unique<ModbusDriver>(std::move(*settings), std::move(made),
                                            adapter::House{loop, clock, gateway});
    driver->start();
  }
  // What became of a command: its answer, once there is one.
  std::string command(const std::string& payload, std::uint8_t qos = 1, Duration patience = 2s) {
    std::string out = "nothing";
    adapter::Message message;
    message.device = "m-1";
    message.topic = "d/m-1/cmd/set";
    message.payload = payload;
    message.qos = qos;
    message.correlation_data = "c-7";
    driver->message(message, [&out](const adapter::Answer& answer) {
      out = answer.ok() ? "ok" : answer.error + ": " + answer.text;
    });
    clock.advance(patience);
    return out;
  }
  std::vector<Json> published(const std::string& topic) const {
    std::vector<Json> out;
    for (const auto& each : gateway.published) {
      if (each.topic == topic) out.push_back(Json::parse(each.payload));
    }
    return out;
  }

  boost::asio::io_context loop{1};
  sluice::test::VirtualClock clock;
  adapter::test::ScriptedGateway gateway;
  ScriptedBus* bus = nullptr;
  std::unique_ptr<ModbusDriver> driver;
};

TEST_F(ModbusAdapter, AttachesItsUnitsAndPublishesWhatTheySay) {
  start();
  clock.advance(100ms);
  ASSERT_EQ(gateway.attached.size(), 2U);
  EXPECT_EQ(gateway.attached[0].model, "EM24");
  EXPECT_EQ(gateway.attached[0].subscribe, std::vector<std::string>{"d/m-1/cmd/#"});
  const auto readings = published("d/m-1/power");
  ASSERT_EQ(readings.size(), 1U);
  EXPECT_EQ(readings[0]["device"], "m-1");
  EXPECT_EQ(readings[0]["unit"], 1);
  EXPECT_EQ(readings[0]["group"], "power");
  EXPECT_EQ(readings[0]["values"]["volts"],
            Json::parse(R"({"value": 230.5, "units": "V", "quality": "good"})"));
  EXPECT_EQ(readings[0]["values"]["limit"], Json::parse(R"({"value": 0, "quality": "good"})"));
  EXPECT_EQ(readings[0]["time"], 1793491200010);  // when the bus had answered
  EXPECT_EQ(gateway.counters["readings"], 2U);
}

TEST_F(ModbusAdapter, AReadingHasNoTimeWhileTheClockCannotBeTrue) {
  clock.set_plausible(false);
  start();
  clock.advance(100ms);
  EXPECT_FALSE(published("d/m-1/power").at(0).contains("time"));
}

TEST_F(ModbusAdapter, FlagsWhatIsOutOfRangeAndWhatIsOld) {
  start({{"retries", 0}, {"stale_after", 60'000}});
  clock.advance(100ms);
  bus->units[1].values[{Table::holding, 0}] = 3200;
  clock.advance(1s);
  EXPECT_EQ(
      published("d/m-1/power").back()["values"]["volts"],
      Json::parse(
          R"({"value": null, "units": "V", "quality": "bad", "reason": "out of range: 320.0, allowed up to 300"})"));
  bus->units[1].silent = 1000;
  clock.advance(2s);
  const auto limit = published("d/m-1/power").back()["values"]["limit"];
  EXPECT_EQ(limit["quality"], "stale");
  EXPECT_EQ(limit["value"], 0);
  EXPECT_EQ(limit["reason"], "no answer");
  EXPECT_GE(limit["age"], 1000);
  EXPECT_EQ(gateway.states["m-1"], "silent");
  EXPECT_EQ(gateway.state, "ok");
}

TEST_F(ModbusAdapter, SaysThatNobodyAnswers) {
  start();
  bus->units.clear();
  clock.advance(10s);
  EXPECT_EQ(gateway.state, "degraded");
  EXPECT_EQ(gateway.text, "no unit answers: wiring, baud, parity, unit numbers?");
  bus->gone = "10.0.0.7:502: Connection refused";
  clock.advance(60s);
  EXPECT_EQ(gateway.text, bus->gone);
}

TEST_F(ModbusAdapter, WritesACommandAndReplies) {
  start();
  EXPECT_EQ(command(R"({"limit": 42})"), "ok");
  const auto reply = published("d/m-1/reply").at(0);
  EXPECT_EQ(reply["ok"], true);
  EXPECT_EQ(reply["command"], "d/m-1/cmd/set");
  EXPECT_EQ(reply["correlation"], "c-7");
  EXPECT_EQ(reply["values"]["limit"]["value"], 42);
  EXPECT_EQ(published("d/m-1/power").back()["values"]["limit"]["value"], 42);
  EXPECT_EQ(gateway.counters["writes"], 1U);
}

TEST_F(ModbusAdapter, RefusesACommandInWordsAndRepliesSo) {
  start();
  EXPECT_EQ(command(R"({"limit": 101})"), "permanent: limit: out of range: 101, allowed up to 100");
  const auto reply = published("d/m-1/reply").at(0);
  EXPECT_EQ(reply["ok"], false);
  EXPECT_EQ(reply["error"], "permanent");
  EXPECT_EQ(gateway.counters["failed_commands"], 1U);
}

TEST_F(ModbusAdapter, ACommandToASilentUnitIsTransientAndHasNoReplyYet) {
  start();
  bus->units.erase(1);
  EXPECT_EQ(command(R"({"limit": 1})").substr(0, 10), "transient:");
  EXPECT_TRUE(published("d/m-1/reply").empty());
  // With QoS 0 nobody sends it again.
  EXPECT_EQ(command(R"({"limit": 1})", 0).substr(0, 10), "transient:");
  EXPECT_EQ(published("d/m-1/reply").at(0)["error"], "transient");
}

TEST_F(ModbusAdapter, ReadsNothingWhileThereIsNoRoomAndLosesNothing) {
  gateway.acks_at_once = false;
  gateway.most_open = 3;
  start();
  clock.advance(10s);
  EXPECT_EQ(gateway.published.size(), 3U);
  const auto asked = bus->asked.size();
  EXPECT_LE(asked, 5U);
  for (std::size_t i = 0; i < 3; ++i) gateway.ack(i);
  clock.advance(100ms);
  EXPECT_GT(bus->asked.size(), asked);
  EXPECT_GE(gateway.published.size(), 4U);
  std::vector<std::int64_t> times;
  for (const auto& each : published("d/m-1/power")) times.push_back(each["time"].get<std::int64_t>());
  EXPECT_TRUE(std::is_sorted(times.begin(), times.end()));
}

TEST_F(ModbusAdapter, AUnitThatIsNotAttachedIsNotAskedUntilItIs) {
  gateway.attach_answers["m-1"] = adapter::no("busy", "another has it");
  start();
  clock.advance(5s);
  EXPECT_EQ(bus->asked_of(1), 0U);
  EXPECT_GT(bus->asked_of(2), 3U);
  EXPECT_EQ(gateway.states["m-1"], "busy");
  gateway.attach_answers.clear();
  clock.advance(60s);
  EXPECT_GT(bus->asked_of(1), 0U);
  driver->detached("m-1", "disabled", "by the operator");
  clock.advance(10ms);
  const auto asked = bus->asked_of(1);
  clock.advance(4s);
  EXPECT_EQ(bus->asked_of(1), asked);
  clock.advance(20s);
  EXPECT_GT(bus->asked_of(1), asked);
}

TEST_F(ModbusAdapter, KnowsNoUpdatesAndSaysSo) {
  start();
  Json capabilities;
  adapter::Call call;
  call.device = "m-1";
  call.operation = "capabilities";
  driver->call(call, [&](const adapter::Answer& answer) { capabilities = answer.value; });
  EXPECT_EQ(capabilities["capabilities"]["update"], false);
  std::string error;
  call.operation = "begin";
  driver->call(call, [&](const adapter::Answer& answer) { error = answer.error; });
  EXPECT_EQ(error, "unsupported");
}

}  // namespace
}  // namespace sluice::modbus
