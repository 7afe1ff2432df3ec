// AWS's dialect of MQTT as clients see it, over the plain listener: the client id names the thing there.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/cloud/cloud_house.hpp"

namespace sluice::cloud::test {
namespace {

using mqtt::PacketType;
using mqtt::Version;
using nlohmann::json;

constexpr const char* kObserver = R"({"Version":"2012-10-17","Statement":[
  {"Effect":"Allow","Action":"iot:*","Resource":"*"},
  {"Effect":"Deny","Action":"iot:Receive","Resource":"arn:aws:iot:*:*:topic/*secret*"}]})";

std::vector<int> suback_codes(const std::string& packet, Version version = Version::v5) {
  const auto decoded = mqtt::decode(packet, version);
  std::vector<int> codes;
  if (!decoded.packet || !std::holds_alternative<mqtt::Suback>(*decoded.packet)) return codes;
  for (const auto reason : std::get<mqtt::Suback>(*decoded.packet).reasons)
    codes.push_back(static_cast<int>(reason));
  return codes;
}

struct Heard {
  std::string topic, payload;
  bool retain = false;
};
Heard heard(const std::string& packet, Version version = Version::v5) {
  const auto decoded = mqtt::decode(packet, version);
  if (!decoded.packet || !std::holds_alternative<mqtt::Publish>(*decoded.packet))
    return {"no publish", "", false};
  const auto& publish = std::get<mqtt::Publish>(*decoded.packet);
  return {std::string(publish.topic), std::string(publish.payload), publish.retain};
}

struct Dialect : testing::Test {
  Dialect() {
    house.add_policy("observer", kObserver);
    house.add_thing("observer", {"observer"});
  }
  std::unique_ptr<Peer> observer(const std::vector<std::string>& filters) {
    auto peer = house.client("observer");
    peer->send(subscribe_bytes(filters));
    EXPECT_EQ(type_of(house.next_packet(*peer)), PacketType::suback);
    return peer;
  }
  int puback(Peer& peer, const std::string& topic, const std::string& payload = "x", bool retain = false) {
    peer.send(publish_bytes(topic, payload, 9, Version::v5, 1, retain));
    const auto packet = house.next_packet(peer);
    return type_of(packet) == PacketType::puback ? reason_of(packet) : -1;
  }
  House house;
};

TEST_F(Dialect, RefusedPublishesGetAReasonInMqtt5) {
  auto peer = house.client("gw-1");
  EXPECT_EQ(puback(*peer, "dt/ok"), 0);
  EXPECT_EQ(puback(*peer, "elsewhere"), 0x87);
  EXPECT_EQ(puback(*peer, "dt/1/2/3/4/5/6/7/8"), 0x90);
  EXPECT_EQ(puback(*peer, "dt/x", std::string(131073, 'x')), 0x97);
  EXPECT_EQ(puback(*peer, "$aws/things/gw-1/x", "x", true), 0x90);
  EXPECT_EQ(puback(*peer, "dt/ok"), 0) << "and the connection lives";
}

TEST_F(Dialect, RefusedPublishesCloseTheConnectionInMqtt311) {
  for (const char* topic : {"elsewhere", "dt/1/2/3/4/5/6/7/8", "$aws/events/x"}) {
    auto peer = house.client("gw-1", Version::v311);
    peer->send(publish_bytes(topic, "x", 1, Version::v311));
    EXPECT_EQ(house.next_packet(*peer), "") << topic;
    EXPECT_TRUE(peer->closed()) << topic;
  }
}

TEST_F(Dialect, ForbiddenQos0ClosesTheConnection) {
  auto peer = house.client("gw-1");
  peer->send(publish_bytes("elsewhere", "x", 0, Version::v5, 0));
  const auto packet = house.next_packet(*peer);
  EXPECT_EQ(type_of(packet), PacketType::disconnect);
  EXPECT_EQ(reason_of(packet), 0x87);
}

