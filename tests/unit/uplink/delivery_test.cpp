#include <algorithm>

#include "core/record_properties.hpp"
#include "tests/unit/uplink/uplink_fixture.hpp"

namespace sluice::test {
namespace {

using Uplink = UplinkTest;

TEST_F(Uplink, ForgetsAReadingOnlyWhenTheCloudHasAcknowledgedIt) {
  cloud.answer = [](const auto&) { return std::nullopt; };
  start();
  say("1");
  pass(1s);
  ASSERT_EQ(payloads(), std::vector<std::string>{"1"});
  EXPECT_EQ(queued(), 1U);
  cloud.ack("gw", 1);
  pass(1s);
  EXPECT_EQ(queued(), 0U);
  EXPECT_EQ(delivered(), 1U);
}

TEST_F(Uplink, SendsAReadingAgainWhenItsAckIsLost) {
  cloud.answer = [](const auto&) { return std::nullopt; };
  start();
  say("1");
  pass(1s);
  cloud.answer = nullptr;
  cloud.lose("gw", {});
  pass_until([&] { return delivered() == 1; });
  EXPECT_EQ(payloads(), (std::vector<std::string>{"1", "1"}));
  EXPECT_EQ(cloud.received[0].user_properties, cloud.received[1].user_properties) << "the same id both times";
}

TEST_F(Uplink, KeepsTheOrderOfEachDevice) {
  start();
  for (int i = 0; i < 200; ++i)
    say(std::to_string(i), "t", kGatewayLane, 5, "r", i % 2 == 0 ? "even" : "odd");
  pass_until([&] { return delivered() == 200; });
  std::vector<int> seen;
  for (const auto& p : payloads()) seen.push_back(std::stoi(p));
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
}

TEST_F(Uplink, SendsWhatIsLiveBeforeTheBacklog) {
  say_many(500, "old");
  settle();
  start();
  pass(1s);
  say_many(5, "new");
  pass(500ms);
  const auto all = payloads();
  const auto first_new = std::find(all.begin(), all.end(), "new0");
  ASSERT_NE(std::find(all.begin(), all.end(), "new4"), all.end()) << "live ones leave within half a second";
  EXPECT_LT(first_new - all.begin(), 110) << "of a backlog of 500";
  pass_until([&] { return delivered() == 505; });
}

TEST_F(Uplink, SendsInOrderOfAgeWhenLiveFirstIsOff) {
  options.cloud.live_first = false;
  say_many(100, "old");
  settle();
  start();
  say("new");
  pass_until([&] { return delivered() == 101; });
  EXPECT_EQ(payloads().back(), "new");
}

TEST_F(Uplink, SendsAHigherPriorityFirst) {
  cloud.refuse = [](const auto&) {
    return uplink::ConnectFailure{uplink::ConnectFailure::Kind::tcp, 0, {errc::unreachable, "no"}};
  };
  start();
  say("low", "t", kGatewayLane, 1);
  say("high", "t", kGatewayLane, 9);
  say("middle", "t", kGatewayLane, 5);
  settle();
  cloud.refuse = nullptr;
  pass_until([&] { return delivered() == 3; });
  EXPECT_EQ(payloads(), (std::vector<std::string>{"high", "middle", "low"}));
}

TEST_F(Uplink, GivesEachReadingItsIdAndForwardsItsProperties) {
  encode_record_properties({"text/plain", std::string_view("\x26\0\1k\0\1v", 7)}, properties);
  start();
  say("1");
  pass(1s);
  ASSERT_EQ(cloud.received.size(), 1U);
  const auto& r = cloud.received[0];
  EXPECT_EQ(r.content_type, "text/plain");
  EXPECT_TRUE(r.user_properties.starts_with(std::string_view("\x26\0\1k\0\1v", 7)));
  EXPECT_NE(r.user_properties.find("sluice-id"), std::string::npos);
  EXPECT_NE(r.user_properties.find("0badcafe-1"), std::string::npos);
  EXPECT_NE(r.user_properties.find("sluice-time"), std::string::npos);
}

TEST_F(Uplink, FallsBackTo311WithoutPropertiesWhenTheVersionIsRefused) {
  cloud.refuse = [](const uplink::LinkOptions& o) -> std::optional<uplink::ConnectFailure> {
    if (!o.mqtt5) return std::nullopt;
    return uplink::ConnectFailure{
        uplink::ConnectFailure::Kind::version, 0x84, {errc::unsupported, "no MQTT 5"}};
  };
  start();
  say("1");
  pass_until([&] { return delivered() == 1; }, 10s);
  EXPECT_EQ(lane()["mqtt"], "3.1.1");
  EXPECT_EQ(cloud.received[0].user_properties, "");
}

TEST_F(Uplink, FallsBackTo311WhenTheServerOnlyClosesOnMqtt5) {
  cloud.refuse = [](const uplink::LinkOptions& o) -> std::optional<uplink::ConnectFailure> {
    if (!o.mqtt5) return std::nullopt;
    return uplink::ConnectFailure{uplink::ConnectFailure::Kind::closed, 0, {errc::refused, "closed"}};
  };
  start();
  say("1");
  pass_until([&] { return delivered() == 1; }, 30s);
}

TEST_F(Uplink, CarriesManyLanesEachWithItsOwnReadings) {
  options.cloud.quotas.enforce = false;
  start();
  for (LaneId id = 1; id <= 200; ++id) uplink->add_lane(id, identity("dev" + std::to_string(id)));
  for (LaneId id = 1; id <= 200; ++id) say(std::to_string(id), "t", id);
  pass_until([&] { return delivered() == 200; }, 60s, 100ms);
  for (const auto& r : cloud.received) EXPECT_EQ(r.client, "dev" + r.payload);
}

TEST_F(Uplink, KeepsTheReadingsOfALaneThatIsRemoved) {
  start();
  uplink->add_lane(7, identity("seven"));
  pass(2s);
  uplink->remove_lane(7);
  say("1", "t", 7);
  pass(5s);
  EXPECT_EQ(queued(), 1U);
  uplink->add_lane(7, identity("seven"));
  pass_until([&] { return delivered() == 1; });
}

TEST_F(Uplink, DrainsBeforeItStopsAndWaitsForNoBatch) {
  options.routes.push_back({});
  options.routes.back().name = "r";
  options.routes.back().batch = {BatchOptions::Format::json, 5000, 60s, false};
  start();
  say("1");
  pass(1s);
  EXPECT_TRUE(cloud.received.empty());
  bool done = false;
  uplink->drain_and_stop(5s, [&] { done = true; });
  pass_until([&] { return done; }, 5s);
  EXPECT_EQ(payloads(), std::vector<std::string>{"[1]"});
  store.commit();
  EXPECT_EQ(delivered(), 1U);
}

TEST_F(Uplink, StopsAtTheDeadlineWhenTheCloudDoesNotAnswer) {
  cloud.answer = [](const auto&) { return std::nullopt; };
  start();
  say("1");
  pass(1s);
  bool done = false;
  uplink->drain_and_stop(5s, [&] { done = true; });
  const auto took = pass_until([&] { return done; }, 10s);
  EXPECT_GE(took, 5s);
  EXPECT_LT(took, 8s);
  EXPECT_EQ(queued(), 1U);
}

TEST_F(Uplink, DrainsAtOnceWhenItIsNotConnected) {
  cloud.answers_connect = false;
  start();
  say("1");
  bool done = false;
  uplink->drain_and_stop(5s, [&] { done = true; });
  EXPECT_LT(pass_until([&] { return done; }, 5s), 1s);
}

TEST_F(Uplink, ReconnectsOnReloadOnlyWhenTheConnectionDependsOnIt) {
  start();
  pass(1s);
  options.cloud.quotas.publishes_per_second = 10;
  uplink->reload(options);
  pass(3s);
  EXPECT_EQ(cloud.connects.size(), 1U);
  options.cloud.endpoint = "other.example:443";
  uplink->reload(options);
  pass(3s);
  ASSERT_EQ(cloud.connects.size(), 2U);
  EXPECT_EQ(cloud.connects[1].options.host, "other.example");
  EXPECT_EQ(cloud.connects[1].options.port, 443);
}

TEST_F(Uplink, SaysWhenNoEndpointIsSetAndStartsWhenAReloadBringsOne) {
  options.cloud.endpoint.clear();
  start();
  EXPECT_NE(error().find("cloud.endpoint is not set"), std::string::npos);
  options.cloud.endpoint = "cloud.example";
  uplink->reload(options);
  pass(3s);
  EXPECT_EQ(state(), "connected");
}

}  // namespace
}  // namespace sluice::test
