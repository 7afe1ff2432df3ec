// What an adapter says and hears over its connection, through the real process and the real room.
#include <gtest/gtest.h>

#include "mqtt/codec.hpp"
#include "tests/unit/device/adapter_world.hpp"

namespace sluice::device::test {
namespace {

using Json = nlohmann::json;
using mqtt::Reason;

class AdapterSessions : public testing::Test {
 protected:
  void run(const Json& section, const std::function<void(AdapterPlan&)>& change = {}) {
    if (!world.devices) world.start();
    auto plan = world.plan("a", section);
    if (change) change(plan);
    world.run({plan});
  }
  Json device(const std::string& id) {
    for (const auto& found : world.devices->devices()) {
      if (found.at("id") == id) return found;
    }
    return Json::object();
  }
  std::size_t seen(const std::string& id) {
    return static_cast<std::size_t>(std::count_if(world.readings.seen.begin(), world.readings.seen.end(),
                                                  [&](const auto& reading) { return reading.device == id; }));
  }
  // A command of the cloud for a device.
  void command(const std::string& id, const std::string& payload, std::uint8_t qos = 1) {
    world.devices->commands().deliver({.device = id,
                                       .topic = "d/" + id + "/cmd/set",
                                       .payload = payload,
                                       .content_type = {},
                                       .response_topic = {},
                                       .correlation_data = {},
                                       .user_properties = {},
                                       .ttl_seconds = 0,
                                       .qos = qos});
  }
  static Json hears(const std::string& id, const std::string& answer = "ok") {
    return {{"mode", "sensor"}, {"devices", {id}}, {"subscribe", {"d/" + id + "/#"}}, {"answer", answer}};
  }
  AdapterWorld world;
};

TEST_F(AdapterSessions, SpeaksForADeviceThatItVouchesFor) {
  run({{"mode", "sensor"}, {"devices", {"s1"}}, {"count", 3}});
  ASSERT_TRUE(world.wait_until([&] { return world.counter("a", "acked") == 3; }));
  ASSERT_EQ(world.readings.seen.size(), 3U);
  EXPECT_EQ(world.readings.seen[2].device, "s1");
  EXPECT_EQ(world.readings.seen[2].product, "thermo");
  EXPECT_EQ(world.readings.seen[2].topic, "d/s1/temp");
  EXPECT_EQ(world.readings.seen[2].payload, "2");
  EXPECT_EQ(device("s1").at("adapter"), "a");
  EXPECT_EQ(device("s1").at("source"), "adapter");
  const auto shown = world.adapter("a").at("devices").at(0);
  EXPECT_EQ(shown.at("model"), "M1");
  EXPECT_EQ(shown.at("firmware"), "1.2.3");
}

TEST_F(AdapterSessions, GetsItsPubackWhenTheReadingIsOnDisk) {
  world.start();
  world.store.commit_by_itself(false);
  world.readings.answer = Offer::Kind::queued;
  run({{"mode", "sensor"}, {"devices", {"s1"}}, {"count", 5}});
  ASSERT_TRUE(world.wait_until([&] { return world.readings.seen.size() == 5; }));
  world.pass(3s);
  for (int turn = 0; turn < 50; ++turn) world.until([] { return false; }, 1);
  EXPECT_EQ(world.counter("a", "acked"), 0);
  world.store.commit_by_itself(true);
  world.store.commit();
  EXPECT_TRUE(world.wait_until([&] { return world.counter("a", "acked") == 5; }));
}

TEST_F(AdapterSessions, IsToldToTryAgainWhenTheStoreCannotWrite) {
  world.readings.answer = Offer::Kind::unavailable;
  run({{"mode", "sensor"}, {"devices", {"s1"}}, {"count", 1}});
  EXPECT_TRUE(world.wait_logged("nack 151 the store cannot write now"));
  EXPECT_EQ(world.state("a"), "ready");
}

TEST_F(AdapterSessions, MaySayNoMoreThanTheDevicesProduct) {
  run({{"mode", "sensor"}, {"devices", {"s1"}}, {"count", 1}, {"topic", "d/other/temp"}});
  EXPECT_TRUE(world.wait_logged("nack 135 this device may not publish to this topic"));
  EXPECT_EQ(seen("s1"), 0U);
}

TEST_F(AdapterSessions, CannotReachReservedTopicsThroughADevice) {
  world.options.products[0].may_publish = {"$sluice/#", "#"};
  run({{"mode", "sensor"}, {"devices", {"s1"}}, {"count", 1}, {"topic", "$sluice/v1/to/a/call/ping"}});
  EXPECT_TRUE(world.wait_logged("nack 135"));
}

TEST_F(AdapterSessions, DevicesThemselvesCannotUseReservedTopics) {
  world.options.products[0].may_publish = {"$sluice/#", "d/#"};
  world.options.products[0].may_subscribe = {"$sluice/#", "#"};
  world.start();
  Client client(world, world.devices->port(0));
  ASSERT_EQ(client.connect(), Reason::success);
  EXPECT_EQ(client.publish("$sluice/v1/pub/s1/d/s1/temp", "1"), Reason::not_authorized);
  EXPECT_EQ(client.publish("$sluice/v1/attach", "{}"), Reason::not_authorized);
  EXPECT_EQ(client.subscribe("$sluice/#"), Reason::not_authorized);
  EXPECT_EQ(client.subscribe("$share/g/$sluice/v1/to/a/#"), Reason::not_authorized);
}

TEST_F(AdapterSessions, F22LiesAreRefusedAndEndTheConnection) {
  run({{"mode", "lie"}, {"count", 300}});
  EXPECT_TRUE(world.wait_logged("lie about t1: 135 the device is not attached"));
  EXPECT_TRUE(world.wait_logged("breaks its contract too often"));
  EXPECT_TRUE(world.wait_until([&] { return world.adapter("a").at("starts") >= 2; }, 50ms));
  EXPECT_TRUE(world.readings.seen.empty());
}

TEST_F(AdapterSessions, F22FloodIsHeldToItsRateAndOthersAreServed) {
  world.readings.remember = false;
  run({{"mode", "flood"}}, [](AdapterPlan& plan) { plan.options.limits.publishes_per_second = 1000; });
  ASSERT_TRUE(world.wait_until([&] { return world.readings.count > 0; }));
  Client client(world, world.devices->port(0));
  ASSERT_EQ(client.connect(), Reason::success);
  const auto before = world.readings.count;
  const auto start = world.clock.now();
  EXPECT_EQ(client.publish("d/t1/temp", "1"), Reason::success);
  world.wait_until([&] { return world.clock.now() - start >= 3s; });
  const auto rate = static_cast<double>(world.readings.count - before) /
                    std::chrono::duration<double>(world.clock.now() - start).count();
  EXPECT_GT(rate, 300);
  EXPECT_LT(rate, 1500);
  EXPECT_EQ(world.state("a"), "ready");
}

TEST_F(AdapterSessions, F22WhoHasMoreThanItMaySendWaitsAndIsNotEnded) {
  world.readings.remember = false;
  run({{"mode", "sensor"}, {"devices", {"s1"}}, {"count", 1200}, {"size", 16 * 1024}},
      [](AdapterPlan& plan) { plan.options.limits.bytes_per_second = 1 << 20; });
  EXPECT_TRUE(world.wait_until([&] { return world.adapter("a").value("published", 0) == 1200; }, 20ms))
      << world.adapter("a").dump(1);
  EXPECT_EQ(world.adapter("a").at("starts"), 1);
}

// ---- who may speak for whom

TEST_F(AdapterSessions, AttachesADeviceByItsToken) {
  run({{"mode", "sensor"}, {"devices", {"t1"}}, {"token", "secret-1"}, {"count", 1}});
  ASSERT_TRUE(world.wait_logged("attach t1: ok"));
  EXPECT_TRUE(world.wait_until([&] { return seen("t1") == 1; }));
}

TEST_F(AdapterSessions, DoesNotAttachByAWrongToken) {
  run({{"mode", "sensor"}, {"devices", {"t1"}}, {"token", "wrong"}, {"count", 1}});
  EXPECT_TRUE(world.wait_logged("attach t1: refused: unknown device or wrong token"));
  EXPECT_EQ(device("t1").at("adapter"), "");
}

TEST_F(AdapterSessions, CannotVouchForADeviceThatHasAToken) {
  run({{"mode", "sensor"}, {"devices", {"t1"}}});
  EXPECT_TRUE(world.wait_logged("attach t1: refused: the device is known here and must prove itself"));
}

TEST_F(AdapterSessions, CannotVouchWithoutAProduct) {
  run({{"mode", "sensor"}, {"devices", {"s1"}}}, [](AdapterPlan& plan) { plan.options.product.clear(); });
  EXPECT_TRUE(world.wait_logged("attach s1: refused: this adapter's configuration names no product"));
}

TEST_F(AdapterSessions, TwoAdaptersCannotHaveTheSameDevice) {
  world.start();
  world.run({world.plan("a", {{"mode", "sensor"}, {"devices", {"s1"}}})});
  ASSERT_TRUE(world.wait_logged("attach s1: ok"));
  world.run({world.plan("a", {{"mode", "sensor"}, {"devices", {"s1"}}}),
             world.plan("b", {{"mode", "sensor"}, {"devices", {"s1"}}})});
  EXPECT_TRUE(world.wait_logged("adapter b: attach s1: busy: adapter a has the device"));
}

TEST_F(AdapterSessions, ADeviceThatIsHeldCannotConnectByItself) {
  run({{"mode", "sensor"}, {"devices", {"t1"}}, {"token", "secret-1"}});
  ASSERT_TRUE(world.wait_logged("attach t1: ok"));
  Client client(world, world.devices->port(0));
  EXPECT_EQ(client.connect(), Reason::not_authorized);
  world.run({});
  ASSERT_TRUE(world.wait_until([&] { return device("t1").at("adapter") == ""; }));
  Client again(world, world.devices->port(0));
  EXPECT_EQ(again.connect(), Reason::success);
}

TEST_F(AdapterSessions, ADeviceThatIsConnectedCannotBeAttached) {
  world.start();
  Client client(world, world.devices->port(0));
  ASSERT_EQ(client.connect(), Reason::success);
  run({{"mode", "sensor"}, {"devices", {"t1"}}, {"token", "secret-1"}});
  EXPECT_TRUE(world.wait_logged("attach t1: busy: the device is connected by itself"));
}

TEST_F(AdapterSessions, HasNoMoreDevicesThanItsLimit) {
  run({{"mode", "sensor"}, {"devices", {"s1", "s2", "s3"}}},
      [](AdapterPlan& plan) { plan.options.limits.devices = 2; });
  EXPECT_TRUE(world.wait_logged("attach s3: full: limits.devices of this adapter is 2"));
}

TEST_F(AdapterSessions, LosesADeviceThatIsDisabled) {
  run({{"mode", "sensor"}, {"devices", {"t1"}}, {"token", "secret-1"}});
  ASSERT_TRUE(world.wait_logged("attach t1: ok"));
  world.devices->set_enabled("t1", false, [](const result<void>&) {});
  EXPECT_TRUE(world.wait_logged("adapter a: detached t1"));
  EXPECT_EQ(device("t1").at("adapter"), "");
}

TEST_F(AdapterSessions, IsNotBlamedForWhatWasUnderWayWhenTheDaemonDetached) {
  world.readings.remember = false;
  run({{"mode", "sensor"}, {"devices", {"t1"}}, {"token", "secret-1"}, {"count", 800}, {"size", 600}},
      [](AdapterPlan& plan) { plan.options.limits.publishes_per_second = 100; });
  ASSERT_TRUE(world.wait_until([&] { return world.adapter("a").value("published", 0) > 0; }));
  world.devices->set_enabled("t1", false, [](const result<void>&) {});
  ASSERT_TRUE(world.wait_until(
      [&] { return world.counter("a", "acked") + world.counter("a", "nacked") == 800; }, 20ms));
  EXPECT_GE(world.adapter("a").at("refused"), 300);
  EXPECT_EQ(world.adapter("a").at("violations"), 0);
  EXPECT_EQ(world.adapter("a").at("starts"), 1);
  EXPECT_EQ(world.state("a"), "ready");
}

TEST_F(AdapterSessions, LosesADeviceThatIsRegisteredWithATokenMeanwhile) {
  run({{"mode", "sensor"}, {"devices", {"s1"}}});
  ASSERT_TRUE(world.wait_logged("attach s1: ok"));
  std::string said = "nothing";
  world.devices->add_device("s1", "thermo", "secret-2",
                            [&](const result<void>& added) { said = added ? "added" : added.error().text; });
  ASSERT_TRUE(world.wait_until([&] { return said != "nothing"; }));
  EXPECT_EQ(said, "added");
  EXPECT_TRUE(world.wait_logged("adapter a: detached s1"));
  Client client(world, world.devices->port(0));
  EXPECT_EQ(client.connect({.id = "s1", .user = "s1", .token = "secret-2"}), Reason::success);
}

TEST_F(AdapterSessions, KeepsItsDevicesThroughAReload) {
  run({{"mode", "sensor"}, {"devices", {"s1"}}, {"count", 1}});
  ASSERT_TRUE(world.wait_until([&] { return seen("s1") == 1; }));
  ASSERT_TRUE(world.devices->reload(world.options));
  world.pass(1s);
  EXPECT_EQ(device("s1").at("adapter"), "a");
  world.options.products[0].name = "other";
  world.options.devices.clear();
  ASSERT_TRUE(world.devices->reload(world.options));
  EXPECT_TRUE(world.wait_logged("adapter a: detached s1"));
}

TEST_F(AdapterSessions, TheSocketIsForAdaptersAndTheirCredentialsAlone) {
  run({{"mode", "sensor"}});
  ASSERT_TRUE(world.wait_state("a", "ready"));
  const auto socket = world.scratch.path() / "adapters.sock";
  Client device(world, socket);
  EXPECT_EQ(device.connect({.id = "t1", .user = "t1", .token = "secret-1"}), Reason::not_authorized);
  Client other(world, socket);
  EXPECT_EQ(other.connect({.id = "$adapter/a", .user = "a", .token = "guess"}), Reason::not_authorized);
  Client old(world, socket);
  EXPECT_NE(old.connect({.id = "$adapter/a", .user = "a", .token = "guess", .version = mqtt::Version::v311}),
            Reason::success);
  // An adapter's name is nobody on the listeners of devices.
  Client outside(world, world.devices->port(0));
  EXPECT_EQ(outside.connect({.id = "$adapter/a", .user = "a", .token = "guess"}),
            Reason::client_identifier_not_valid);
}

// ---- messages for devices

TEST_F(AdapterSessions, BringsMessagesToTheDevice) {
  run(hears("s1"));
  ASSERT_TRUE(world.wait_logged("attach s1: ok"));
  command("s1", "on");
  EXPECT_TRUE(world.wait_logged("message for s1 on d/s1/cmd/set: on"));
  EXPECT_TRUE(world.wait_until([&] { return world.adapter("a").at("devices").at(0).at("waiting") == 0; }));
  command("s1", "quick", 0);
  EXPECT_TRUE(world.wait_logged("cmd/set: quick"));
}

TEST_F(AdapterSessions, BringsAMessageAgainAfterItsAdapterDied) {
  run(hears("s1", "never"));
  ASSERT_TRUE(world.wait_logged("attach s1: ok"));
  command("s1", "on");
  ASSERT_TRUE(world.wait_logged("cmd/set: on"));
  ::kill(world.adapter("a").at("pid").get<pid_t>(), SIGKILL);
  EXPECT_TRUE(world.wait_until([&] { return world.log_count("cmd/set: on") == 2; }));
}

TEST_F(AdapterSessions, KeepsMessagesForADeviceThatIsAway) {
  run(hears("s1"));
  ASSERT_TRUE(world.wait_logged("attach s1: ok"));
  world.run({});
  ASSERT_TRUE(world.wait_logged("adapter a: stopped"));
  command("s1", "later");
  world.log.clear();
  run(hears("s1"));
  EXPECT_TRUE(world.wait_logged("cmd/set: later"));
}

TEST_F(AdapterSessions, SendsAMessageAgainWhenTheDeviceIsBusy) {
  run(hears("s1", "busy"));
  ASSERT_TRUE(world.wait_logged("attach s1: ok"));
  command("s1", "on");
  EXPECT_TRUE(world.wait_until([&] { return world.log_count("cmd/set: on") >= 3; }, 50ms));
}

TEST_F(AdapterSessions, DropsAMessageThatTheDeviceCannotTake) {
  run(hears("s1", "permanent"));
  ASSERT_TRUE(world.wait_logged("attach s1: ok"));
  command("s1", "on");
  EXPECT_TRUE(world.wait_logged("s1 does not take a message: permanent: so says the script"));
  EXPECT_EQ(world.adapter("a").at("messages_dropped"), 1);
  EXPECT_EQ(world.adapter("a").at("devices").at(0).at("waiting"), 0);
  world.pass(2min);
  EXPECT_EQ(world.log_count("cmd/set: on"), 1U);
}

TEST_F(AdapterSessions, MayHearNoMoreThanTheDevicesProduct) {
  run({{"mode", "sensor"}, {"devices", {"s1"}}, {"subscribe", {"d/other/#"}}});
  EXPECT_TRUE(world.wait_logged("attach s1: refused: the device's product may not subscribe to `d/other/#`"));
  EXPECT_TRUE(world.wait_until([&] { return device("s1").at("adapter") == ""; }));
}

// ---- calls

TEST_F(AdapterSessions, AnswersCalls) {
  run({{"mode", "sensor"}, {"devices", {"s1"}}});
  ASSERT_TRUE(world.wait_logged("attach s1: ok"));
  std::vector<std::string> said;
  const auto call = [&](std::string_view operation, std::string_view more, std::string_view payload) {
    said.clear();
    world.devices->call("s1", operation, more, payload, 5s, [&](const result<std::string>& answer) {
      said.push_back(answer ? *answer : answer.error().text);
    });
    EXPECT_TRUE(world.wait_until([&] { return !said.empty(); }, 20ms));
    return said.empty() ? "" : said.front();
  };
  EXPECT_EQ(Json::parse(call("probe", "", "{}")),
            Json::parse(R"({"ok": true, "model": "scripted", "device": "s1"})"));
  EXPECT_EQ(Json::parse(call("write", "u-1/100", std::string("\0\x01\xff", 3))).at("offset"), 103);
  EXPECT_NE(call("dance", "", "{}").find("unsupported"), std::string::npos);
  EXPECT_NE(call("probe", "", "no JSON").find("permanent"), std::string::npos);
  EXPECT_NE(call("begin", "", "{}").find("not answered in time"), std::string::npos);
}

TEST_F(AdapterSessions, CallsOfAnAdapterThatDiesAreEnded) {
  run({{"mode", "sensor"}, {"devices", {"s1"}}});
  ASSERT_TRUE(world.wait_logged("attach s1: ok"));
  std::string said;
  world.devices->call("s1", "begin", "", "{}", 1h,
                      [&](const result<std::string>& answer) { said = answer.error().text; });
  world.pass(100ms);
  ::kill(world.adapter("a").at("pid").get<pid_t>(), SIGKILL);
  EXPECT_TRUE(world.wait_until([&] { return said == "the adapter has gone"; })) << said;
  world.devices->call("s9", "probe", "", "{}", 1s,
                      [&](const result<std::string>& answer) { said = answer.error().text; });
  EXPECT_EQ(said, "no adapter has device s9 now");
}

}  // namespace
}  // namespace sluice::device::test
