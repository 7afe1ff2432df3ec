// The client's side of the protocol, byte by byte: no socket, no time.
#include "uplink/client_session.hpp"

#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

namespace sluice::test {
namespace {

using namespace std::string_literals;
using mqtt::PacketType;
using mqtt::Reason;
using mqtt::Version;
using uplink::ClientSession;
using uplink::ConnectFailure;

class Session : public ::testing::Test {
 protected:
  void begin(bool mqtt5 = true, const mqtt::Connack& connack = {}) {
    options.client_id = "one";
    options.host = "cloud.example";
    options.mqtt5 = mqtt5;
    session.emplace(options);
    session->out().clear();
    std::string bytes;
    mqtt::encode(connack, version(), bytes);
    hear(bytes);
    ASSERT_TRUE(heard.granted);
  }
  Version version() const { return options.mqtt5 ? Version::v5 : Version::v311; }
  void hear(std::string_view bytes) {
    heard.clear();
    session->receive(bytes, heard);
  }
  template <typename P>
  std::string bytes_of(const P& packet) const {
    std::string out;
    mqtt::encode(packet, version(), out);
    return out;
  }
  std::string message(std::uint16_t id, std::uint8_t qos = 1, std::string_view payload = "x") const {
    mqtt::Publish publish;
    publish.topic = "cmd/one";
    publish.payload = payload;
    publish.packet_id = id;
    publish.qos = qos;
    return bytes_of(publish);
  }
  std::string ack(PacketType type, std::uint16_t id, Reason reason = Reason::success) const {
    mqtt::Ack packet;
    packet.type = type;
    packet.packet_id = id;
    packet.reason = reason;
    return bytes_of(packet);
  }
  std::optional<std::uint8_t> publish(std::uint64_t token, std::string_view topic = "t",
                                      std::string_view payload = "p") {
    uplink::Publication p;
    p.topic = topic;
    p.payload = payload;
    return session->publish(p, token);
  }
  // What the server gets, whole packets.
  std::vector<mqtt::Packet> sent() {
    held = std::exchange(session->out(), {});
    std::string_view rest = held;
    std::vector<mqtt::Packet> packets;
    for (mqtt::FixedHeader header; mqtt::read_fixed_header(rest, header) == mqtt::HeaderStatus::complete;) {
      auto decoded = mqtt::decode(rest.substr(0, header.total()), version());
      if (!decoded.packet) break;
      packets.push_back(std::move(*decoded.packet));
      rest.remove_prefix(header.total());
    }
    EXPECT_TRUE(rest.empty()) << "bytes that are no packet";
    return packets;
  }
  std::vector<std::uint16_t> sent_ids() {
    std::vector<std::uint16_t> ids;
    for (const auto& packet : sent()) {
      if (const auto* p = std::get_if<mqtt::Publish>(&packet)) ids.push_back(p->packet_id);
      if (const auto* a = std::get_if<mqtt::Ack>(&packet)) ids.push_back(a->packet_id);
    }
    return ids;
  }
  bool ended() const { return session->state() == ClientSession::State::ended; }

