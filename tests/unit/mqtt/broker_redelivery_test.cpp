// What goes out again, in which order, and a whole life of an MQTT 3.1.1 session (4.3, 4.4, 4.6).
#include <gtest/gtest.h>

#include "broker_harness.hpp"
#include "wire_text.hpp"

namespace sluice::mqtt::test {
namespace {

TEST(BrokerSession, SendsAgainWhatWasSentThoughItExpired) {
  House house;
  Peer a(house), b(house), c(house), p(house);
  a.connect("a", keep(100)).subscribe("t", 2).hears();
  p.connect("p").publish("t", "x", 2, 1, [](Publish& m) { m.properties.message_expiry = 2; });
  p.publish("t", "y", 2, 2, [](Publish& m) { m.properties.message_expiry = 2; });
  EXPECT_EQ(a.hears(), "publish t 'x' q2 id=1 expiry=2; publish t 'y' q2 id=2 expiry=2");
  a.ack(PacketType::pubrec, 1).drop();
  house.pass(5'000);
  b.connect("a", keep(100));
  EXPECT_EQ(b.hears(), "connack present keepalive=1200; pubrel 1; publish t 'y' q2 id=2 dup expiry=0");
  EXPECT_EQ(b.ack(PacketType::pubcomp, 1).ack(PacketType::pubrec, 2).ack(PacketType::pubcomp, 2).hears(),
            "pubrel 2");
}

TEST(BrokerSession, AnswersPubrecsInTheirOrder) {
  House house;
  house.journal.automatic = false;
  Peer a(house);
  a.connect("a", keep(100)).subscribe("t", 2);
  house.commit();
  for (int i = 0; i < 3; ++i) house.host_says("t", "x", 2);
  house.commit();
  a.hears();
  a.ack(PacketType::pubrec, 2).ack(PacketType::pubrec, 3).ack(PacketType::pubrec, 1);
  house.commit();
  EXPECT_EQ(a.hears(), "pubrel 2; pubrel 3; pubrel 1");
}

TEST(BrokerSession, SendsNothingAgainWhileTheConnectionLives) {
  House house;
  Peer a(house);
  a.connect("a", [](Connect& c) { c.keep_alive = 1000; }).subscribe("t", 2).hears();
  house.host_says("t", "x", 1);
  EXPECT_EQ(a.hears(), "publish t 'x' q1 id=1");
  house.pass(600'000);
  EXPECT_EQ(a.hears(), "");
}

TEST(BrokerSession, ForgetsRightsThatWereRevokedBeforeRedelivery) {
  House house;
  Peer a(house), b(house);
  a.connect("a", keep(100)).subscribe("t", 2).hears();
  house.host_says("t", "1", 2);
  house.host_says("t", "2", 2);
  a.ack(PacketType::pubrec, 1).drop();
  house.host.receives = [](Client&, std::string_view) { return false; };
  b.connect("a", keep(100));
  EXPECT_EQ(b.hears(), "connack present keepalive=1200; pubrel 1");
  b.ack(PacketType::pubcomp, 1);
  EXPECT_EQ(house.broker().stats().queued_bytes, 0U);
  EXPECT_EQ(house.journal.count(Journal::Space::queued), 0U);
}

TEST(BrokerSession, DropsSubscriptionsThatTheHostRefusesOnResumption) {
  House house;
  Peer a(house), b(house);
  a.connect("a", keep(100)).subscribe("yes", 1).subscribe("no", 1).drop();
  house.host.subscriptions = [](Client&, std::string_view filter, std::uint8_t) {
    SubscribeVerdict verdict;
    if (filter == "no") verdict.reason = Reason::not_authorized;
    return verdict;
  };
  b.connect("a", keep(100)).hears();
  EXPECT_EQ(house.host_says("no", "x", 1), 0U);
  EXPECT_EQ(house.host_says("yes", "x", 1), 1U);
  EXPECT_EQ(house.journal.count(Journal::Space::subscription), 1U);
}

TEST(BrokerSession, ServesMqtt311SessionsInFull) {
  House house;
  Peer a(house, Version::v311), b(house, Version::v311), p(house, Version::v311), clean(house, Version::v311);
  const auto retain = [](Publish& m) { m.retain = true; };
  EXPECT_EQ(a.connect("a", keep(0)).hears(), "connack");
  EXPECT_EQ(a.subscribe("t/#", 2).hears(), "suback 1 0x02");
  p.connect("p").hears();
  EXPECT_EQ(p.publish("t/1", "r", 1, 1, retain).publish("t/2", "x", 2, 2).hears(), "puback 1; pubrec 2");
  EXPECT_EQ(p.ack(PacketType::pubrel, 2).hears(), "pubcomp 2");
  EXPECT_EQ(a.hears(), "publish t/1 'r' q1 id=1; publish t/2 'x' q2 id=2")
      << "RETAIN 0 to who had subscribed";
  EXPECT_EQ(a.subscribe("t/#", 2).hears(), "suback 1 0x02; publish t/1 'r' q1 id=3 retain")
      << "again, and retained";
  EXPECT_EQ(a.ack(PacketType::puback, 3).ack(PacketType::pubrec, 2).hears(), "pubrel 2");
  a.drop();
  p.publish("t/3", "y", 1, 3).publish("t/3", "lost", 0);
  EXPECT_EQ(b.connect("a", keep(0)).hears(),
            "connack present; pubrel 2; publish t/1 'r' q1 id=1 dup; publish t/3 'y' q1 id=4");
  b.ack(PacketType::pubcomp, 2).ack(PacketType::puback, 1).ack(PacketType::puback, 4).disconnect();
  EXPECT_EQ(clean.connect("a").hears(), "connack");
  EXPECT_EQ(house.host_says("t/1", "z", 1), 0U);
}

}  // namespace
}  // namespace sluice::mqtt::test
