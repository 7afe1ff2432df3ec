#include "tests/unit/uplink/uplink_fixture.hpp"
#include "uplink/command_topic.hpp"
#include "uplink/shared.hpp"

namespace sluice::test {
namespace {

using Commands_ = UplinkTest;

uplink::Incoming command(const std::string& topic, const std::string& payload = "{}") {
  uplink::Incoming in;
  in.topic = topic;
  in.payload = payload;
  return in;
}

TEST_F(Commands_, OfTheGatewaysLaneGoToTheDeviceNamedInTheTopic) {
  start();
  ASSERT_EQ(cloud.subscriptions, std::vector<std::string>{"cmd/gw/#"});
  cloud.say("gw", command("cmd/gw/pump-1/valve/open", "now"));
  settle();
  ASSERT_EQ(commands.got.size(), 1U);
  EXPECT_EQ(commands.got[0].device, "pump-1");
  EXPECT_EQ(commands.got[0].topic, "d/pump-1/cmd/valve/open");
  EXPECT_EQ(commands.got[0].payload, "now");
  EXPECT_EQ(commands.got[0].ttl_seconds, 24 * 3600U);
}

TEST_F(Commands_, OfADevicesOwnLaneGoToThatDevice) {
  start();
  uplink->add_lane(3, identity("pump-3"));
  pass(1s);
  cloud.say("pump-3", command("cmd/pump-3/valve"));
  settle();
  ASSERT_EQ(commands.got.size(), 1U);
  EXPECT_EQ(commands.got[0].device, "pump-3");
  EXPECT_EQ(commands.got[0].topic, "d/pump-3/cmd/valve");
}

TEST_F(Commands_, AreAcknowledgedToTheCloudOnlyWhenTheirTicketIsCommitted) {
  store.commit_by_itself(false);
  start();
  store.put(17, "k", "v");
  commands.ticket = store.ticket();
  ASSERT_GT(commands.ticket, store.committed());
  cloud.say("gw", command("cmd/gw/a/b"));
  pass(10s);
  ASSERT_EQ(commands.got.size(), 1U);
  EXPECT_TRUE(cloud.accepted.empty());
  store.commit();
  settle();
  ASSERT_EQ(cloud.accepted.size(), 1U);
  EXPECT_EQ(cloud.accepted[0], (std::pair<std::string, std::uint64_t>{"gw", 1}));
}

TEST_F(Commands_, WithNothingToWaitForAreAcknowledgedAtOnce) {
  start();
  cloud.say("gw", command("cmd/gw/a/b"));
  cloud.say("gw", command("something/else"));
  settle();
  EXPECT_EQ(cloud.accepted.size(), 2U) << "one that no filter asked for must not block the others";
  EXPECT_EQ(commands.got.size(), 1U);
  EXPECT_EQ(lane()["commands_unmatched"], 1);
}

TEST_F(Commands_, ThatWereNotSafeWhenTheConnectionDiedAreNotAcknowledgedOnTheNext) {
  store.commit_by_itself(false);
  start();
  store.put(17, "k", "v");
  commands.ticket = store.ticket();
  cloud.say("gw", command("cmd/gw/a/b"));
  settle();
  cloud.lose("gw", {});
  pass(3s);
  store.commit();
  settle();
  EXPECT_TRUE(cloud.accepted.empty());
}

TEST_F(Commands_, CarryTheirPropertiesAndTheShorterTimeToLive) {
  start();
  auto in = command("cmd/gw/a/b");
  in.content_type = "application/cbor";
  in.response_topic = "r";
  in.correlation_data = "c";
  in.expiry = 60;
  cloud.say("gw", in);
  settle();
  ASSERT_EQ(commands.got.size(), 1U);
  EXPECT_EQ(commands.got[0].ttl_seconds, 60U);
  EXPECT_EQ(commands.got[0].content_type, "application/cbor");
  EXPECT_EQ(commands.got[0].response_topic, "r");
  EXPECT_EQ(commands.got[0].correlation_data, "c");
}

TEST_F(Commands_, AreAskedForAtMostEightFiltersAtATime) {
  options.cloud.commands.clear();
  for (int i = 0; i < 20; ++i) options.cloud.commands.push_back("c" + std::to_string(i) + "/{thing}/#");
  start();
  pass(1s);
  EXPECT_EQ(cloud.subscriptions.size(), 20U);
  EXPECT_EQ(cloud.subscriptions[19], "c19/gw/#");
  EXPECT_EQ(state(), "connected");
}

TEST_F(Commands_, NoFiltersMeanNoSubscription) {
  options.cloud.commands.clear();
  start();
  EXPECT_TRUE(cloud.subscriptions.empty());
  EXPECT_EQ(state(), "connected");
}

TEST_F(Commands_, ARefusedSubscriptionIsToldAndReadingsGoOn) {
  cloud.suback = [](const auto&) { return 0x87; };
  start();
  say("1");
  pass_until([&] { return delivered() == 1; }, 5s);
  EXPECT_EQ(state(), "connected");
  EXPECT_NE(error().find("iot:Subscribe"), std::string::npos);
  cloud.suback = nullptr;
  pass(2min);
  EXPECT_EQ(error(), "") << "asked again, and granted";
}

TEST_F(Commands_, AMissingSubackDoesNotHoldReadingsBack) {
  cloud.answers_subscribe = false;
  start();
  say("1");
  EXPECT_LE(pass_until([&] { return delivered() == 1; }, 1min), 20s);
}

TEST_F(Commands_, ASubscribeThatClosesTheConnectionIsLeftOutInTheEnd) {
  cloud.suback = [&](const auto&) {
    cloud.lose("gw", {});
    return 0x87;
  };
  start();
  say("1");
  pass_until([&] { return delivered() == 1; }, 5min);
  EXPECT_NE(error().find("closes the connection when we subscribe"), std::string::npos);
}

TEST_F(Commands_, CountAgainstTheQuotaOfTheConnection) {
  start();
  say_many(400);
  settle();
  for (int i = 0; i < 100; ++i) {
    cloud.say("gw", command("cmd/gw/a/b"));
    cloud.say("gw", command("cmd/gw/a/b"));
    cloud.say("gw", command("cmd/gw/a/b"));
    cloud.say("gw", command("cmd/gw/a/b"));
    cloud.say("gw", command("cmd/gw/a/b"));
    pass(100ms);
  }
  // 50 commands a second leave 50 readings a second.
  EXPECT_GE(cloud.received.size(), 380U);
  EXPECT_LE(cloud.received[350].at - cloud.received[0].at, 9s);
  EXPECT_GE(cloud.received[350].at - cloud.received[0].at, 6s);
}

TEST(CommandTopic, MapsWhatTheFilterLeavesOpen) {
  const auto map = [](const std::string& filter, const std::string& topic, bool gateway) {
    uplink::LocalTopic out;
    return uplink::local_topic({filter}, "d/{device}/cmd/{rest}", "T", gateway, topic, out)
               ? out.device + " " + out.topic
               : "";
  };
  EXPECT_EQ(map("cmd/T/#", "cmd/T/a/b", false), "T d/T/cmd/a/b");
  EXPECT_EQ(map("cmd/T/#", "cmd/T", false), "") << "AWS: a/# does not match a";
  EXPECT_EQ(map("cmd/T/+/#", "cmd/T/dev/a/b", true), "dev d/dev/cmd/a/b");
  EXPECT_EQ(map("cmd/T/#", "cmd/T/dev", true), "dev d/dev/cmd");
  EXPECT_EQ(map("cmd/+/x", "cmd/dev/x", true), "dev d/dev/cmd/x");
  EXPECT_EQ(map("cmd/+/x", "cmd/dev/y", true), "");
  EXPECT_EQ(map("cmd/+", "cmd/dev/y", true), "");
  EXPECT_EQ(map("exact/topic", "exact/topic", false), "T d/T/cmd");
}

TEST(Endpoint, IsAHostWithAPort) {
  uplink::LinkOptions o;
  EXPECT_TRUE(uplink::parse_endpoint("a.example", o));
  EXPECT_EQ(o.host, "a.example");
  EXPECT_EQ(o.port, 8883);
  EXPECT_FALSE(o.plain);
  EXPECT_TRUE(uplink::parse_endpoint("a.example:443", o));
  EXPECT_EQ(o.port, 443);
  EXPECT_TRUE(uplink::parse_endpoint("[::1]:99", o));
  EXPECT_EQ(o.host, "::1");
  EXPECT_EQ(o.port, 99);
  for (const auto* bad : {"", "a:", "a:x", "a:0", "a:70000", "tcp://"})
    EXPECT_FALSE(uplink::parse_endpoint(bad, o)) << bad;
  EXPECT_FALSE(o.plain);  // no endpoint turns TLS off
}

}  // namespace
}  // namespace sluice::test
