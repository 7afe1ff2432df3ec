// What a crash leaves: sessions, queues and QoS 2 in each of its states come back from the journal (F1). Acks
// and QoS 2 towards clients wait for the disk, so that nothing that was promised is lost or comes twice.
#include <gtest/gtest.h>

#include "broker_harness.hpp"
#include "wire_text.hpp"

namespace sluice::mqtt::test {
namespace {

constexpr auto kPresent = "connack present keepalive=1200";
constexpr auto kFresh = "connack keepalive=1200";

TEST(F1Broker, BringsSessionsSubscriptionsAndQueuesBack) {
  House house;
  {
    Peer a(house);
    a.connect("a", keep(100))
        .subscribe("t/+", 1, [](Subscribe& s) { s.subscription_identifier = 5; })
        .hears();
    a.drop();
  }
  house.host_says("t/1", "x", 1);
  house.host_says("t/2", "y", 2, true);
  house.kill_and_restart();
  house.host_says("t/3", "z", 1);
  Peer a(house);
  a.connect("a", keep(100));
  EXPECT_EQ(a.hears(), std::string(kPresent) +
                           "; publish t/1 'x' q1 id=1 sub=5; publish t/2 'y' q1 id=2 sub=5; "
                           "publish t/3 'z' q1 id=3 sub=5");
  Peer b(house);
  EXPECT_EQ(b.connect("b").subscribe("t/#", 2).hears(),
            std::string(kFresh) + "; suback 1 0x02; publish t/2 'y' q2 id=1 retain");
}

TEST(F1Broker, ForgetsSessionsThatEndWithTheirConnection) {
  House house;
  Peer a(house);
  a.connect("a").subscribe("t", 1).publish("x", "", 2, 1).hears();
  house.host_says("t", "x", 1);
  EXPECT_TRUE(house.journal.disk.empty());
  house.kill_and_restart();
  EXPECT_EQ(house.broker().stats().sessions, 0U);
}

TEST(F1Broker, CountsTheTimeAwayAgainstSessions) {
  House house;
  {
    Peer a(house), b(house);
    a.connect("a", keep(10)).drop();
    b.connect("b", keep(10)).hears();  // still connected when the process dies
  }
  house.kill_and_restart(11'000);
  house.pass(500);
  EXPECT_EQ(house.broker().stats().sessions, 1U) << "b was connected until now, as far as anyone knows";
  house.pass(11'000);
  EXPECT_EQ(house.broker().stats().sessions, 0U);
  EXPECT_TRUE(house.journal.disk.empty());
}

TEST(F1Broker, PublishesTheWillOfAClientThatWasConnected) {
  House house;
  {
    Peer a(house);
    a.connect("a", with_will("w", "x", 3, 100)).hears();
  }
  house.kill_and_restart();
  Peer watch(house);
  watch.connect("watch").subscribe("w").hears();
  house.pass(2'500);
  EXPECT_EQ(watch.hears(), "");
  house.pass(1'000);
  EXPECT_EQ(watch.hears(), "publish w 'x'");
  house.kill_and_restart();
  Peer later(house);
  later.connect("later").subscribe("w").hears();
  house.pass(10'000);
  EXPECT_EQ(later.hears(), "") << "once only";
}

TEST(F1Broker, KnowsAQos2PublishAgainAfterARestart) {
  House house;
  house.journal.automatic = false;
  {
    Peer a(house);
    a.connect("a", keep(100)).publish("t", "x", 2, 7);
    EXPECT_EQ(a.hears(), kFresh) << "not on disk, no PUBREC";
    house.commit();
    EXPECT_EQ(a.hears(), "pubrec 7");
  }
  house.kill_and_restart();
  house.host.told();
  Peer a(house);
  a.connect("a", keep(100)).publish("t", "x", 2, 7, [](Publish& p) { p.dup = true; });
  EXPECT_EQ(house.host.told(), "connected a present") << "a duplicate is shown to nobody";
  house.commit();
  EXPECT_EQ(a.hears(), std::string(kPresent) + "; pubrec 7");
  a.ack(PacketType::pubrel, 7);
  EXPECT_EQ(a.hears(), "") << "PUBCOMP frees the id: it must be free on the disk first";
  house.commit();
  EXPECT_EQ(a.hears(), "pubcomp 7");
  house.kill_and_restart();
  Peer again(house);
  again.connect("a", keep(100)).publish("t", "new", 2, 7);
  EXPECT_NE(house.host.told().find("'new'"), std::string::npos);
}

TEST(F1Broker, LosesNothingWhenKilledBeforePubcompIsSafe) {
  House house;
  house.journal.automatic = false;
  {
    Peer a(house);
    a.connect("a", keep(100)).publish("t", "x", 2, 7);
    house.commit();
    a.ack(PacketType::pubrel, 7).hears();
  }
  house.kill_and_restart();
  Peer a(house);
  a.connect("a", keep(100)).ack(PacketType::pubrel, 7);
  house.commit();
  EXPECT_EQ(a.hears(), std::string(kPresent) + "; pubcomp 7");
}

// Each state of a QoS 2 message towards a client, cut by a kill.
class F1BrokerQos2 : public ::testing::Test {
 protected:
  F1BrokerQos2() {
    house.journal.automatic = false;
    Peer a(house);
    a.connect("a", keep(100)).subscribe("t", 2);
    house.commit();
    a.drop();
    house.commit();
  }
  std::string after_restart() {
    house.kill_and_restart();
    Peer a(house);
    a.connect("a", keep(100));
    house.commit();
    house.commit();
    return a.hears();
  }
  House house;
};

TEST_F(F1BrokerQos2, QueuedIsQueued) {
  house.host_says("t", "x", 2);
  house.commit();
  EXPECT_EQ(after_restart(), std::string(kPresent) + "; publish t 'x' q2 id=1");
}

TEST_F(F1BrokerQos2, IsNotSentBeforeItIsOnDisk) {
  Peer a(house);
  a.connect("a", keep(100)).hears();
  house.host_says("t", "x", 2);
  EXPECT_EQ(a.hears(), "");
  house.host_says("t", "q1", 1);
  house.commit();
  EXPECT_EQ(a.hears(), "publish t 'x' q2 id=1; publish t 'q1' q1 id=2");
}

TEST_F(F1BrokerQos2, KilledBeforeTheCommitItNeverWas) {
  Peer a(house);
  a.connect("a", keep(100)).hears();
  house.commit();
  house.host_says("t", "x", 2);
  EXPECT_EQ(after_restart(), kPresent);
}

TEST_F(F1BrokerQos2, SentGoesAgainWithDupAndItsId) {
  Peer a(house);
  a.connect("a", keep(100));
  house.host_says("t", "x", 2);
  house.commit();
  a.hears();
  EXPECT_EQ(after_restart(), std::string(kPresent) + "; publish t 'x' q2 id=1 dup");
}

TEST_F(F1BrokerQos2, PubrelWaitsForTheDisk) {
  Peer a(house);
  a.connect("a", keep(100));
  house.host_says("t", "x", 2);
  house.commit();
  a.hears();
  EXPECT_EQ(a.ack(PacketType::pubrec, 1).hears(), "");
  house.commit();
  EXPECT_EQ(a.hears(), "pubrel 1");
  EXPECT_EQ(house.journal.count(Journal::Space::message), 0U);
  EXPECT_EQ(after_restart(), std::string(kPresent) + "; pubrel 1");
}

TEST_F(F1BrokerQos2, CompletedIsGone) {
  Peer a(house);
  a.connect("a", keep(100));
  house.host_says("t", "x", 2);
  house.commit();
  a.ack(PacketType::pubrec, 1);
  house.commit();
  a.ack(PacketType::pubcomp, 1);
  house.commit();
  EXPECT_EQ(house.journal.count(Journal::Space::queued), 0U);
  EXPECT_EQ(after_restart(), kPresent);
}

TEST_F(F1BrokerQos2, ReservesTheIdsOfOldMessages) {
  Peer a(house);
  a.connect("a", keep(100));
  house.host_says("t", "x", 2);
  house.commit();
  a.ack(PacketType::pubrec, 1);
  house.commit();
  house.kill_and_restart();
  Peer b(house);
  b.connect("a", keep(100));
  house.host_says("t", "y", 2);
  house.commit();
  EXPECT_EQ(b.hears(), std::string(kPresent) + "; pubrel 1; publish t 'y' q2 id=2");
}

TEST(F1Broker, StoresAMessageOnceForAllQueues) {
  House house;
  for (int i = 0; i < 5; ++i) {
    Peer a(house);
    a.connect("p" + std::to_string(i), keep(100)).subscribe("t", 1).drop();
  }
  house.host_says("t", "x", 1);
  EXPECT_EQ(house.journal.count(Journal::Space::message), 1U);
  EXPECT_EQ(house.journal.count(Journal::Space::queued), 5U);
  house.kill_and_restart();
  for (int i = 0; i < 5; ++i) {
    Peer a(house);
    a.connect("p" + std::to_string(i), keep(100)).ack(PacketType::puback, 1);
    EXPECT_EQ(house.journal.count(Journal::Space::message), i == 4 ? 0U : 1U);
  }
}

TEST(F1Broker, LeavesDamagedRecordsOut) {
  House house;
  for (const char* id : {"a", "b"}) {
    Peer a(house);
    a.connect(id, keep(100)).subscribe("t", 1).subscribe("u", 1).publish("x", "", 2, 3).drop();
  }
  house.host_says("t", "x", 1, true);
  house.host_says("u", "y", 1);
  const auto whole = house.journal.disk;
  for (const auto& [key, value] : whole) {
    for (const bool cut : {true, false}) {
      House damaged;
      damaged.journal.disk = whole;
      damaged.journal.disk[key] = cut ? value.substr(0, value.size() - 1) : value + "!";
      damaged.kill_and_restart();
      EXPECT_GE(damaged.host.notes, 1U);
      Peer a(damaged);
      a.connect("a", keep(100));
      EXPECT_FALSE(a.closed());
      EXPECT_GE(damaged.broker().stats().sessions, 1U);
    }
  }
  House lost;
  lost.journal.disk = whole;
  std::erase_if(lost.journal.disk, [](const auto& r) { return r.first.first == Journal::Space::session; });
  lost.kill_and_restart();
  EXPECT_EQ(lost.journal.disk.size(), 1U)
      << "what belongs to nothing is cleared away; the retained message stays";
}

TEST(F1Broker, KeepsStateThroughManyRestarts) {
  House house;
  house.journal.automatic = false;
  std::size_t heard = 0;
  for (int round = 0; round < 20; ++round) {
    Peer a(house), b(house);
    a.connect("a", keep(1000)).subscribe("t", 1);
    b.connect("b", keep(1000)).publish("t", std::to_string(round), 1, 1);
    house.commit();
    const std::string text = a.hears();
    for (std::size_t at = 0; (at = text.find("publish t", at)) != std::string::npos; ++at) ++heard;
    if (round % 2 == 0) {
      for (std::uint16_t id = 1; id < 30; ++id) a.ack(PacketType::puback, id);
    }
    house.commit();
    house.kill_and_restart();
  }
  EXPECT_GE(heard, 20U);
  EXPECT_LE(house.broker().stats().queued_messages, 1U);
}

}  // namespace
}  // namespace sluice::mqtt::test