TEST_F(Dialect, Qos2IsNotSpoken) {
  auto modern = house.client("gw-1");
  modern->send(publish_bytes("dt/x", "x", 1, Version::v5, 2));
  EXPECT_EQ(reason_of(house.next_packet(*modern)), 0x9b);
  auto old = house.client("gw-2", Version::v311);
  old->send(publish_bytes("dt/x", "lost", 1, Version::v311, 2) +
            publish_bytes("dt/x", "kept", 2, Version::v311));
  EXPECT_EQ(type_of(house.next_packet(*old)), PacketType::puback) << "no PUBREC before it";
  EXPECT_EQ(house.log_text().find("lost"), std::string::npos);
}

TEST_F(Dialect, PacketsAboveTheMaximumCloseTheConnection) {
  auto peer = house.client("gw-1");
  peer->send(publish_bytes("dt/x", std::string(149504, 'x')));
  EXPECT_EQ(reason_of(house.next_packet(*peer)), 0x95);
}

TEST_F(Dialect, SubscriptionsAreJudgedOneByOne) {
  auto peer = house.client("gw-1");
  peer->send(subscribe_bytes({"cmd/gw-1/#", "cmd/gw-2/#", "$aws/rules/r/#", "1/2/3/4/5/6/7/8/9"}));
  EXPECT_EQ(suback_codes(house.next_packet(*peer)), (std::vector{1, 0x87, 0x8f, 0x8f}));
  auto old = house.client("gw-3", Version::v311);
  old->send(subscribe_bytes({"cmd/gw-3/#", "cmd/gw-2/#"}, Version::v311));
  EXPECT_EQ(suback_codes(house.next_packet(*old), Version::v311), (std::vector{1, 0x80}));
}

TEST_F(Dialect, EightFiltersAPacketAndFiftyAConnection) {
  auto peer = house.client("observer");
  const auto filters = [](int from, int count) {
    std::vector<std::string> names;
    for (int i = from; i < from + count; ++i) names.push_back("f/" + std::to_string(i));
    return names;
  };
  peer->send(subscribe_bytes(filters(0, 9)));
  for (const int code : suback_codes(house.next_packet(*peer))) EXPECT_EQ(code, 0x97);
  for (int i = 0; i < 48; i += 8) {
    peer->send(subscribe_bytes(filters(i, 8)));
    EXPECT_EQ(suback_codes(house.next_packet(*peer)), std::vector<int>(8, 1));
  }
  peer->send(subscribe_bytes(filters(48, 3)));
  EXPECT_EQ(suback_codes(house.next_packet(*peer)), (std::vector{1, 1, 0x97}));
}

TEST_F(Dialect, SubscriptionIdentifiersEndTheConnection) {
  auto peer = house.client("gw-1");
  mqtt::Subscribe subscribe;
  subscribe.packet_id = 3;
  subscribe.subscription_identifier = 5;
  subscribe.entries.push_back({"cmd/gw-1/#", 1, false, false, 0});
  std::string bytes;
  mqtt::encode(subscribe, Version::v5, bytes);
  peer->send(bytes);
  EXPECT_EQ(reason_of(house.next_packet(*peer)), 0xa1);
}

TEST_F(Dialect, AHashDoesNotMatchItsParent) {
  auto watcher = observer({"dt/#"});
  house.cloud->publish("dt", "parent");
  house.cloud->publish("dt/x", "child");
  EXPECT_EQ(heard(house.next_packet(*watcher)).payload, "child");
}

TEST_F(Dialect, WildcardsDoNotGetRetainedMessages) {
  auto peer = house.client("gw-1");
  ASSERT_EQ(puback(*peer, "dt/kept", "value", true), 0);
  auto watcher = observer({"dt/#"});
  house.settle();
  EXPECT_FALSE(watcher->has_packet());
  watcher->send(subscribe_bytes({"dt/kept"}));
  EXPECT_EQ(type_of(house.next_packet(*watcher)), PacketType::suback);
  const auto message = heard(house.next_packet(*watcher));
  EXPECT_EQ(message.payload, "value");
  EXPECT_TRUE(message.retain);
}

