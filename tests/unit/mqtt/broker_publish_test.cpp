// What clients publish: QoS 0, 1 and 2, acks and the disk, aliases, quotas (3.3 to 3.7, 4.3, 4.6, 4.9).
#include <gtest/gtest.h>

#include "broker_harness.hpp"
#include "wire_text.hpp"

namespace sluice::mqtt::test {
namespace {

PublishVerdict refuse(Reason reason) {
  PublishVerdict verdict;
  verdict.reason = reason;
  return verdict;
}

TEST(BrokerPublish, AcknowledgesEachQosInItsWay) {
  House house;
  Peer a(house);
  a.connect("a").hears();
  EXPECT_EQ(a.publish("t", "0").hears(), "");
  EXPECT_EQ(a.publish("t", "1", 1, 5).hears(), "puback 5");
  EXPECT_EQ(a.publish("t", "2", 2, 6).hears(), "pubrec 6");
  EXPECT_EQ(a.ack(PacketType::pubrel, 6).hears(), "pubcomp 6");
  EXPECT_EQ(house.host.told(), "connected a; publish a t '0'; publish a t '1'; publish a t '2'");
}

TEST(BrokerPublish, ShowsAQos2DuplicateToNobody) {
  House house;
  Peer a(house), b(house);
  a.connect("a").hears();
  b.connect("b").subscribe("t", 2).hears();
  house.host.told();
  a.publish("t", "x", 2, 6);
  EXPECT_EQ(b.hears(), "publish t 'x' q2 id=1");
  a.publish("t", "x", 2, 6, [](Publish& p) { p.dup = true; });
  EXPECT_EQ(a.hears(), "pubrec 6; pubrec 6");
  EXPECT_EQ(b.hears(), "");
  EXPECT_EQ(house.host.told(), "publish a t 'x'");
  a.ack(PacketType::pubrel, 6).publish("t", "y", 2, 6);
  EXPECT_EQ(a.hears(), "pubcomp 6; pubrec 6");
  EXPECT_EQ(b.hears(), "publish t 'y' q2 id=2") << "after PUBREL the id is a new message's";
}

TEST(BrokerPublish, AnswersAPubrelItDoesNotKnow) {
  House house;
  Peer a(house), b(house, Version::v311);
  a.connect("a").hears();
  b.connect("b").hears();
  EXPECT_EQ(a.ack(PacketType::pubrel, 9).hears(), "pubcomp 9 0x92");
  EXPECT_EQ(b.ack(PacketType::pubrel, 9).hears(), "pubcomp 9");
}

TEST(BrokerPublish, AcknowledgesOnlyWhatIsCommittedAndInOrder) {
  House house;
  Peer a(house);
  Ticket ticket = 0;
  house.host.publishes = [&](Client&, const Publish&, bool) {
    PublishVerdict verdict;
    verdict.ticket = ticket;
    return verdict;
  };
  a.connect("a").hears();
  ticket = 2;
  a.publish("t", "", 1, 1);
  ticket = 0;
  a.publish("t", "", 1, 2);
  ticket = 1;
  a.publish("t", "", 2, 3);
  ticket = 3;
  a.publish("t", "", 1, 4);
  EXPECT_EQ(a.hears(), "");
  EXPECT_EQ(a.raw(wire("c0 00")).hears(), "pingresp");
  house.broker().committed(1);
  EXPECT_EQ(a.hears(), "") << "the first waits for 2, the others for their order";
  house.broker().committed(2);
  EXPECT_EQ(a.hears(), "puback 1; puback 2; pubrec 3");
  house.broker().committed(5);
  EXPECT_EQ(a.hears(), "puback 4");
  ticket = 5;
  EXPECT_EQ(a.publish("t", "", 1, 5).hears(), "puback 5") << "already committed";
}

TEST(BrokerPublish, HoldsAQos2DuplicatesAnswerAsLongAsTheFirsts) {
  House house;
  Peer a(house);
  house.host.publishes = [&](Client&, const Publish&, bool) {
    PublishVerdict verdict;
    verdict.ticket = 1;
    return verdict;
  };
  a.connect("a").hears();
  a.publish("t", "", 2, 3).publish("t", "", 2, 3);
  EXPECT_EQ(a.hears(), "");
  house.broker().committed(1);
  EXPECT_EQ(a.hears(), "pubrec 3; pubrec 3");
}

TEST(BrokerPublish, WaitsForTheSubscribersQueueToBeOnDisk) {
  House house;
  house.journal.automatic = false;
  Peer a(house), b(house);
  b.connect("b", keep(100)).subscribe("t", 1);
  EXPECT_EQ(b.hears(), "connack keepalive=1200") << "the subscription is not on disk yet";
  house.commit();
  EXPECT_EQ(b.hears(), "suback 1 0x01");
  b.drop();
  a.connect("a").hears();
  a.publish("t", "x", 1, 1);
  EXPECT_EQ(a.hears(), "");
  house.commit();
  EXPECT_EQ(a.hears(), "puback 1");
  EXPECT_EQ(a.publish("other", "x", 1, 2).hears(), "puback 2") << "nothing to write";
}

TEST(BrokerPublish, TellsARefusal) {
  House house;
  house.host.publishes = [&](Client&, const Publish&, bool) {
    PublishVerdict verdict = refuse(Reason::not_authorized);
    verdict.reason_string = "not this topic";
    return verdict;
  };
  Peer a(house), quiet(house), b(house, Version::v311), s(house);
  s.connect("s").subscribe("#").hears();
  a.connect("a").hears();
  EXPECT_EQ(a.publish("t", "", 1, 1).hears(), "puback 1 0x87 'not this topic'");
  EXPECT_EQ(a.publish("t", "", 2, 2).hears(), "pubrec 2 0x87 'not this topic'");
  EXPECT_EQ(a.publish("t", "", 0).hears(), "");
  EXPECT_EQ(a.ack(PacketType::pubrel, 2).hears(), "pubcomp 2 0x92") << "a refused message leaves no state";
  quiet.connect("q", [](Connect& c) { c.request_problem_information = false; }).hears();
  EXPECT_EQ(quiet.publish("t", "", 1, 1).hears(), "puback 1 0x87");
  b.connect("b").hears();
  EXPECT_EQ(b.publish("t", "", 1, 1).hears(), "closed");
  EXPECT_EQ(s.hears(), "");
}

TEST(BrokerPublish, WithholdsTheAckWhenTheHostSaysSo) {
  House house;
  bool full = true;
  house.host.publishes = [&](Client&, const Publish&, bool) {
    PublishVerdict verdict;
    verdict.withhold = full;
    return verdict;
  };
  Peer a(house, Version::v311);
  a.connect("a").hears();
  EXPECT_EQ(a.publish("t", "", 1, 1).publish("t", "", 2, 2).hears(), "");
  full = false;
  EXPECT_EQ(a.publish("t", "", 2, 2, [](Publish& p) { p.dup = true; }).hears(), "pubrec 2")
      << "was not taken before";
}

TEST(BrokerPublish, ClosesWhereTheHostWantsThat) {
  House house;
  house.host.publishes = [&](Client&, const Publish&, bool) {
    PublishVerdict verdict = refuse(Reason::not_authorized);
    verdict.close = true;
    return verdict;
  };
  Peer a(house);
  a.connect("a").hears();
  EXPECT_EQ(a.publish("t", "").hears(), "disconnect 0x87; closed");
}

TEST(BrokerPublish, HoldsClientsOfFiveToReceiveMaximum) {
  BrokerOptions options;
  options.receive_maximum = 2;
  House house(options);
  Peer a(house), old(house, Version::v311);
  a.connect("a").hears();
  a.publish("t", "", 2, 1).publish("t", "", 2, 2).hears();
  a.publish("t", "", 2, 2);
  EXPECT_EQ(a.hears(), "pubrec 2") << "a duplicate is no new message";
  a.ack(PacketType::pubrel, 1).hears();
  EXPECT_EQ(a.publish("t", "", 1, 3).hears(), "puback 3");
  a.publish("t", "", 2, 4).hears();
  a.publish("t", "", 1, 5);
  EXPECT_EQ(a.hears(), "disconnect 0x93; closed");
  old.connect("old").hears();
  for (std::uint16_t i = 1; i < 50; ++i) old.publish("t", "", 2, i);
  EXPECT_FALSE(old.closed());
}

TEST(BrokerPublish, HoldsEachClientToItsOwnReceiveMaximum) {
  House house;
  house.host.bounds = [](const Client& client) {
    ClientBounds bounds;
    if (client.client_id == "narrow") bounds.receive_maximum = 1;
    return bounds;
  };
  Peer narrow(house), wide(house);
  wide.connect("wide").publish("t", "", 2, 1).publish("t", "", 2, 2).hears();
  EXPECT_FALSE(wide.closed());
  narrow.connect("narrow").publish("t", "", 2, 1).hears();
  EXPECT_EQ(narrow.publish("t", "", 2, 2).hears(), "disconnect 0x93; closed");
}

TEST(BrokerPublish, ResolvesTopicAliases) {
  House house;
  Peer a(house);
  a.connect("a").hears();
  house.host.told();
  const auto alias = [](std::uint16_t n) { return [n](Publish& p) { p.properties.topic_alias = n; }; };
  a.publish("one", "", 0, 0, alias(1)).publish("two", "", 0, 0, alias(32)).publish("", "x", 0, 0, alias(1));
  a.publish("three", "", 0, 0, alias(1)).publish("", "y", 0, 0, alias(1));
  EXPECT_EQ(house.host.told(),
            "publish a one ''; publish a two ''; publish a one 'x'; publish a three ''; publish a three 'y'");
  a.publish("", "", 0, 0, alias(2));
  EXPECT_EQ(a.hears(), "disconnect 0x82; closed");
  Peer b(house);
  b.connect("b").hears();
  EXPECT_EQ(b.publish("t", "", 0, 0, alias(33)).hears(), "disconnect 0x94; closed");
}

TEST(BrokerPublish, ForgetsAliasesWithTheConnection) {
  House house;
  Peer a(house), again(house);
  const auto alias = [](Publish& p) { p.properties.topic_alias = 1; };
  a.connect("a", keep(100)).publish("t", "", 0, 0, alias);
  a.drop();
  again.connect("a", keep(100)).hears();
  EXPECT_EQ(again.publish("", "", 0, 0, alias).hears(), "disconnect 0x82; closed");
}

TEST(BrokerPublish, RefusesWhatAwsDoesNotServe) {
  BrokerOptions aws;
  aws.maximum_qos = 1;
  aws.retain_available = false;
  House house(aws);
  Peer a(house), b(house), old(house, Version::v311), will(house);
  EXPECT_EQ(a.connect("a").hears(), "connack keepalive=1200 maxqos=1");
  EXPECT_EQ(a.publish("t", "", 2, 1).hears(), "disconnect 0x9b; closed");
  b.connect("b").hears();
  EXPECT_EQ(b.publish("t", "", 1, 1, [](Publish& p) { p.retain = true; }).hears(), "disconnect 0x9a; closed");
  old.connect("old").hears();
  EXPECT_EQ(old.publish("t", "", 2, 1).hears(), "");
  EXPECT_FALSE(old.closed());
  will.connect("w", [](Connect& c) {
    c.will.emplace();
    c.will->topic = "w";
    c.will->qos = 2;
  });
  EXPECT_EQ(will.hears(), "connack 0x9b; closed");
}

TEST(BrokerPublish, CarriesTheProperties) {
  House house;
  Peer a(house), b(house), old(house, Version::v311);
  b.connect("b").subscribe("t", 1).hears();
  old.connect("old").subscribe("t", 1).hears();
  std::string user;
  append_user_property(user, "b", "1");
  append_user_property(user, "a", "2");
  append_user_property(user, "b", "3");
  a.connect("a");
  a.publish("t", "x", 1, 1, [&](Publish& p) {
    p.properties.content_type = "text";
    p.properties.response_topic = "r";
    p.properties.correlation_data = "c";
    p.properties.payload_format = 1;
    p.properties.message_expiry = 60;
    p.properties.user = user;
  });
  EXPECT_EQ(b.hears(),
            "publish t 'x' q1 id=1 expiry=60 type=text respond=r correlation=c format=1 b:1 a:2 b:3");
  EXPECT_EQ(old.hears(), "publish t 'x' q1 id=1");
}

TEST(BrokerPublish, SurvivesAHostThatActsInsideItsCallbacks) {
  House house;
  Peer a(house), b(house);
  a.connect("a", keep(100)).subscribe("#", 1).hears();
  b.connect("b").subscribe("#", 1).hears();
  house.host.publishes = [&](Client&, const Publish& publish, bool) {
    if (publish.payload == "kill") {
      house.broker().disconnect("a", Reason::administrative_action, true);
      house.broker().disconnect("b", Reason::administrative_action, true);
    }
    return PublishVerdict{};
  };
  house.host.receives = [&](Client& client, std::string_view topic) {
    if (topic == "chain" && client.client_id == "a")
      house.broker().disconnect("b", Reason::administrative_action, true);
    if (topic == "echo") house.host_says("again", "e", 1);
    return true;
  };
  a.publish("echo", "1", 1, 1);
  EXPECT_FALSE(a.closed());
  EXPECT_NE(b.hears().find("publish again 'e'"), std::string::npos);
  a.publish("chain", "2", 1, 2);
  EXPECT_TRUE(b.closed());
  a.publish("t", "kill", 1, 3);
  EXPECT_TRUE(a.closed());
  EXPECT_EQ(house.broker().stats().sessions, 0U);
  EXPECT_EQ(house.broker().stats().queued_bytes, 0U);
  EXPECT_TRUE(house.journal.disk.empty());
}

TEST(BrokerPublish, LeavesTheReasonOutOfAcksTheClientCannotTake) {
  House house;
  house.host.publishes = [&](Client&, const Publish&, bool) {
    PublishVerdict verdict = refuse(Reason::quota_exceeded);
    verdict.reason_string = "the store is full: free some space or raise its bound";
    return verdict;
  };
  Peer a(house);
  a.connect("a", [](Connect& c) { c.maximum_packet_size = 40; }).hears();
  EXPECT_EQ(a.publish("t", "", 1, 1).publish("t", "", 2, 2).hears(), "puback 1 0x97; pubrec 2 0x97");
}

}  // namespace
}  // namespace sluice::mqtt::test
