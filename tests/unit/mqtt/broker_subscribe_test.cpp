// Subscriptions and what they bring: options, retained messages, overlaps, shares (3.8 to 3.11, 4.7, 4.8).
#include <gtest/gtest.h>

#include "broker_harness.hpp"
#include "wire_text.hpp"

namespace sluice::mqtt::test {
namespace {

using Edit = std::function<void(Subscribe&)>;
Edit identifier(std::uint32_t id) {
  return [id](Subscribe& s) { s.subscription_identifier = id; };
}
Edit handling(std::uint8_t how) {
  return [how](Subscribe& s) { s.entries[0].retain_handling = how; };
}

TEST(BrokerSubscribe, DeliversAtTheLesserQos) {
  House house;
  Peer a(house);
  a.connect("a").hears();
  a.subscribe("q0", 0).subscribe("q1", 1).subscribe("q2", 2);
  EXPECT_EQ(a.hears(), "suback 1 0x00; suback 1 0x01; suback 1 0x02");
  house.host_says("q0", "x", 2);
  house.host_says("q1", "x", 2);
  house.host_says("q2", "x", 2);
  house.host_says("q2", "x", 0);
  EXPECT_EQ(a.hears(), "publish q0 'x'; publish q1 'x' q1 id=1; publish q2 'x' q2 id=2; publish q2 'x'");
}

TEST(BrokerSubscribe, StopsAfterUnsubscribe) {
  House house;
  Peer a(house), old(house, Version::v311);
  a.connect("a").subscribe("t").hears();
  EXPECT_EQ(a.unsubscribe("t").unsubscribe("t").hears(), "unsuback 2 0x00; unsuback 2 0x11");
  EXPECT_EQ(house.host_says("t", "x", 0), 0U);
  EXPECT_EQ(house.host.told(), "connected a; subscribed a t; unsubscribed a t");
  old.connect("old").subscribe("t").hears();
  EXPECT_EQ(old.unsubscribe("t").hears(), "unsuback 2");
}

TEST(BrokerSubscribe, AsksTheHost) {
  House house;
  house.host.subscriptions = [](Client&, std::string_view filter, std::uint8_t) {
    SubscribeVerdict verdict;
    if (filter == "no") verdict.reason = Reason::not_authorized;
    if (filter == "less") verdict.maximum_qos = 1;
    if (filter == "out") verdict = {Reason::not_authorized, 0, true};
    return verdict;
  };
  const auto two = [](Subscribe& s) { s.entries.push_back({.filter = "less", .qos = 2}); };
  Peer a(house), old(house, Version::v311);
  a.connect("a").hears();
  EXPECT_EQ(a.subscribe("no", 0, two).hears(), "suback 1 0x87 0x01");
  old.connect("old").hears();
  EXPECT_EQ(old.subscribe("no", 0, two).hears(), "suback 1 0x80 0x01");
  EXPECT_EQ(a.subscribe("out").hears(), "disconnect 0x87; closed");
}

TEST(BrokerSubscribe, AsksAgainAtEachDeliveryAndOnRecheck) {
  House house;
  Peer a(house);
  a.connect("a").subscribe("secret/x", 1).subscribe("open/x", 1).hears();
  bool revoked = true;
  house.host.receives = [&](Client&, std::string_view topic) {
    return !revoked || !topic.starts_with("secret");
  };
  house.host_says("secret/x", "1", 0);
  house.host_says("secret/x", "2", 1);
  house.host_says("open/x", "3", 1);
  EXPECT_EQ(a.hears(), "publish open/x '3' q1 id=1");
  revoked = false;
  house.host.told();
  house.host.subscriptions = [](Client&, std::string_view filter, std::uint8_t) {
    SubscribeVerdict verdict;
    if (filter.starts_with("secret")) verdict.reason = Reason::not_authorized;
    return verdict;
  };
  house.broker().recheck("a");
  EXPECT_EQ(house.host.told(), "unsubscribed a secret/x");
  EXPECT_EQ(house.host_says("secret/x", "4", 0), 0U);
}

TEST(BrokerSubscribe, SendsOneCopyForOverlappingFilters) {
  House house;
  Peer a(house), old(house, Version::v311);
  a.connect("a")
      .subscribe("a/+", 0, identifier(7))
      .subscribe("a/#", 2, identifier(9))
      .subscribe("a/b", 1)
      .hears();
  old.connect("old").subscribe("a/+", 1).subscribe("a/#", 0).hears();
  house.host_says("a/b", "x", 2);
  const std::string heard = a.hears();
  EXPECT_TRUE(heard == "publish a/b 'x' q2 id=1 sub=7 sub=9" ||
              heard == "publish a/b 'x' q2 id=1 sub=9 sub=7")
      << heard;
  EXPECT_EQ(old.hears(), "publish a/b 'x' q1 id=1");
}

TEST(BrokerSubscribe, ReplacesASubscription) {
  House house;
  Peer a(house);
  a.connect("a").subscribe("t", 0, identifier(1)).subscribe("t", 1, identifier(2)).hears();
  house.host_says("t", "x", 1);
  EXPECT_EQ(a.hears(), "publish t 'x' q1 id=1 sub=2");
  EXPECT_EQ(house.broker().stats().subscriptions, 1U);
}

TEST(BrokerSubscribe, KeepsNoLocalPublishesFromTheirSender) {
  House house;
  Peer a(house), b(house);
  const auto no_local = [](Subscribe& s) { s.entries[0].no_local = true; };
  a.connect("a").subscribe("t", 0, no_local).hears();
  b.connect("b").subscribe("t", 0, no_local).hears();
  a.publish("t", "x");
  EXPECT_EQ(a.hears(), "");
  EXPECT_EQ(b.hears(), "publish t 'x'");
  EXPECT_EQ(a.subscribe("$share/g/t", 0, no_local).hears(), "disconnect 0x82; closed");
}

TEST(BrokerSubscribe, HidesDollarTopicsFromWildcards) {
  House house;
  Peer a(house);
  a.connect("a").subscribe("#").subscribe("+/x").hears();
  EXPECT_EQ(house.host_says("$SYS/x", "1", 0), 0U);
  a.subscribe("$SYS/#").hears();
  house.host_says("$SYS/x", "2", 0);
  EXPECT_EQ(a.hears(), "publish $SYS/x '2'");
}

TEST(BrokerSubscribe, MatchesTheParentOfAHashUnlessAwsIsMeant) {
  House house;
  BrokerOptions aws;
  aws.hash_matches_parent = false;
  House other(aws);
  Peer a(house), b(other);
  a.connect("a").subscribe("x/#").hears();
  b.connect("b").subscribe("x/#").hears();
  EXPECT_EQ(house.host_says("x", "", 0), 1U);
  EXPECT_EQ(other.host_says("x", "", 0), 0U);
  EXPECT_EQ(other.host_says("x/y", "", 0), 1U);
}

TEST(BrokerSubscribe, SaysWhatItDoesNotServe) {
  BrokerOptions options;
  options.wildcard_available = options.shared_available = options.subscription_identifiers_available = false;
  options.maximum_subscriptions = 1;
  options.maximum_filters_per_subscribe = 2;
  House house(options);
  Peer a(house);
  a.connect("a").hears();
  EXPECT_EQ(a.subscribe("a/#").hears(), "suback 1 0xa2");
  EXPECT_EQ(a.subscribe("$share/g/a").hears(), "suback 1 0x9e");
  EXPECT_EQ(a.subscribe("a").subscribe("b").subscribe("a", 1).hears(),
            "suback 1 0x00; suback 1 0x97; suback 1 0x01");
  const auto three = [](Subscribe& s) { s.entries.resize(3, s.entries[0]); };
  EXPECT_EQ(a.subscribe("a", 0, three).hears(), "suback 1 0x97 0x97 0x97");
  EXPECT_EQ(a.subscribe("a", 0, identifier(1)).hears(), "disconnect 0xa1; closed");
}

TEST(BrokerRetained, KeepsTheLastAndGivesItToNewSubscribers) {
  House house;
  Peer a(house), b(house);
  const auto retain = [](Publish& p) { p.retain = true; };
  a.connect("a").subscribe("#", 1).hears();
  a.publish("t", "1", 1, 1, retain).publish("t", "2", 1, 2, retain).publish("u/v", "3", 0, 0, retain);
  EXPECT_EQ(a.hears(), "publish t '1' q1 id=1; puback 1; publish t '2' q1 id=2; puback 2; publish u/v '3'")
      << "those who had subscribed get it as any other message";
  b.connect("b").hears();
  EXPECT_EQ(b.subscribe("+", 1).hears(), "suback 1 0x01; publish t '2' q1 id=1 retain");
  EXPECT_EQ(b.subscribe("u/#", 1, identifier(4)).hears(), "suback 1 0x01; publish u/v '3' retain sub=4");
  EXPECT_EQ(b.subscribe("u/v/#").hears(), "suback 1 0x00; publish u/v '3' retain");
  EXPECT_EQ(b.subscribe("u").hears(), "suback 1 0x00");
  a.publish("t", "", 0, 0, retain);
  EXPECT_EQ(b.subscribe("t").hears(), "publish t ''; suback 1 0x00");
  EXPECT_EQ(house.broker().stats().retained, 1U);
}

TEST(BrokerRetained, ObeysRetainHandling) {
  House house;
  house.host_says("t", "x", 0, true);
  Peer a(house);
  a.connect("a").hears();
  EXPECT_EQ(a.subscribe("t", 0, handling(2)).hears(), "suback 1 0x00");
  EXPECT_EQ(a.subscribe("t", 0, handling(1)).hears(), "suback 1 0x00") << "it exists";
  EXPECT_EQ(a.subscribe("t", 0, handling(0)).hears(), "suback 1 0x00; publish t 'x' retain");
  a.unsubscribe("t").hears();
  EXPECT_EQ(a.subscribe("t", 0, handling(1)).hears(), "suback 1 0x00; publish t 'x' retain");
}

TEST(BrokerRetained, KeepsTheFlagWhereAsked) {
  House house;
  Peer a(house);
  a.connect("a").subscribe("t", 0, [](Subscribe& s) { s.entries[0].retain_as_published = true; }).hears();
  house.host_says("t", "x", 0, true);
  house.host_says("t", "y", 0, false);
  EXPECT_EQ(a.hears(), "publish t 'x' retain; publish t 'y'");
}

TEST(BrokerRetained, ExpiresAndCountsDown) {
  House house;
  Peer a(house);
  a.connect("a").hears();
  a.publish("t", "x", 0, 0, [](Publish& p) {
    p.retain = true;
    p.properties.message_expiry = 10;
  });
  house.pass(4'000);
  EXPECT_EQ(a.subscribe("t").hears(), "suback 1 0x00; publish t 'x' retain expiry=6");
  house.pass(6'000);
  EXPECT_EQ(a.subscribe("t").hears(), "suback 1 0x00");
  house.pass(60'000);
  EXPECT_EQ(house.broker().stats().retained, 0U);
  EXPECT_EQ(house.journal.count(Journal::Space::retained), 0U);
}

TEST(BrokerRetained, IsBounded) {
  BrokerOptions options;
  options.maximum_retained = 2;
  House house(options);
  house.host_says("a", "1", 0, true);
  house.host_says("b", "1", 0, true);
  house.host_says("c", "1", 0, true);
  house.host_says("b", "2", 0, true);
  EXPECT_EQ(house.broker().stats().retained, 2U);
  EXPECT_EQ(house.host.notes, 1U);
}

TEST(BrokerRetained, GoesOnlyToExactFiltersAtAws) {
  BrokerOptions aws;
  aws.retained_to_wildcards = false;
  House house(aws);
  house.host_says("t", "x", 0, true);
  Peer a(house);
  a.connect("a").hears();
  EXPECT_EQ(a.subscribe("+").subscribe("t").hears(), "suback 1 0x00; suback 1 0x00; publish t 'x' retain");
}

TEST(BrokerRetained, ComesAsFastAsTheClientTakesIt) {
  BrokerOptions options;
  options.maximum_unsent = 10'000;
  House house(options);
  for (int i = 0; i < 100; ++i) house.host_says("t/" + std::to_string(i), std::string(1000, 'x'), 0, true);
  Peer a(house);
  a.connect("a").subscribe("#");
  EXPECT_LT(a.wire().out.size(), 10'000U);
  std::size_t seen = 0;
  for (int round = 0; round < 50; ++round) {
    const std::string heard = a.hears();
    for (std::size_t at = 0; (at = heard.find("retain", at)) != std::string::npos; ++at) ++seen;
    house.pass(500);
  }
  EXPECT_EQ(seen, 100U);
}

TEST(BrokerShared, TakesTurns) {
  House house;
  Peer a(house), b(house), plain(house);
  house.host_says("t", "retained", 0, true);
  a.connect("a").subscribe("$share/g/t", 1);
  EXPECT_EQ(a.hears(), "connack keepalive=1200; suback 1 0x01") << "no retained messages for shares";
  b.connect("b").subscribe("$share/g/t", 1).hears();
  plain.connect("p").subscribe("t").hears();
  for (int i = 0; i < 4; ++i) house.host_says("t", std::to_string(i), 1);
  EXPECT_EQ(a.hears(), "publish t '0' q1 id=1; publish t '2' q1 id=2");
  EXPECT_EQ(b.hears(), "publish t '1' q1 id=1; publish t '3' q1 id=2");
  EXPECT_EQ(plain.hears(), "publish t '0'; publish t '1'; publish t '2'; publish t '3'");
}

TEST(BrokerShared, PrefersMembersWithRoom) {
  House house;
  Peer a(house), b(house);
  a.connect("a", [](Connect& c) { c.receive_maximum = 1; }).subscribe("$share/g/t", 1).hears();
  b.connect("b").subscribe("$share/g/t", 1).hears();
  for (int i = 0; i < 4; ++i) house.host_says("t", std::to_string(i), 1);
  EXPECT_EQ(a.hears(), "publish t '0' q1 id=1");
  EXPECT_EQ(b.hears(), "publish t '1' q1 id=1; publish t '2' q1 id=2; publish t '3' q1 id=3");
}

TEST(BrokerShared, HandsOnWhatALostMemberWasNotSent) {
  House house;
  Peer a(house), b(house);
  const auto small = [](Connect& c) {
    c.receive_maximum = 1;
    c.session_expiry = 100;
    c.clean_start = false;
  };
  a.connect("a", small).subscribe("$share/g/t", 1).hears();
  for (int i = 0; i < 3; ++i) house.host_says("t", std::to_string(i), 1);
  EXPECT_EQ(a.hears(), "publish t '0' q1 id=1");
  b.connect("b").subscribe("$share/g/t", 1).hears();
  a.drop();
  EXPECT_EQ(b.hears(), "publish t '1' q1 id=1; publish t '2' q1 id=2");
  house.broker().disconnect("a", Reason::success, true);
  EXPECT_EQ(b.hears(), "publish t '0' q1 id=3")
      << "its session ended: QoS 1 that it did not acknowledge goes on";
}

TEST(BrokerShared, WaitsInASessionWhenNobodyIsThere) {
  House house;
  Peer a(house), again(house);
  a.connect("a", keep(100)).subscribe("$share/g/t", 1).hears();
  a.drop();
  EXPECT_EQ(house.host_says("t", "x", 1), 1U);
  again.connect("a", keep(100));
  EXPECT_EQ(again.hears(), "connack present keepalive=1200; publish t 'x' q1 id=1");
}

TEST(BrokerShared, GroupsByNameAndFilter) {
  House house;
  Peer a(house), b(house);
  a.connect("a").subscribe("$share/g/t").hears();
  b.connect("b").subscribe("$share/h/t").hears();
  EXPECT_EQ(house.host_says("t", "x", 0), 2U);
  EXPECT_EQ(a.unsubscribe("$share/g/t").hears(), "publish t 'x'; unsuback 2 0x00");
  EXPECT_EQ(house.host_says("t", "y", 0), 1U);
}

TEST(BrokerRetained, DoesNotPileUpWhatAStuckClientAsksForAgainAndAgain) {
  BrokerOptions options;
  options.maximum_unsent = 10'000;
  House house(options);
  for (int i = 0; i < 10; ++i) house.host_says("t/" + std::to_string(i), "x", 0, true);
  Peer a(house);
  a.connect("a").hears();
  a.wire().backlog = 9'000;
  for (int i = 0; i < 100; ++i) a.subscribe("t/#");
  a.hears();
  a.wire().backlog = 0;
  house.pass(500);
  std::size_t seen = 0;
  const std::string heard = a.hears();
  for (std::size_t at = 0; (at = heard.find("publish", at)) != std::string::npos; ++at) ++seen;
  EXPECT_EQ(seen, 10U);
}

TEST(BrokerShared, GivesARefusedMessageToNobodyElse) {
  House house;
  Peer a(house), b(house);
  a.connect("a").subscribe("$share/g/t", 1).hears();
  b.connect("b").subscribe("$share/g/t", 1).hears();
  house.host_says("t", "x", 1);
  EXPECT_EQ(a.hears(), "publish t 'x' q1 id=1");
  a.ack(PacketType::puback, 1, Reason::not_authorized).drop();
  EXPECT_EQ(b.hears(), "");
}

TEST(BrokerShared, CompletesQos2WithTheSameMember) {
  House house;
  Peer a(house), b(house), again(house);
  a.connect("a", keep(100)).subscribe("$share/g/t", 2).hears();
  b.connect("b").subscribe("$share/g/t", 2).hears();
  house.host_says("t", "x", 2);
  EXPECT_EQ(a.hears(), "publish t 'x' q2 id=1");
  a.drop();
  EXPECT_EQ(b.hears(), "");
  again.connect("a", keep(100));
  EXPECT_EQ(again.hears(), "connack present keepalive=1200; publish t 'x' q2 id=1 dup");
  again.disconnect(Reason::success, 0);
  EXPECT_EQ(b.hears(), "") << "not even when its session ends";
}

TEST(BrokerSubscribe, AnswersEachFilterOfOnePacketInItsOrder) {
  House house;
  house.host.subscriptions = [](Client&, std::string_view filter, std::uint8_t) {
    SubscribeVerdict verdict;
    if (filter == "no") verdict.reason = Reason::not_authorized;
    return verdict;
  };
  Peer a(house);
  a.connect("a").hears();
  a.subscribe("a", 2, [](Subscribe& s) {
    s.packet_id = 77;
    for (const char* filter : {"no", "b"})
      s.entries.push_back(s.entries[0]), s.entries.back().filter = filter;
    s.entries.back().qos = 1;
  });
  EXPECT_EQ(a.hears(), "suback 77 0x02 0x87 0x01");
  a.raw(wire("a2 {004d {} <x> <a> <b>}"));
  EXPECT_EQ(a.hears(), "unsuback 77 0x11 0x00 0x00");
}

}  // namespace
}  // namespace sluice::mqtt::test