  uplink::LinkOptions options;
  std::optional<ClientSession> session;
  uplink::Heard heard;
  std::string held;
};

TEST_F(Session, BeginsWithConnectAndItsLimits) {
  options.client_id = "thing";
  options.keep_alive = 30s;
  session.emplace(options);
  const auto packets = sent();
  ASSERT_EQ(packets.size(), 1U);
  const auto& connect = std::get<mqtt::Connect>(packets[0]);
  EXPECT_EQ(connect.client_id, "thing");
  EXPECT_FALSE(connect.clean_start);
  EXPECT_EQ(connect.keep_alive, 30);
  EXPECT_EQ(connect.session_expiry, 3600U);
  EXPECT_EQ(connect.receive_maximum, uplink::kReceiveMaximum);
  EXPECT_EQ(connect.maximum_packet_size, uplink::kMostPacketBytes);
  EXPECT_EQ(connect.topic_alias_maximum, 0);
}

TEST_F(Session, TellsWhatConnackGrants) {
  mqtt::Connack connack;
  connack.session_present = true;
  connack.receive_maximum = 10;
  connack.maximum_packet_size = 5000;
  connack.server_keep_alive = 20;
  begin(true, connack);
  EXPECT_TRUE(heard.granted->session_present);
  EXPECT_EQ(heard.granted->receive_maximum, 10U);
  EXPECT_EQ(heard.granted->maximum_packet_size, 5000U);
  EXPECT_EQ(heard.granted->server_keep_alive, 20U);
}

TEST_F(Session, NeverPromisesMoreInFlightThanThereAreIdentifiers) {
  begin();
  EXPECT_EQ(heard.granted->receive_maximum, uplink::kMostInFlight);
}

TEST_F(Session, ReadsTheSameHoweverThePacketsAreCut) {
  std::string bytes;
  for (std::uint16_t id = 1; id <= 3; ++id)
    bytes += message(id, 1, std::string(300, 'a' + static_cast<char>(id)));
  for (std::size_t size = 1; size <= bytes.size(); ++size) {
    begin();
    std::vector<std::string> payloads;
    for (std::size_t at = 0; at < bytes.size(); at += size) {
      hear(std::string_view(bytes).substr(at, size));
      for (const auto& m : heard.messages) payloads.push_back(m.payload);
    }
    ASSERT_EQ(payloads,
              (std::vector<std::string>{std::string(300, 'b'), std::string(300, 'c'), std::string(300, 'd')}))
        << "in pieces of " << size;
  }
}

TEST_F(Session, GathersTheAnswersOfOneRead) {
  begin();
  for (std::uint64_t token = 100; token < 150; ++token) EXPECT_FALSE(publish(token));
  std::string answers;
  for (const auto id : sent_ids()) answers += ack(PacketType::puback, id);
  hear(answers);
  ASSERT_EQ(heard.acks.size(), 50U);
  for (std::size_t i = 0; i < 50; ++i) EXPECT_EQ(heard.acks[i].token, 100 + i);
}

TEST_F(Session, HearsAnAnswerOnceAndAnUnknownOneNotAtAll) {
  begin();
  publish(7);
  const auto id = sent_ids().at(0);
  hear(ack(PacketType::puback, id + 1) + ack(PacketType::puback, id, Reason::quota_exceeded) +
       ack(PacketType::puback, id));
  ASSERT_EQ(heard.acks.size(), 1U);
  EXPECT_EQ(heard.acks[0].token, 7U);
  EXPECT_EQ(heard.acks[0].reason, 0x97);
}

TEST_F(Session, DoesNotGiveANewPublishAnIdentifierThatIsInFlight) {
  begin();
  publish(1);
  const auto stuck = sent_ids().at(0);
  for (std::uint32_t i = 0; i < 70'000; ++i) {
    publish(1000 + i);
    const auto id = sent_ids().at(0);
    ASSERT_NE(id, stuck);
    hear(ack(PacketType::puback, id));
    ASSERT_EQ(heard.acks.at(0).token, 1000 + i);
  }
  hear(ack(PacketType::puback, stuck));
  EXPECT_EQ(heard.acks.at(0).token, 1U);
}

TEST_F(Session, RefusesWhatCannotBeWrittenDown) {
  begin();
  EXPECT_EQ(publish(1, "a/+"), 0x90);
  EXPECT_EQ(publish(2, std::string(70'000, 'a')), 0x90);
  EXPECT_EQ(publish(3, "\xff"), 0x90);
  EXPECT_TRUE(session->out().empty());
}

TEST_F(Session, KeepsTheServersMaximumPacketSizeToTheByte) {
  mqtt::Connack connack;
  connack.maximum_packet_size = 100;
  begin(true, connack);
  // 1 type, 1 length, 2 + 1 topic, 2 identifier, 1 properties
  EXPECT_FALSE(publish(1, "t", std::string(92, 'x')));
  EXPECT_EQ(session->out().size(), 100U);
  EXPECT_EQ(publish(2, "t", std::string(93, 'x')), 0x95);
  EXPECT_EQ(session->out().size(), 100U) << "nothing of it is left behind";
}

TEST_F(Session, AcknowledgesInTheOrderOfArrivalWhateverIsAcceptedFirst) {
  begin();
  hear(message(11) + message(12) + message(13));
  ASSERT_EQ(heard.messages.size(), 3U);
  session->accept(heard.messages[2].ack);
  session->accept(heard.messages[1].ack);
  EXPECT_TRUE(session->out().empty());
  session->accept(heard.messages[0].ack);
  EXPECT_EQ(sent_ids(), (std::vector<std::uint16_t>{11, 12, 13}));
  session->accept(heard.messages[0].ack);
  session->accept(99);
  EXPECT_TRUE(session->out().empty());
}

TEST_F(Session, EndsWhenMoreComesThanItsReceiveMaximum) {
  begin();
  for (std::uint16_t id = 1; id <= uplink::kReceiveMaximum; ++id) hear(message(id));
  EXPECT_FALSE(ended());
  hear(message(uplink::kReceiveMaximum + 1));
  EXPECT_TRUE(ended());
  ASSERT_TRUE(heard.loss);
  EXPECT_EQ(std::get<mqtt::Disconnect>(sent().at(0)).reason, Reason::receive_maximum_exceeded);
}

TEST_F(Session, TakesOverAMessageOfQos2OnceAndCompletesIt) {
  begin();
  hear(message(5, 2) + message(5, 2));
  ASSERT_EQ(heard.messages.size(), 1U);
  session->accept(heard.messages[0].ack);
  EXPECT_EQ(std::get<mqtt::Ack>(sent().at(0)).type, PacketType::pubrec);
  hear(message(5, 2));
  EXPECT_TRUE(heard.messages.empty());
  hear(ack(PacketType::pubrel, 5));
  auto complete = std::get<mqtt::Ack>(sent().at(0));
  EXPECT_EQ(complete.type, PacketType::pubcomp);
  EXPECT_EQ(complete.reason, Reason::success);
  hear(ack(PacketType::pubrel, 5));
  complete = std::get<mqtt::Ack>(sent().at(0));
  EXPECT_EQ(complete.reason, Reason::packet_identifier_not_found);
  hear(message(5, 2));
  EXPECT_EQ(heard.messages.size(), 1U) << "the identifier is free again";
}

TEST_F(Session, BringsAllPropertiesOfAMessage) {
  begin();
  std::string user;
  mqtt::append_user_property(user, "a", "1");
  for (int i = 0; i < 200; ++i) mqtt::append_user_property(user, "b", "2");
  mqtt::Publish publish;
  publish.topic = "cmd/one";
  publish.qos = 1;
  publish.packet_id = 3;
  publish.properties.content_type = "text/plain";
  publish.properties.response_topic = "r";
  publish.properties.correlation_data = "c";
  publish.properties.message_expiry = 9;
  publish.properties.user = user;
  hear(bytes_of(publish));
  ASSERT_EQ(heard.messages.size(), 1U);
  const auto& m = heard.messages[0];
  EXPECT_EQ(m.content_type, "text/plain");
  EXPECT_EQ(m.response_topic, "r");
  EXPECT_EQ(m.correlation_data, "c");
  EXPECT_EQ(m.expiry, 9U);
  EXPECT_EQ(m.user_properties, user);
}

TEST_F(Session, AsksForQos1AndHearsEachAnswer) {
  begin();
  session->subscribe(std::vector<std::string>{"a/#", "b"});
  const auto packets = sent();
  const auto& subscribe = std::get<mqtt::Subscribe>(packets.at(0));
  ASSERT_EQ(subscribe.entries.size(), 2U);
  EXPECT_EQ(subscribe.entries[0].qos, 1);
  mqtt::Suback suback;
  suback.packet_id = subscribe.packet_id;
  suback.reasons = {Reason::granted_qos1, Reason::not_authorized};
  hear(ack(PacketType::puback, suback.packet_id) + bytes_of(suback));
  EXPECT_EQ(heard.suback, (std::vector<std::uint8_t>{1, 0x87}));
  EXPECT_TRUE(heard.acks.empty());
  hear(bytes_of(suback));
  EXPECT_TRUE(heard.suback.empty()) << "answered already";
}

TEST_F(Session, EndsWithWordsWhenTheServerBreaksTheProtocol) {
  mqtt::Publish aliased;
  aliased.topic = "t";
  aliased.properties.topic_alias = 1;
  const std::vector<std::pair<std::string, Reason>> cases = {
      {"\xff\xff\xff\xff\xff\xff"s, Reason::malformed_packet},
      {"\x30\xff\xff\xff\xff"s, Reason::malformed_packet},
      {"\x30\xff\xff\xff\x7f"s, Reason::packet_too_large},
      {"\x20\x03\x00\x00\x00"s, Reason::protocol_error},         // a second CONNACK
      {"\xc0\x00"s, Reason::protocol_error},                     // PINGREQ
      {"\x50\x02\x00\x01"s, Reason::protocol_error},             // PUBREC of our QoS 1
      {"\xf0\x00"s, Reason::protocol_error},                     // AUTH
      {"\x40\x03\x00\x01\x77"s, Reason::protocol_error},         // PUBACK with a foreign reason
      {"\x32\x05\x00\x01t\x00\x01"s, Reason::malformed_packet},  // no properties
      {"\x90\x03\x00\x01\x00"s, Reason::protocol_error},         // SUBACK without codes
      {bytes_of(aliased), Reason::topic_alias_invalid},
  };
  for (const auto& [bytes, reason] : cases) {
    begin();
    hear(bytes);
    EXPECT_TRUE(ended()) << ::testing::PrintToString(bytes);
    ASSERT_TRUE(heard.loss);
    EXPECT_NE(heard.loss->text.find("broke the protocol"), std::string::npos);
    const auto packets = sent();
    ASSERT_EQ(packets.size(), 1U);
    EXPECT_EQ(std::get<mqtt::Disconnect>(packets[0]).reason, reason) << ::testing::PrintToString(bytes);
    hear(message(1));
    EXPECT_TRUE(heard.messages.empty()) << "nothing is heard after the end";
  }
}

TEST_F(Session, TellsTheServersReasonToDisconnect) {
  begin();
  mqtt::Disconnect disconnect;
  disconnect.reason = Reason::session_taken_over;
  hear(message(1) + bytes_of(disconnect) + message(2));
  EXPECT_EQ(heard.messages.size(), 1U) << "what came before it counts, what comes after it does not";
  ASSERT_TRUE(heard.loss);
  EXPECT_EQ(heard.loss->reason, 0x8e);
}

TEST_F(Session, ConnectFailsInWordsWhateverAnswers) {
  using Kind = ConnectFailure::Kind;
  const std::vector<std::tuple<bool, std::string, Kind, int>> cases = {
      {true, "\x20\x03\x00\x87\x00"s, Kind::refused, 0x87},
      {true, "\x20\x03\x00\x84\x00"s, Kind::version, 0x84},
      {true, "\x20\x02\x00\x01"s, Kind::version, 0x84},  // a server of 3.1.1
      {true, "\x20\x02\x00\x00"s, Kind::version, 0x84},
      {false, "\x20\x02\x00\x05"s, Kind::refused, 0x87},
      {false, "\x20\x02\x00\x07"s, Kind::refused, 0x87},
      {true, "HTTP/1.1 400 Bad Request\r\n"s, Kind::refused, 0},
      {true, "\x30\x03\x00\x01t"s, Kind::refused, 0},            // PUBLISH before CONNACK
      {true, "\x20\x05\x00\x00\x02\x24\x00"s, Kind::refused, 0}  // Maximum QoS 0
  };
  for (const auto& [mqtt5, bytes, kind, reason] : cases) {
    options.mqtt5 = mqtt5;
    session.emplace(options);
    hear(bytes);
    ASSERT_TRUE(heard.failure) << ::testing::PrintToString(bytes);
    EXPECT_EQ(heard.failure->kind, kind) << heard.failure->error.text;
    EXPECT_EQ(heard.failure->reason, reason);
    EXPECT_FALSE(heard.granted);
  }
}

TEST_F(Session, Speaks311WithoutProperties) {
  begin(false);
  EXPECT_FALSE(heard.granted->mqtt5);
  uplink::Publication p;
  p.topic = "t";
  p.payload = "x";
  p.content_type = "text/plain";
  mqtt::append_user_property(p.user_properties, "a", "b");
  session->publish(p, 1);
  EXPECT_EQ(session->out(), "\x32\x06\x00\x01t\x00\x01x"s);
  sent();
  hear(message(1));
  ASSERT_EQ(heard.messages.size(), 1U);
  session->accept(heard.messages[0].ack);
  EXPECT_EQ(session->out(), "\x40\x02\x00\x01"s);
}

}  // namespace
}  // namespace sluice::test
