// Sessions over connections: expiry, take-over, wills, redelivery, queues
// (3.1.2.4, 3.1.2.5, 3.1.2.11, 4.1, 4.4).
#include <gtest/gtest.h>

#include "broker_harness.hpp"
#include "wire_text.hpp"

namespace sluice::mqtt::test {
namespace {

constexpr auto kPresent = "connack present keepalive=1200";
constexpr auto kFresh = "connack keepalive=1200";

TEST(BrokerSession, EndsWithTheConnectionUnlessAskedOtherwise) {
  House house;
  Peer a(house), again(house);
  a.connect("a").subscribe("t", 1).drop();
  EXPECT_EQ(house.host_says("t", "x", 1), 0U);
  EXPECT_EQ(again.connect("a", keep(0)).hears(), kFresh);
}

TEST(BrokerSession, WaitsUntilItsExpiry) {
  House house;
  Peer a(house), second(house), third(house);
  a.connect("a", keep(10)).subscribe("t", 1).hears();
  a.drop();
  EXPECT_EQ(house.host_says("t", "x", 1), 1U);
  EXPECT_EQ(house.host_says("t", "gone", 0), 0U);
  house.pass(9'000);
  second.connect("a", keep(10));
  EXPECT_EQ(second.hears(), "connack present keepalive=1200; publish t 'x' q1 id=1");
  second.ack(PacketType::puback, 1).drop();
  house.pass(10'500);
  EXPECT_EQ(house.broker().stats().sessions, 0U);
  EXPECT_EQ(third.connect("a", keep(10)).hears(), kFresh);
}

TEST(BrokerSession, CapsTheExpiryAndSaysSo) {
  BrokerOptions options;
  options.maximum_session_expiry = 60;
  House house(options);
  Peer a(house), never(house), old(house, Version::v311);
  EXPECT_EQ(a.connect("a", keep(60)).hears(), kFresh);
  EXPECT_EQ(never.connect("n", keep(0xffffffff)).hears(), "connack expiry=60 keepalive=1200");
  old.connect("o", keep(0)).hears();
  old.drop();
  a.drop();
  never.drop();
  house.pass(59'000);
  EXPECT_EQ(house.broker().stats().sessions, 3U);
  house.pass(1'500);
  EXPECT_EQ(house.broker().stats().sessions, 0U);
}

TEST(BrokerSession, CanBeKeptForEver) {
  BrokerOptions options;
  options.maximum_session_expiry = 0xffffffff;
  House house(options);
  Peer a(house), again(house);
  a.connect("a", keep(0xffffffff)).drop();
  house.now += Milliseconds{10} * 365 * 24 * 3600 * 1000;
  house.pass(500);
  EXPECT_EQ(again.connect("a", keep(0xffffffff)).hears(), kPresent);
}

TEST(BrokerSession, LetsDisconnectChangeTheExpiry) {
  House house;
  Peer a(house), b(house), c(house);
  a.connect("a", keep(10)).hears();
  a.disconnect(Reason::success, 0);
  EXPECT_EQ(house.broker().stats().sessions, 0U);
  EXPECT_TRUE(house.journal.disk.empty());
  b.connect("b", keep(1)).disconnect(Reason::success, 100);
  house.pass(50'000);
  EXPECT_EQ(house.broker().stats().sessions, 1U);
  c.connect("c").hears();
  EXPECT_EQ(c.disconnect(Reason::success, 5).hears(), "disconnect 0x82; closed");
}

TEST(BrokerSession, StartsCleanWhenAsked) {
  House house;
  Peer a(house), b(house);
  a.connect("a", keep(100)).subscribe("t", 1).drop();
  house.host_says("t", "x", 1);
  EXPECT_EQ(b.connect("a", keep(100, true)).hears(), kFresh);
  EXPECT_EQ(house.host_says("t", "y", 1), 0U);
  EXPECT_EQ(house.broker().stats().queued_bytes, 0U);
}

TEST(BrokerSession, GoesToTheLaterOfTwoConnections) {
  House house;
  Peer a(house), b(house), old(house, Version::v311), c(house);
  a.connect("a", keep(100)).subscribe("t", 1).hears();
  b.connect("a", keep(100));
  EXPECT_EQ(a.hears(), "disconnect 0x8e; closed");
  EXPECT_EQ(b.hears(), kPresent);
  house.host_says("t", "x", 1);
  EXPECT_EQ(b.hears(), "publish t 'x' q1 id=1");
  EXPECT_EQ(house.host.told(), "connected a; subscribed a t; disconnected a taken_over; connected a present");
  old.connect("a", keep(0)).hears();
  EXPECT_EQ(c.connect("a").hears(), kFresh);
  EXPECT_EQ(old.hears(), "closed");
}

TEST(BrokerSession, SurvivesAStormOfOneClientId) {
  House house;
  house.host.answers_later = true;
  std::vector<std::unique_ptr<Peer>> storm;
  for (int i = 0; i < 500; ++i) {
    storm.push_back(std::make_unique<Peer>(house));
    storm.back()->connect("same", with_will("w", "x", static_cast<std::uint32_t>(i % 3), i % 2 ? 100 : 0));
    if (i % 7 == 0) storm[static_cast<std::size_t>(i / 2)]->drop();
    if (i % 3 == 0) {
      const auto replies = std::exchange(house.host.replies, {});
      for (const auto& reply : replies) reply({});
    }
    if (i % 50 == 0) house.pass(500);
  }
  for (const auto& reply : std::exchange(house.host.replies, {})) reply({});
  std::size_t open = 0;
  for (const auto& peer : storm) open += peer->closed() ? 0 : 1;
  EXPECT_EQ(open, 1U);
  EXPECT_EQ(house.broker().stats().connections, 1U);
  EXPECT_EQ(house.broker().stats().sessions, 1U);
}

TEST(BrokerSession, SendsAgainWithDupAndTheSameIds) {
  House house;
  Peer a(house), b(house), c(house);
  a.connect("a", keep(100)).subscribe("t", 2).hears();
  house.host_says("t", "1", 1);
  house.host_says("t", "2", 2);
  house.host_says("t", "3", 2);
  EXPECT_EQ(a.hears(), "publish t '1' q1 id=1; publish t '2' q2 id=2; publish t '3' q2 id=3");
  EXPECT_EQ(a.ack(PacketType::pubrec, 2).hears(), "pubrel 2");
  a.drop();
  house.host_says("t", "4", 1);
  b.connect("a", keep(100));
  EXPECT_EQ(b.hears(),
            std::string(kPresent) +
                "; pubrel 2; publish t '1' q1 id=1 dup; publish t '3' q2 id=3 dup; publish t '4' q1 id=4");
  b.ack(PacketType::pubcomp, 2)
      .ack(PacketType::puback, 1)
      .ack(PacketType::pubrec, 3)
      .ack(PacketType::pubcomp, 3);
  EXPECT_EQ(b.hears(), "pubrel 3");
  b.drop();
  EXPECT_EQ(c.connect("a", keep(100)).hears(), std::string(kPresent) + "; publish t '4' q1 id=4 dup");
  c.ack(PacketType::puback, 4);
  EXPECT_EQ(house.broker().stats().queued_bytes, 0U);
  EXPECT_EQ(house.journal.count(Journal::Space::queued), 0U);
  EXPECT_EQ(house.journal.count(Journal::Space::message), 0U);
}

TEST(BrokerSession, RemembersHalfSentQos2OfItsClient) {
  House house;
  Peer a(house), b(house);
  a.connect("a", keep(100)).publish("t", "x", 2, 7).hears();
  a.drop();
  b.connect("a", keep(100)).hears();
  house.host.told();
  EXPECT_EQ(b.publish("t", "x", 2, 7, [](Publish& p) { p.dup = true; }).hears(), "pubrec 7");
  EXPECT_EQ(house.host.told(), "");
  EXPECT_EQ(b.ack(PacketType::pubrel, 7).hears(), "pubcomp 7");
}

TEST(BrokerSession, RespectsTheClientsReceiveMaximum) {
  House house;
  Peer a(house), b(house);
  const auto two = [](Connect& c) {
    c.receive_maximum = 2;
    c.session_expiry = 100;
    c.clean_start = false;
  };
  a.connect("a", two).subscribe("t", 2).hears();
  for (int i = 1; i <= 5; ++i) house.host_says("t", std::to_string(i), 2);
  house.host_says("t", "0", 0);
  EXPECT_EQ(a.hears(), "publish t '1' q2 id=1; publish t '2' q2 id=2; publish t '0'");
  EXPECT_EQ(a.ack(PacketType::pubrec, 1).hears(), "pubrel 1");
  EXPECT_EQ(a.ack(PacketType::pubcomp, 1).hears(), "publish t '3' q2 id=3");
  EXPECT_EQ(a.ack(PacketType::pubrec, 2, Reason::quota_exceeded).hears(), "publish t '4' q2 id=4");
  a.drop();
  b.connect("a", [&](Connect& c) {
    two(c);
    c.receive_maximum = 1;
  });
  EXPECT_EQ(b.hears(), std::string(kPresent) + "; publish t '3' q2 id=3 dup");
  b.ack(PacketType::pubrec, 3).ack(PacketType::pubcomp, 3);
  EXPECT_EQ(b.hears(), "pubrel 3; publish t '4' q2 id=4 dup");
  b.ack(PacketType::pubrec, 4).ack(PacketType::pubcomp, 4);
  EXPECT_EQ(b.hears(), "pubrel 4; publish t '5' q2 id=5");
}

TEST(BrokerSession, TakesAcksThatFitAndNoOthers) {
  House house;
  Peer a(house), b(house), c(house);
  a.connect("a").subscribe("t", 2).hears();
  house.host_says("t", "x", 1);
  EXPECT_EQ(a.ack(PacketType::puback, 9).ack(PacketType::pubcomp, 9).ack(PacketType::pubrec, 9).hears(),
            "publish t 'x' q1 id=1; pubrel 9 0x92");
  EXPECT_EQ(a.ack(PacketType::pubrec, 1).hears(), "disconnect 0x82; closed");
  b.connect("b").subscribe("t", 2).hears();
  house.host_says("t", "x", 2);
  EXPECT_EQ(b.ack(PacketType::puback, 1).hears(), "publish t 'x' q2 id=1; disconnect 0x82; closed");
  c.connect("c").subscribe("t", 2).hears();
  house.host_says("t", "x", 2);
  EXPECT_EQ(c.ack(PacketType::pubcomp, 1).hears(), "publish t 'x' q2 id=1; disconnect 0x82; closed");
}

TEST(BrokerSession, DropsWhatExpiredWhileItWaited) {
  House house;
  Peer a(house), b(house), s(house);
  a.connect("a", keep(100)).subscribe("t", 1).drop();
  b.connect("b").hears();
  const auto expiry = [](std::uint32_t n) { return [n](Publish& p) { p.properties.message_expiry = n; }; };
  b.publish("t", "short", 1, 1, expiry(1)).publish("t", "long", 1, 2, expiry(6)).publish("t", "none", 1, 3);
  house.pass(3'000);
  s.connect("a", keep(100));
  EXPECT_EQ(s.hears(),
            std::string(kPresent) + "; publish t 'long' q1 id=1 expiry=3; publish t 'none' q1 id=2");
  EXPECT_EQ(house.broker().stats().dropped_expired, 1U);
}

TEST(BrokerSession, SendsNothingLargerThanTheClientTakes) {
  House house;
  Peer a(house);
  a.connect("a", [](Connect& c) { c.maximum_packet_size = 40; }).subscribe("t", 1).hears();
  house.host_says("t", std::string(100, 'x'), 1);
  house.host_says("t", std::string(100, 'x'), 0);
  house.host_says("t", "small", 1);
  EXPECT_EQ(a.hears(), "publish t 'small' q1 id=2");
  EXPECT_EQ(house.broker().stats().dropped_too_large, 2U);
}

TEST(BrokerSession, GivesAliasesWhereTheClientTakesThem) {
  House house;
  Peer a(house);
  a.connect("a", [](Connect& c) { c.topic_alias_maximum = 1; }).subscribe("#", 1).hears();
  house.host_says("one", "1", 0);
  house.host_says("one", "2", 1);
  house.host_says("two", "3", 0);
  EXPECT_EQ(a.hears(), "publish one '1' alias=1; publish  '2' q1 id=1 alias=1; publish two '3'");
}

TEST(BrokerSession, BoundsTheQueueOfEachClientAsTheHostSaysAlsoAfterARestart) {
  House house;
  std::size_t most = 2;
  house.host.bounds = [&most](const Client& client) {
    ClientBounds bounds;
    if (client.client_id == "small") bounds.maximum_queued_messages = most;
    if (client.client_id == "short") bounds.maximum_queued_bytes = 1;
    return bounds;
  };
  {
    Peer one(house), two(house), three(house);
    one.connect("small", keep(100)).subscribe("t", 1).drop();
    two.connect("short", keep(100)).subscribe("t", 1).drop();
    three.connect("usual", keep(100)).subscribe("t", 1).drop();
  }
  house.host_says("t", "x", 1);
  EXPECT_EQ(house.broker().stats().dropped_queue_full, 1U);  // short
  house.kill_and_restart();
  for (int i = 0; i < 2; ++i) house.host_says("t", "x", 1);
  EXPECT_EQ(house.broker().stats().dropped_queue_full, 1U + 2U);  // short twice, small's last of three
  EXPECT_EQ(house.broker().stats().queued_messages, 2U + 3U);
  most = 5;  // a changed configuration
  house.broker().recheck("small");
  house.host_says("t", "x", 1);
  EXPECT_EQ(house.broker().stats().queued_messages, 3U + 4U);
}

TEST(BrokerSession, BoundsItsQueue) {
  BrokerOptions options;
  options.maximum_queued_messages = 3;
  House house(options);
  Peer a(house), b(house);
  a.connect("a", keep(100)).subscribe("t", 1).drop();
  for (int i = 0; i < 5; ++i) house.host_says("t", std::to_string(i), 1);
  EXPECT_EQ(house.broker().stats().dropped_queue_full, 2U);
  EXPECT_EQ(house.broker().stats().queued_messages, 3U);
  b.connect("a", keep(100));
  EXPECT_EQ(b.hears(),
            std::string(kPresent) + "; publish t '0' q1 id=1; publish t '1' q1 id=2; publish t '2' q1 id=3")
      << "the newest are dropped";
}

TEST(BrokerSession, BoundsTheBytesOfAllQueuesCountingEachMessageOnce) {
  BrokerOptions options;
  options.maximum_queued_bytes_total = 50'000;
  House house(options);
  std::vector<std::unique_ptr<Peer>> peers;
  for (int i = 0; i < 10; ++i) {
    peers.push_back(std::make_unique<Peer>(house));
    peers.back()->connect("p" + std::to_string(i), keep(100)).subscribe("t", 1).drop();
  }
  for (int i = 0; i < 10; ++i) house.host_says("t", std::string(10'000, 'x'), 1);
  EXPECT_GE(house.broker().stats().queued_messages, 40U);
  EXPECT_LE(house.broker().stats().queued_bytes, 50'000U);
}

TEST(BrokerSession, DropsQos0AndThenTheConsumerThatDoesNotRead) {
  BrokerOptions options;
  options.maximum_unsent = 1000;
  House house(options);
  Peer a(house);
  a.connect("a", keep(100)).subscribe("t", 1).hears();
  a.wire().backlog = 2000;
  house.host_says("t", "zero", 0);
  house.host_says("t", "one", 1);
  EXPECT_EQ(a.hears(), "");
  EXPECT_EQ(house.broker().stats().dropped_qos0, 1U);
  house.pass(20'000);
  a.wire().backlog = 0;
  house.pass(500);
  EXPECT_EQ(a.hears(), "publish t 'one' q1 id=1");
  a.wire().backlog = 2000;
  house.host_says("t", "two", 1);
  house.pass(29'000);
  EXPECT_FALSE(a.closed());
  house.pass(3'000);
  EXPECT_EQ(a.hears(), "disconnect 0x97; closed");
  EXPECT_EQ(house.broker().stats().slow_consumers_cut, 1U);
  EXPECT_EQ(house.broker().stats().queued_messages, 1U) << "QoS 1 waits for it";
}

TEST(BrokerSession, CutsAClientThatAsksWithoutReading) {
  BrokerOptions options;
  options.maximum_unsent = 1000;
  House house(options);
  Peer a(house);
  a.connect("a").hears();
  for (int i = 0; i < 10'000 && !a.closed(); ++i) a.raw(wire("c0 00"));
  EXPECT_TRUE(a.closed());
  EXPECT_LT(a.wire().out.size(), 6'000U);
}

TEST(BrokerSession, WakesATransportOncePerTurn) {
  House house;
  Peer a(house), b(house);
  a.connect("a").subscribe("t").hears();
  b.connect("b").hears();
  const int before = a.wire().wakes;
  b.publish("t", "1");
  EXPECT_EQ(a.wire().wakes, before + 1);
}

TEST(BrokerSession, SendsNothingThatHasNoTopic) {
  House house;
  Peer a(house);
  a.connect("a").subscribe("#").hears();
  EXPECT_EQ(house.host_says("a/#", "x", 0), 0U);
  EXPECT_EQ(house.host_says("", "x", 0), 0U);
  EXPECT_EQ(a.hears(), "");
  EXPECT_EQ(house.host.notes, 2U);
}

TEST(BrokerSession, CompletesWhatUnsubscribeFoundOnItsWay) {
  House house;
  Peer a(house);
  a.connect("a").subscribe("t", 2).hears();
  house.host_says("t", "x", 2);
  a.unsubscribe("t").hears();
  house.host_says("t", "y", 2);
  EXPECT_EQ(a.ack(PacketType::pubrec, 1).ack(PacketType::pubcomp, 1).hears(), "pubrel 1");
}

TEST(BrokerSession, KeepsTheOrderOfAQosOnATopic) {
  House house;
  Peer a(house), b(house), p(house);
  a.connect("a", [](Connect& c) { c.receive_maximum = 3; }).subscribe("t", 2).hears();
  p.connect("p").hears();
  std::string heard;
  for (std::uint16_t i = 1; i <= 10; ++i) p.publish("t", std::to_string(i), 1, i);
  for (std::uint16_t i = 1; i <= 10; ++i) heard += a.hears() + "; ", a.ack(PacketType::puback, i);
  std::size_t at = 0;
  for (int i = 1; i <= 10; ++i) {
    const auto found = heard.find("'" + std::to_string(i) + "'");
    ASSERT_NE(found, std::string::npos);
    EXPECT_GE(found, at);
    at = found;
  }
}

}  // namespace
}  // namespace sluice::mqtt::test