TEST_F(Dialect, BasicIngestIsLoggedAndReachesNoSubscriber) {
  auto watcher = observer({"#", "dt/x"});
  auto peer = house.client("gw-1");
  EXPECT_EQ(puback(*peer, "$aws/rules/my_rule/dt/x", "reading"), 0);
  EXPECT_EQ(puback(*peer, "dt/after", "end"), 0);
  std::string payload = heard(house.next_packet(*watcher)).payload;
  EXPECT_EQ(payload, "end");
  EXPECT_NE(house.log_text().find(R"("rule":"my_rule","rule_topic":"dt/x")"), std::string::npos);
}

TEST_F(Dialect, WhatMayNotBeReceivedIsDroppedSilently) {
  auto watcher = observer({"dt/#"});
  house.cloud->publish("dt/secret/x", "no");
  house.cloud->publish("dt/open", "yes");
  EXPECT_EQ(heard(house.next_packet(*watcher)).payload, "yes");
}

TEST_F(Dialect, ASecondConnectionTakesTheClientIdOver) {
  auto watcher = observer({"$aws/events/presence/disconnected/gw-1"});
  auto first = house.client("gw-1");
  auto second = house.client("gw-1");
  EXPECT_EQ(reason_of(house.next_packet(*first)), 0x8e);
  EXPECT_TRUE(house.until([&] { return first->closed(); }));
  const auto event = json::parse(heard(house.next_packet(*watcher)).payload);
  EXPECT_EQ(event["disconnectReason"], "DUPLICATE_CLIENTID");
  EXPECT_EQ(event["versionNumber"], 0);
  EXPECT_EQ(puback(*second, "dt/x"), 0);
}

TEST_F(Dialect, LifecycleEventsTellComingSubscribingAndGoing) {
  auto watcher = observer({"$aws/events/#"});
  std::vector<std::string> topics;
  const auto next = [&] {
    auto message = heard(house.next_packet(*watcher));
    topics.push_back(message.topic);
    return json::parse(message.payload, nullptr, false);
  };
  EXPECT_EQ(next()["topics"], json::parse(R"(["$aws/events/#"])"));
  {
    auto peer = house.client("gw-1");
    EXPECT_EQ(next()["eventType"], "connected");
    peer->send(subscribe_bytes({"cmd/gw-1/a", "cmd/gw-1/b"}));
    EXPECT_EQ(next()["topics"], json::parse(R"(["cmd/gw-1/a","cmd/gw-1/b"])"));
  }
  const auto gone = next();
  EXPECT_EQ(gone["disconnectReason"], "CONNECTION_LOST");
  EXPECT_EQ(topics.back(), "$aws/events/presence/disconnected/gw-1");
}

TEST_F(Dialect, AWillNeedsTheRightToPublishIt) {
  auto connect = connect_packet("gw-1");
  mqtt::Will will;
  will.topic = "elsewhere";
  will.payload = "gone";
  connect.will = will;
  EXPECT_EQ(reason_of(house.try_connect(connect)), 0x87);
  connect.will->topic = "dt/will";
  EXPECT_EQ(reason_of(house.try_connect(connect)), 0);
  EXPECT_TRUE(house.until([&] { return house.log_text().find("\"will\":true") != std::string::npos; }));
}

TEST_F(Dialect, ClientIdsAreBounded) {
  EXPECT_EQ(reason_of(house.try_connect(connect_packet(std::string(129, 'c')))), 0x85);
  EXPECT_EQ(reason_of(house.try_connect(connect_packet("$x", Version::v311))), 2);
}

TEST_F(Dialect, SilenceBeyondTheKeepAliveEndsTheConnection) {
  auto watcher = observer({"$aws/events/presence/disconnected/gw-1"});
  auto connect = connect_packet("gw-1");
  connect.keep_alive = 1;  // becomes 30
  auto peer = house.plain_peer();
  peer->send(bytes_of(connect));
  ASSERT_EQ(reason_of(house.next_packet(*peer)), 0);
  house.pass(44s);
  EXPECT_FALSE(peer->closed());
  house.pass(2s);
  EXPECT_EQ(reason_of(house.next_packet(*peer)), 0x8d);
}

}  // namespace
}  // namespace sluice::cloud::test
