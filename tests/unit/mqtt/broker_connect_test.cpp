// CONNECT, CONNACK and what ends a connection (3.1, 3.2, 3.14, 4.13).
#include <gtest/gtest.h>

#include "broker_harness.hpp"
#include "wire_text.hpp"

namespace sluice::mqtt::test {
namespace {

TEST(BrokerConnect, LetsAClientInAndTellsTheHost) {
  House house;
  Peer a(house);
  a.connect("a");
  EXPECT_EQ(a.hears(), "connack keepalive=1200");
  EXPECT_EQ(house.host.told(), "connected a");
  a.disconnect();
  EXPECT_EQ(a.hears(), "closed");
  EXPECT_EQ(house.host.told(), "disconnected a client_disconnect");
  EXPECT_EQ(house.broker().stats().sessions, 0U);
}

TEST(BrokerConnect, KeepsSilentAboutKeepAliveWhenItTakesTheClients) {
  House house;
  Peer a(house);
  a.connect("a", [](Connect& c) { c.keep_alive = 60; });
  EXPECT_EQ(a.hears(), "connack");
}

TEST(BrokerConnect, ClosesOnAFirstPacketThatIsNotConnect) {
  House house;
  for (const char* bytes : {"c0 00", "30 03 00 01 61", "20 02 00 00", "e0 00", "00 00"}) {
    Peer a(house);
    a.raw(wire(bytes));
    EXPECT_EQ(a.hears(), "closed") << bytes;
  }
  Peer b(house);
  b.raw("G");
  EXPECT_TRUE(b.closed()) << "the first byte is enough";
  EXPECT_EQ(house.host.told(), "");
}

TEST(BrokerConnect, ClosesOnASecondConnect) {
  House house;
  Peer a(house), b(house, Version::v311);
  a.connect("a").hears();
  a.connect("a");
  EXPECT_EQ(a.hears(), "disconnect 0x82; closed");
  b.connect("b").hears();
  b.connect("b");
  EXPECT_EQ(b.hears(), "closed");
}

TEST(BrokerConnect, RefusesOtherVersionsInTheirLanguage) {
  House house;
  Peer old(house, Version::v311), next(house), zero(house, Version::v311), bridge(house, Version::v311);
  old.raw(wire("10 {<MQIsdp> 03 02 003c <id>}"));
  EXPECT_EQ(hex(old.wire().out), hex(wire("20 02 00 01")));
  EXPECT_TRUE(old.closed());
  next.raw(wire("10 {<MQTT> 06 02 003c {} <id>}"));
  EXPECT_EQ(hex(next.wire().out), hex(wire("20 03 00 84 00")));
  zero.raw(wire("10 {<MQTT> 00 02 003c <id>}"));
  EXPECT_EQ(hex(zero.wire().out), hex(wire("20 02 00 01")));
  bridge.raw(wire("10 {<MQTT> 84 02 003c <id>}"));
  EXPECT_EQ(hex(bridge.wire().out), hex(wire("20 02 00 01")));
}

TEST(BrokerConnect, NamesWhatIsWrongInAConnectOfFive) {
  House house;
  Peer reserved(house), twice(house), will(house, Version::v311);
  reserved.raw(wire("10 {<MQTT> 05 03 003c {} <id>}"));
  EXPECT_EQ(reserved.hears(), "connack 0x81; closed");
  twice.raw(wire("10 {<MQTT> 05 02 003c {21 0001 21 0001} <id>}"));
  EXPECT_EQ(twice.hears(), "connack 0x82; closed");
  will.raw(wire("10 {<MQTT> 04 0a 003c <id>}"));
  EXPECT_EQ(will.hears(), "closed") << "MQTT 3.1.1 has no word for it";
}

TEST(BrokerConnect, RefusesAnAuthenticationMethod) {
  House house;
  Peer a(house), b(house);
  a.connect("a", [](Connect& c) { c.authentication_method = "SCRAM-SHA-256"; });
  EXPECT_EQ(a.hears(), "connack 0x8c; closed");
  b.connect("b").hears();
  b.raw(wire("f0 00"));
  EXPECT_EQ(b.hears(), "disconnect 0x82; closed");
}

TEST(BrokerConnect, PassesTheHostsRefusalOn) {
  House house;
  house.host.verdict.reason = Reason::not_authorized;
  Peer a(house), b(house, Version::v311);
  EXPECT_EQ(a.connect("a").hears(), "connack 0x87; closed");
  b.connect("b");
  EXPECT_EQ(hex(b.wire().out), hex(wire("20 02 00 05")));
  EXPECT_EQ(house.broker().stats().connects_refused, 2U);
  EXPECT_EQ(house.host.told(), "");

  BrokerOptions aws;
  aws.unauthorized_connack_311 = 7;
  House other(aws);
  other.host.verdict.reason = Reason::not_authorized;
  Peer c(other, Version::v311);
  c.connect("c");
  EXPECT_EQ(hex(c.wire().out), hex(wire("20 02 00 07")));
}

TEST(BrokerConnect, NamesClientsThatHaveNoName) {
  House house;
  Peer five(house), clean(house, Version::v311), unclean(house, Version::v311);
  EXPECT_EQ(five.connect("").hears(), "connack keepalive=1200 assigned");
  EXPECT_EQ(clean.connect("").hears(), "connack");
  unclean.connect("", keep(0));
  EXPECT_EQ(hex(unclean.wire().out), hex(wire("20 02 00 02")));
  EXPECT_TRUE(unclean.closed());
  EXPECT_EQ(house.broker().stats().sessions, 2U);
}

TEST(BrokerConnect, TakesTheClientIdOfTheHostWhereTheClientSendsNone) {
  House house;
  house.host.verdict.client_id = "dev1";
  Peer a(house, Version::v311);
  a.connect("", [](Connect& c) { c.clean_start = false; });
  EXPECT_EQ(a.hears(), "connack");
  EXPECT_EQ(house.host.told(), "connected dev1");
}

TEST(BrokerConnect, HandlesWhatWasSentBehindConnectAfterConnack) {
  House house;
  house.host.answers_later = true;
  Peer a(house);
  a.connect("a").publish("t", "1", 1, 1).publish("t", "2", 1, 2);
  EXPECT_EQ(a.hears(), "");
  EXPECT_EQ(house.host.told(), "");
  house.host.replies.at(0)({});
  EXPECT_EQ(a.hears(), "connack keepalive=1200; puback 1; puback 2");
  EXPECT_EQ(house.host.told(), "connected a; publish a t '1'; publish a t '2'");
}

TEST(BrokerConnect, BoundsWhatWaitsForAuthentication) {
  BrokerOptions options;
  options.maximum_connect_size = 1024;
  House house(options);
  house.host.answers_later = true;
  Peer a(house);
  a.connect("a");
  for (int i = 0; i < 100 && !a.closed(); ++i) a.publish("t", std::string(100, 'x'));
  EXPECT_TRUE(a.closed());
  house.host.replies.at(0)({});  // nobody is there to hear it
  EXPECT_EQ(a.hears(), "closed");
}

TEST(BrokerConnect, IgnoresAReplyAfterTheClientHasGone) {
  House house;
  house.host.answers_later = true;
  {
    Peer a(house);
    a.connect("a");
    a.drop();
  }
  house.host.replies.at(0)({});
  EXPECT_EQ(house.host.told(), "");
  EXPECT_EQ(house.broker().stats().sessions, 0U);
}

TEST(BrokerConnect, TakesPacketsInAnyPieces) {
  House house;
  Connect packet;
  packet.client_id = "a";
  std::string bytes;
  encode(packet, bytes);
  Publish publish;
  publish.topic = "t";
  const std::string payload(5000, 'p');
  publish.payload = payload;
  publish.qos = 1;
  publish.packet_id = 9;
  encode(publish, Version::v5, bytes);
  encode_pingreq(bytes);
  for (const std::size_t piece : {1U, 2U, 3U, 7U, 1000U}) {
    Peer a(house);
    for (std::size_t at = 0; at < bytes.size(); at += piece) a.raw(std::string_view(bytes).substr(at, piece));
    EXPECT_EQ(a.hears(), "connack keepalive=1200; puback 9; pingresp") << piece;
    a.disconnect();
  }
}

TEST(BrokerConnect, WaitsForConnectNoLongerThanItsDeadline) {
  House house;
  Peer silent(house), half(house), in_time(house);
  silent.raw("");
  half.raw(wire("10 20 0004"));
  in_time.connect("a");
  house.pass(4'500);
  EXPECT_FALSE(silent.closed());
  house.pass(1'500);
  EXPECT_EQ(silent.hears(), "closed");
  EXPECT_EQ(half.hears(), "closed");
  EXPECT_FALSE(in_time.closed());
}

TEST(BrokerConnect, RefusesAConnectThatClaimsToBeHuge) {
  House house;
  Peer a(house);
  a.raw(wire("10 ff ff ff 7f"));
  EXPECT_EQ(a.hears(), "closed");
}

TEST(BrokerConnect, ClosesWhenTheClientFallsSilent) {
  House house;
  Peer a(house), b(house, Version::v311);
  const auto ten = [](Connect& c) { c.keep_alive = 10; };
  a.connect("a", ten).hears();
  b.connect("b", ten).hears();
  house.pass(14'000);
  a.raw(wire("c0 00"));
  EXPECT_EQ(a.hears(), "pingresp");
  house.pass(2'000);
  EXPECT_EQ(b.hears(), "closed");
  EXPECT_EQ(a.hears(), "");
  house.pass(14'000);
  EXPECT_EQ(a.hears(), "disconnect 0x8d; closed");
  EXPECT_EQ(house.host.told(),
            "connected a; connected b; disconnected b keep_alive_timeout; disconnected a keep_alive_timeout");
}

TEST(BrokerConnect, AnnouncesItsOwnKeepAlive) {
  BrokerOptions aws;
  aws.minimum_keep_alive = 30;
  House house(aws);
  Peer low(house), high(house), none(house);
  EXPECT_EQ(low.connect("l", [](Connect& c) { c.keep_alive = 5; }).hears(), "connack keepalive=30");
  EXPECT_EQ(high.connect("h", [](Connect& c) { c.keep_alive = 5000; }).hears(), "connack keepalive=1200");
  EXPECT_EQ(none.connect("n").hears(), "connack keepalive=1200");
}

TEST(BrokerConnect, ClosesOnPacketsThatOnlyServersSend) {
  House house;
  for (const char* bytes : {"20 03 00 00 00", "90 04 0001 00 00", "b0 04 0001 00 00", "d0 00"}) {
    Peer a(house);
    a.connect("a").hears();
    EXPECT_EQ(a.raw(wire(bytes)).hears(), "disconnect 0x82; closed") << bytes;
    Peer b(house, Version::v311);
    b.connect("b").hears();
    EXPECT_EQ(b.raw(wire(bytes)).hears(), "closed") << bytes;
  }
}

TEST(BrokerConnect, NamesWhatIsMalformed) {
  House house;
  struct {
    const char* bytes;
    const char* answer;
  } const cases[] = {
      {"36 05 0001 61 0001", "disconnect 0x81; closed"},        // QoS 3
      {"82 05 0001 00 00 61", "disconnect 0x81; closed"},       // subscribe cut short
      {"80 07 0001 00 0001 61 00", "disconnect 0x81; closed"},  // reserved flags
      {"32 06 0001 61 0000 00", "disconnect 0x82; closed"},     // packet id 0
      {"30 07 <t> {0b 01} 78", "disconnect 0x82; closed"},      // subscription identifier of a client
      {"c1 00", "disconnect 0x81; closed"},
      {"30 ff ff ff ff 7f", "disconnect 0x81; closed"},
      {"30 05 0001 23 00 00", "disconnect 0x90; closed"},  // wildcard in a topic name
      {"82 08 0001 00 0002 61 23 00", "disconnect 0x8f; closed"},
  };
  for (const auto& c : cases) {
    Peer a(house);
    a.connect("a").hears();
    EXPECT_EQ(a.raw(wire(c.bytes)).hears(), c.answer) << c.bytes;
  }
  EXPECT_EQ(house.broker().stats().protocol_errors, std::size(cases));
  EXPECT_EQ(house.broker().stats().connections, 0U);
}

TEST(BrokerConnect, RefusesPacketsAboveItsMaximumByTheHeaderAlone) {
  BrokerOptions options;
  options.maximum_packet_size = 1000;
  House house(options);
  Peer a(house);
  a.connect("a").hears();
  a.raw(wire("30 e8 07"));  // 1,000 and the header
  EXPECT_EQ(a.hears(), "disconnect 0x95; closed");
}

TEST(BrokerConnect, BoundsTheNumberOfSessions) {
  BrokerOptions options;
  options.maximum_sessions = 1;
  House house(options);
  Peer a(house), b(house), again(house);
  a.connect("a").hears();
  EXPECT_EQ(b.connect("b").hears(), "connack 0x97; closed");
  EXPECT_EQ(again.connect("a").hears(), "connack keepalive=1200");
}

TEST(BrokerConnect, ClosesAllWhenItShutsDown) {
  House house;
  Peer a(house), b(house, Version::v311), c(house);
  a.connect("a").hears();
  b.connect("b").hears();
  c.raw("");
  house.broker().shut_down();
  EXPECT_EQ(a.hears(), "disconnect 0x8b; closed");
  EXPECT_EQ(b.hears(), "closed");
  EXPECT_TRUE(c.closed());
  Peer late(house);
  EXPECT_EQ(late.connect("late").hears(), "connack 0x88; closed");
}

TEST(BrokerConnect, LetsTheHostDisconnect) {
  House house;
  Peer a(house);
  a.connect("a", keep(100)).hears();
  EXPECT_FALSE(house.broker().disconnect("nobody", Reason::administrative_action));
  EXPECT_TRUE(house.broker().disconnect("a", Reason::administrative_action));
  EXPECT_EQ(a.hears(), "disconnect 0x98; closed");
  EXPECT_EQ(house.broker().stats().sessions, 1U);
  EXPECT_TRUE(house.broker().disconnect("a", Reason::administrative_action, true));
  EXPECT_EQ(house.broker().stats().sessions, 0U);
  EXPECT_TRUE(house.journal.disk.empty());
}

TEST(BrokerConnect, ProcessesNothingAfterARefusal) {
  House house;
  house.host.verdict.reason = Reason::bad_user_name_or_password;
  House later;
  later.host.answers_later = true;
  Peer a(house), b(later);
  a.raw(wire("10 {<MQTT> 05 02 003c {} <id>} 30 04 0001 61 00"));
  EXPECT_EQ(a.hears(), "connack 0x86; closed");
  EXPECT_EQ(house.host.told(), "");
  b.connect("b").publish("t", "x", 1, 1);
  later.host.replies.at(0)(house.host.verdict);
  EXPECT_EQ(b.hears(), "connack 0x86; closed");
  EXPECT_EQ(later.host.told(), "");
}

TEST(BrokerConnect, LeavesReasonStringsOutThatTheClientCannotTake) {
  House house;
  house.host.verdict.reason = Reason::banned;
  house.host.verdict.reason_string = std::string(100, 'r');
  Peer a(house), b(house);
  a.connect("a", [](Connect& c) { c.maximum_packet_size = 50; });
  EXPECT_EQ(a.wire().out.size(), 5U);
  b.connect("b");
  EXPECT_GT(b.wire().out.size(), 100U);
  house.host.verdict = {};
  Peer c(house);
  c.connect("c", [](Connect& p) { p.maximum_packet_size = 30; }).hears();
  c.connect("c");
  EXPECT_EQ(c.wire().out.size(), 3U) << "DISCONNECT with its code, without words";
}

}  // namespace
}  // namespace sluice::mqtt::test
