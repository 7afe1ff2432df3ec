// Faults and quotas of the running cloud, as clients feel them, and the admin port that orders them.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/cloud/cloud_house.hpp"

namespace sluice::cloud::test {
namespace {

using mqtt::PacketType;
using nlohmann::json;

struct Trouble : testing::Test {
  void fault(const char* wish) {
    const auto done = house.cloud->faults().set(json::parse(wish));
    ASSERT_TRUE(done) << done.error().text;
  }
  House house;
};

TEST_F(Trouble, AnOutageDropsEverybodyAndEnds) {
  auto peer = house.client("gw-1");
  const auto port = house.cloud->ports().insecure;
  fault(R"({"kind":"outage","seconds":20})");
  EXPECT_TRUE(house.until([&] { return peer->closed(); }));
  auto late = house.plain_peer();
  EXPECT_TRUE(house.until([&] { return late->closed(); })) << "connection refused";
  house.pass(21s);
  EXPECT_EQ(house.cloud->ports().insecure, port);
  house.client("gw-1");
}

TEST_F(Trouble, HalfOpenSaysNothingAndThenGoesOn) {
  auto peer = house.client("gw-1");
  fault(R"({"kind":"half-open","seconds":10})");
  peer->send(publish_bytes("dt/x", "held"));
  house.pass(9s);
  EXPECT_FALSE(peer->has_packet());
  EXPECT_FALSE(peer->closed());
  EXPECT_EQ(house.log_text(), "");
  house.pass(2s);
  EXPECT_EQ(type_of(house.next_packet(*peer)), PacketType::puback);
}

TEST_F(Trouble, DelayedPubacksComeLateAndInOrder) {
  auto peer = house.client("gw-1");
  fault(R"({"kind":"delay-puback","ms":3000})");
  peer->send(publish_bytes("dt/x", "one", 1) + publish_bytes("dt/x", "two", 2));
  house.pass(2s);
  EXPECT_FALSE(peer->has_packet());
  EXPECT_NE(house.log_text().find("two"), std::string::npos) << "the cloud has them";
  house.pass(2s);
  EXPECT_EQ(house.next_packet(*peer)[3], 1);
  EXPECT_EQ(house.next_packet(*peer)[3], 2);
}

TEST_F(Trouble, LostPubacksAreLoggedAndDelivered) {
  house.add_thing("observer", {"all"});
  auto watcher = house.client("observer");
  watcher->send(subscribe_bytes({"dt/#"}));
  ASSERT_EQ(type_of(house.next_packet(*watcher)), PacketType::suback);
  auto peer = house.client("gw-1");
  fault(R"({"kind":"lose-puback","next":2})");
  for (std::uint16_t id = 1; id <= 3; ++id) peer->send(publish_bytes("dt/x", "m" + std::to_string(id), id));
  EXPECT_EQ(house.next_packet(*peer)[3], 3) << "only the third is acknowledged";
  for (const char* expected : {"m1", "m2", "m3"}) {
    EXPECT_NE(house.log_text().find(expected), std::string::npos);
  }
  EXPECT_TRUE(house.until([&] { return watcher->has_packet(); }));
  EXPECT_EQ(json::parse(house.admin("GET", "/status"))["pubacks_lost"], 2);
}

TEST_F(Trouble, PoisonClosesTheConnectionWithoutAnAck) {
  auto peer = house.client("gw-1");
  fault(R"({"kind":"close-on","payload_contains":"POISON"})");
  peer->send(publish_bytes("dt/x", "fine", 1));
  EXPECT_EQ(type_of(house.next_packet(*peer)), PacketType::puback);
  peer->send(publish_bytes("dt/x", "a POISON pill", 2));
  EXPECT_EQ(type_of(house.next_packet(*peer)), PacketType::disconnect);
  EXPECT_TRUE(house.until([&] { return peer->closed(); }));
  EXPECT_EQ(house.log_text().find("POISON"), std::string::npos);
}

TEST_F(Trouble, PoisonMayResetTheConnectionAbruptly) {
  auto peer = house.client("gw-1");
  fault(R"({"kind":"close-on","topic":"dt/bad/#","abrupt":true})");
  peer->send(publish_bytes("dt/bad/x", "x"));
  EXPECT_TRUE(house.until([&] { return peer->closed(); }));
  EXPECT_FALSE(peer->has_packet());
}

TEST_F(Trouble, ConnectsAreRefusedAsOrdered) {
  fault(R"({"kind":"refuse-connect","reason":137,"next":1})");
  EXPECT_EQ(reason_of(house.try_connect(connect_packet("gw-1"))), 0x89);
  house.client("gw-1");
}

TEST_F(Trouble, AThrottleDropsWhatIsTooMuch) {
  auto peer = house.client("gw-1");
  fault(R"({"kind":"throttle","rate":10})");
  for (std::uint16_t id = 1; id <= 50; ++id) peer->send(publish_bytes("dt/x", "x", id));
  house.settle();
  int acks = 0;
  for (; peer->has_packet(); peer->take()) ++acks;
  EXPECT_EQ(acks, 10);
}

TEST_F(Trouble, ADelayingThrottleLosesNothing) {
  auto peer = house.client("gw-1");
  fault(R"({"kind":"throttle","rate":10,"mode":"delay"})");
  for (std::uint16_t id = 1; id <= 30; ++id) {
    peer->send(publish_bytes("dt/x", "x", id));
    house.settle();
  }
  EXPECT_LT(house.cloud->received(), 15U);
  house.pass(5s);
  EXPECT_EQ(house.cloud->received(), 30U);
}

TEST(Quotas, DropPublishesAboveAHundredASecond) {
  House house([](CloudOptions& options) { options.quotas.on = true; });
  auto peer = house.client("gw-1");
  for (std::uint16_t id = 1; id <= 100; ++id) peer->send(publish_bytes("dt/x", "x", id));
  int acks = 0;
  ASSERT_TRUE(house.until([&] {
    for (; peer->has_packet(); peer->take()) ++acks;
    return acks == 100;
  }));
  for (std::uint16_t id = 101; id <= 150; ++id) peer->send(publish_bytes("dt/x", "x", id));
  house.settle();
  EXPECT_FALSE(peer->has_packet());
  EXPECT_EQ(house.cloud->received(), 100U);
  EXPECT_EQ(json::parse(house.admin("GET", "/status"))["dropped_by_quota"], 50);
  house.pass(1s);
  peer->send(publish_bytes("dt/x", "again", 151));
  EXPECT_EQ(type_of(house.next_packet(*peer)), PacketType::puback);
}

TEST(Quotas, DelayBytesAboveHalfAMebibyteASecond) {
  House house([](CloudOptions& options) { options.quotas.on = true; });
  auto peer = house.client("gw-1");
  const std::string big(100'000, 'x');
  for (std::uint16_t id = 1; id <= 10; ++id) peer->send(publish_bytes("dt/x", big, id));
  house.settle();
  const auto at_once = house.cloud->received();
  EXPECT_GE(at_once, 4U);
  EXPECT_LE(at_once, 6U);
  house.pass(2s);
  EXPECT_EQ(house.cloud->received(), 10U);
}

TEST(Quotas, TakeOneConnectASecondOfAClientId) {
  House house([](CloudOptions& options) { options.quotas.on = true; });
  EXPECT_EQ(reason_of(house.try_connect(connect_packet("gw-1"))), 0);
  EXPECT_EQ(reason_of(house.try_connect(connect_packet("gw-1"))), 0x97);
  EXPECT_EQ(reason_of(house.try_connect(connect_packet("gw-1", mqtt::Version::v311))), 3);
  house.pass(1s);
  EXPECT_EQ(reason_of(house.try_connect(connect_packet("gw-1"))), 0);
}

TEST_F(Trouble, TheAdminPortOrdersAndClearsFaults) {
  EXPECT_EQ(json::parse(house.admin("POST", "/fault", R"({"kind":"slow-tls","ms":5})"))["faults"][0]["kind"],
            "slow-tls");
  EXPECT_EQ(house.cloud->faults().tls_delay(), 5ms);
  EXPECT_EQ(json::parse(house.admin("GET", "/fault"))["faults"].size(), 1U);
  EXPECT_TRUE(json::parse(house.admin("DELETE", "/fault"))["faults"].empty());
  EXPECT_NE(house.admin("POST", "/fault", R"({"kind":"no"})").find("unknown fault"), std::string::npos);
  EXPECT_NE(house.admin("POST", "/fault", "{").find("JSON"), std::string::npos);
  EXPECT_NE(house.admin("GET", "/nothing").find("known:"), std::string::npos);
}

TEST_F(Trouble, TheAdminPortSendsCommands) {
  auto peer = house.client("gw-1");
  peer->send(subscribe_bytes({"cmd/gw-1/#"}));
  ASSERT_EQ(type_of(house.next_packet(*peer)), PacketType::suback);
  const auto answer =
      json::parse(house.admin("POST", "/publish", R"({"topic":"cmd/gw-1/led","payload":"b24=","qos":1})"));
  EXPECT_EQ(answer["recipients"], 1);
  EXPECT_NE(house.next_packet(*peer).find("on"), std::string::npos);
  EXPECT_NE(house.admin("POST", "/publish", R"({"topic":"a/#","text":"x"})").find("topic"),
            std::string::npos);
  EXPECT_NE(house.admin("POST", "/publish", R"({"topic":"a","payload":"%"})").find("base64"),
            std::string::npos);
  EXPECT_NE(house.admin("POST", "/publish", "7").find("object"), std::string::npos);
}

TEST_F(Trouble, TheAdminPortDisconnectsAClient) {
  auto peer = house.client("gw-1");
  house.admin("POST", "/fault", R"({"kind":"disconnect","client":"gw-1","code":139})");
  EXPECT_EQ(reason_of(house.next_packet(*peer)), 0x8b);
  EXPECT_NE(
      house.admin("POST", "/fault", R"({"kind":"disconnect","client":"nobody"})").find("no such client"),
      std::string::npos);
  EXPECT_NE(house.admin("POST", "/fault", R"({"kind":"disconnect","client":"gw-1","code":5})").find("code"),
            std::string::npos);
}

TEST_F(Trouble, TheAdminPortShowsWhatCameSince) {
  auto peer = house.client("gw-1");
  for (std::uint16_t id = 1; id <= 5; ++id) {
    peer->send(publish_bytes("dt/x", "m" + std::to_string(id), id));
    house.next_packet(*peer);
  }
  const auto some = json::parse(house.admin("GET", "/received?after=2&limit=2"));
  EXPECT_EQ(some["count"], 5);
  ASSERT_EQ(some["entries"].size(), 2U);
  EXPECT_EQ(some["entries"][0]["payload"], "m3");
  EXPECT_EQ(some["next"], 4);
  const auto status = json::parse(house.admin("GET", "/status"));
  EXPECT_EQ(status["received"], 5);
  EXPECT_EQ(status["metered_units"], 5);
}

TEST(CloudStart, SaysWhatIsMissing) {
  House house;
  sluice::test::VirtualClock clock;
  CloudOptions options;
  options.directory = house.scratch.path() / "nowhere";
  EXPECT_NE(make_cloud(house.loop, clock, options, {}).error().text.find("--init"), std::string::npos);
  options.directory = house.scratch.path() / "cloud";
  options.listen = "127.0.0.1";
  EXPECT_NE(make_cloud(house.loop, clock, options, {}).error().text.find("ADDRESS:PORT"), std::string::npos);
  options.listen = "127.0.0.1:" + std::to_string(house.cloud->ports().mqtt);
  EXPECT_NE(make_cloud(house.loop, clock, options, {}).error().text.find("cannot listen"), std::string::npos);
  options.listen = "127.0.0.1:0";
  options.admin = "0.0.0.0:0";
  EXPECT_NE(make_cloud(house.loop, clock, options, {}).error().text.find("loopback"), std::string::npos);
  options.admin.clear();
  options.insecure_listen = "0.0.0.0:0";
  EXPECT_NE(make_cloud(house.loop, clock, options, {}).error().text.find("loopback"), std::string::npos);
}

TEST(CloudStop, MayBeDestroyedInTheMiddleOfEverything) {
  House house;
  house.add_thing("gw-2");
  auto plain = house.client("gw-1");
  auto secure = house.tls_peer("gw-2");
  secure->send(bytes_of(connect_packet("gw-2")));
  ASSERT_EQ(type_of(house.next_packet(*secure)), PacketType::connack);
  auto shaking = house.tls_peer("gw-2");
  auto silent = house.plain_peer();
  plain->send(publish_bytes("dt/x", "on its way"));
  house.loop.run_one_for(std::chrono::milliseconds(10));
  house.cloud.reset();
  EXPECT_TRUE(house.until([&] { return plain->closed() && secure->closed(); }));
  EXPECT_EQ(house.clock.timers(), 0U) << "a timer would run into what is gone";
}

TEST(CloudStop, SaysGoodbyeToEverybody) {
  House house;
  auto peer = house.client("gw-1");
  house.cloud->stop();
  EXPECT_EQ(reason_of(house.next_packet(*peer)), 0x8b);
  EXPECT_TRUE(house.until([&] { return peer->closed(); }));
}

}  // namespace
}  // namespace sluice::cloud::test
