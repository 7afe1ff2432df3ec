// What the decoder says about a packet, field by field; the golden bytes are in codec_golden_test.cpp.
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "mqtt/codec.hpp"
#include "wire_text.hpp"

namespace sluice::mqtt {
namespace {

// Keeps the bytes that the packet's views point into.
template <class P>
struct Parsed {
  explicit Parsed(std::string_view text, Version version = Version::v5)
      : bytes(wire(text)), decoded(decode(bytes, version)) {
    EXPECT_TRUE(decoded.packet) << decoded.error.text;
  }
  const P* operator->() const { return &std::get<P>(*decoded.packet); }
  std::string bytes;
  Decoded decoded;
};

using Pairs = std::vector<std::pair<std::string, std::string>>;
Pairs pairs(RawUserProperties raw) {
  Pairs all;
  for_each_user_property(
      raw, [&](std::string_view name, std::string_view value) { all.emplace_back(name, value); });
  return all;
}

TEST(Codec, ReadsAConnectOf5WithEverything) {
  const Parsed<Connect> packet(
      "10 {<MQTT> 05 f6 ffff {11 ffffffff 21 0014 27 00010000 22 000a 19 01 17 00 15 <SCRAM> 16 <data> 26 "
      "<a> <b> "
      "26 <a> <c>} <dev> {18 0000003c 01 01 02 00000e10 08 <r/t> 09 <corr> 03 <text/plain> 26 <k> <v>} "
      "<will/t> <bye> <user> <pass>}");
  EXPECT_EQ(packet->version, Version::v5);
  EXPECT_TRUE(packet->clean_start);
  EXPECT_EQ(packet->keep_alive, 0xffff);
  EXPECT_EQ(packet->client_id, "dev");
  EXPECT_EQ(packet->username, "user");
  EXPECT_EQ(packet->password, "pass");
  EXPECT_EQ(packet->session_expiry, 0xffffffffU);
  EXPECT_EQ(packet->receive_maximum, 20);
  EXPECT_EQ(packet->maximum_packet_size, 65536U);
  EXPECT_EQ(packet->topic_alias_maximum, 10);
  EXPECT_TRUE(packet->request_response_information);
  EXPECT_FALSE(packet->request_problem_information);
  EXPECT_EQ(packet->authentication_method, "SCRAM");
  EXPECT_EQ(packet->authentication_data, "data");
  EXPECT_EQ(pairs(packet->user), (Pairs{{"a", "b"}, {"a", "c"}}));
  ASSERT_TRUE(packet->will);
  EXPECT_EQ(packet->will->topic, "will/t");
  EXPECT_EQ(packet->will->payload, "bye");
  EXPECT_EQ(packet->will->qos, 2);
  EXPECT_TRUE(packet->will->retain);
  EXPECT_EQ(packet->will->delay, 60U);
  EXPECT_EQ(packet->will->properties.payload_format, 1);
  EXPECT_EQ(packet->will->properties.message_expiry, 3600U);
  EXPECT_EQ(packet->will->properties.response_topic, "r/t");
  EXPECT_EQ(packet->will->properties.correlation_data, "corr");
  EXPECT_EQ(packet->will->properties.content_type, "text/plain");
  EXPECT_EQ(pairs(packet->will->properties.user), (Pairs{{"k", "v"}}));
}

TEST(Codec, ReadsAConnectOf311WhateverVersionIsAskedFor) {
  const Parsed<Connect> packet("10 {<MQTT> 04 cc 000a <dev-1> <w> <gone> <user> <>}");
  EXPECT_EQ(packet->version, Version::v311);
  EXPECT_FALSE(packet->clean_start);
  EXPECT_EQ(packet->will->qos, 1);
  EXPECT_FALSE(packet->will->retain);
  EXPECT_EQ(packet->password, "");
  EXPECT_FALSE(packet->session_expiry);
}

TEST(Codec, LeavesWhatAConnectDoesNotSayAtItsDefault) {  // 3.1.2.11
  const Parsed<Connect> packet("10 {<MQTT> 05 00 0000 {} <>}");
  EXPECT_FALSE(packet->clean_start);
  EXPECT_FALSE(packet->will || packet->username || packet->password || packet->session_expiry ||
               packet->receive_maximum || packet->maximum_packet_size || packet->authentication_method);
  EXPECT_EQ(packet->topic_alias_maximum, 0);
  EXPECT_FALSE(packet->request_response_information);
  EXPECT_TRUE(packet->request_problem_information);
  EXPECT_TRUE(packet->user.empty());
}

TEST(Codec, ReadsAConnackOf5WithEverything) {
  const Parsed<Connack> packet(
      "20 {00 00 {11 00000e10 21 0100 24 01 25 00 27 00020000 12 <auto-7> 22 0020 1f <fine> 26 <a> <b> 28 01 "
      "29 00 2a "
      "01 13 04b0 1a <resp/> 1c <other:8883> 15 <SCRAM> 16 <data>}}");
  EXPECT_EQ(packet->session_expiry, 3600U);
  EXPECT_EQ(packet->receive_maximum, 256);
  EXPECT_EQ(packet->maximum_qos, 1);
  EXPECT_EQ(packet->retain_available, false);
  EXPECT_EQ(packet->maximum_packet_size, 131072U);
  EXPECT_EQ(packet->assigned_client_id, "auto-7");
  EXPECT_EQ(packet->topic_alias_maximum, 32);
  EXPECT_EQ(packet->reason_string, "fine");
  EXPECT_EQ(packet->wildcard_available, true);
  EXPECT_EQ(packet->subscription_identifiers_available, false);
  EXPECT_EQ(packet->shared_available, true);
  EXPECT_EQ(packet->server_keep_alive, 1200);
  EXPECT_EQ(packet->response_information, "resp/");
  EXPECT_EQ(packet->server_reference, "other:8883");
  EXPECT_EQ(packet->authentication_method, "SCRAM");
  EXPECT_EQ(packet->authentication_data, "data");
  EXPECT_EQ(pairs(packet->user), (Pairs{{"a", "b"}}));
}

TEST(Codec, ReadsAPublishWithEverything) {
  const Parsed<Publish> packet(
      "3d {<a/b> 1234 {01 01 02 0000000a 23 0001 08 <re/ply> 09 <\x01\x02> 0b 01 0b ff ff ff 7f 03 <json>} "
      "'{}'}");
  EXPECT_EQ(packet->topic, "a/b");
  EXPECT_EQ(packet->payload, "{}");
  EXPECT_EQ(packet->packet_id, 0x1234);
  EXPECT_EQ(packet->qos, 2);
  EXPECT_TRUE(packet->dup);
  EXPECT_TRUE(packet->retain);
  EXPECT_EQ(packet->properties.payload_format, 1);
  EXPECT_EQ(packet->properties.message_expiry, 10U);
  EXPECT_EQ(packet->properties.topic_alias, 1);
  EXPECT_EQ(packet->properties.response_topic, "re/ply");
  EXPECT_EQ(packet->properties.correlation_data, "\x01\x02");
  EXPECT_EQ(packet->properties.content_type, "json");
  EXPECT_EQ(packet->properties.subscription_identifiers, (std::vector<std::uint32_t>{1, 268'435'455}));
}

TEST(Codec, ReadsAPublishIntoAUsedValueWithoutATraceOfTheOldOne) {
  Publish publish;
  DecodeError error;
  FixedHeader header;
  const std::string full =
      wire("3d {<a/b> 1234 {01 01 02 0000000a 23 0001 08 <r> 09 <c> 0b 01 03 <j> 26 <a> <b>} 'x'}");
  ASSERT_EQ(read_fixed_header(full, header), HeaderStatus::complete);
  ASSERT_TRUE(decode_publish(full, header, Version::v5, publish, error));
  for (Version version : {Version::v5, Version::v311}) {
    const std::string bare = wire(version == Version::v5 ? "30 {<c> {} 'y'}" : "30 {<c> 'y'}");
    ASSERT_EQ(read_fixed_header(bare, header), HeaderStatus::complete);
    ASSERT_TRUE(decode_publish(bare, header, version, publish, error));
    std::string again;
    encode(publish, Version::v5, again);
    EXPECT_EQ(hex(again), hex(wire("30 {<c> {} 'y'}")));
    EXPECT_EQ(publish.packet_id, 0);
  }
}

TEST(Codec, RefusesInTheHotPathWhatDecodeRefuses) {
  for (const char* text : {"32 {<a> 0000 {}}", "30 {<> {}}", "30 {<a/#> {}}", "30 {<a> {26 <a> <b> 21 0001}}",
                           "30 {<\xff> {}}"}) {
    const std::string bytes = wire(text);
    FixedHeader header;
    ASSERT_EQ(read_fixed_header(bytes, header), HeaderStatus::complete);
    Publish publish;
    DecodeError error;
    EXPECT_FALSE(decode_publish(bytes, header, Version::v5, publish, error)) << text;
    const Decoded decoded = decode(bytes, Version::v5);
    ASSERT_FALSE(decoded.packet) << text;
    EXPECT_EQ(error.reason, decoded.error.reason) << text;
    EXPECT_STREQ(error.text, decoded.error.text);
    EXPECT_FALSE(decode_publish(bytes + "x", header, Version::v5, publish, error))
        << "longer than the header says";
  }
}

TEST(Codec, ReadsAcknowledgements) {
  const Parsed<Ack> bare("40 {0001}");
  EXPECT_EQ(bare->type, PacketType::puback);
  EXPECT_EQ(bare->packet_id, 1);
  EXPECT_EQ(bare->reason, Reason::success);
  const Parsed<Ack> full("62 {fffe 92 {1f <who> 26 <a> <b>}}");
  EXPECT_EQ(full->type, PacketType::pubrel);
  EXPECT_EQ(full->packet_id, 0xfffe);
  EXPECT_EQ(full->reason, Reason::packet_identifier_not_found);
  EXPECT_EQ(full->reason_string, "who");
  EXPECT_EQ(pairs(full->user), (Pairs{{"a", "b"}}));
  const Parsed<Ack> empty_block("40 {0001 00 {}}");  // allowed, if longer than needed
  EXPECT_EQ(empty_block->reason, Reason::success);
}

TEST(Codec, ReadsASubscribe) {
  const Parsed<Subscribe> packet("82 {0007 {0b ff 7f} <a> 00 <+/b> 16 <$share/g/x/#> 29}");
  EXPECT_EQ(packet->packet_id, 7);
  EXPECT_EQ(packet->subscription_identifier, 16383U);
  ASSERT_EQ(packet->entries.size(), 3U);
  EXPECT_EQ(packet->entries[0].filter, "a");
  EXPECT_EQ(packet->entries[1].filter, "+/b");
  EXPECT_EQ(packet->entries[1].qos, 2);
  EXPECT_TRUE(packet->entries[1].no_local);
  EXPECT_FALSE(packet->entries[1].retain_as_published);
  EXPECT_EQ(packet->entries[1].retain_handling, 1);
  EXPECT_EQ(packet->entries[2].qos, 1);
  EXPECT_FALSE(packet->entries[2].no_local);
  EXPECT_TRUE(packet->entries[2].retain_as_published);
  EXPECT_EQ(packet->entries[2].retain_handling, 2);
}

TEST(Codec, ReadsTheOtherPackets) {
  EXPECT_EQ((Parsed<Unsubscribe>("a2 {0001 {} <a> <b/#>}")->filters),
            (std::vector<std::string_view>{"a", "b/#"}));
  const Parsed<Suback> suback("90 {0003 {1f <no> 26 <a> <b>} 01 87}");
  EXPECT_EQ(suback->packet_id, 3);
  EXPECT_EQ(suback->reasons, (std::vector<Reason>{Reason::granted_qos1, Reason::not_authorized}));
  EXPECT_EQ(suback->reason_string, "no");
  EXPECT_EQ(pairs(suback->user), (Pairs{{"a", "b"}}));
  EXPECT_EQ((Parsed<Unsuback>("b0 {0001 {} 11}")->reasons),
            std::vector<Reason>{Reason::no_subscription_existed});
  EXPECT_TRUE((Parsed<Unsuback>("b0 {0001}", Version::v311)->reasons.empty()));
  const Parsed<Disconnect> disconnect("e0 {9d {11 0000000a 1f <moved> 1c <b:1883> 26 <a> <b>}}");
  EXPECT_EQ(disconnect->reason, Reason::server_moved);
  EXPECT_EQ(disconnect->session_expiry, 10U);
  EXPECT_EQ(disconnect->reason_string, "moved");
  EXPECT_EQ(disconnect->server_reference, "b:1883");
  EXPECT_EQ(pairs(disconnect->user), (Pairs{{"a", "b"}}));
  const Parsed<Auth> auth("f0 {18 {15 <SCRAM> 16 <data> 1f <go on> 26 <a> <b>}}");
  EXPECT_EQ(auth->reason, Reason::continue_authentication);
  EXPECT_EQ(auth->method, "SCRAM");
  EXPECT_EQ(auth->data, "data");
  EXPECT_EQ(auth->reason_string, "go on");
  EXPECT_EQ(pairs(auth->user), (Pairs{{"a", "b"}}));
}

TEST(Codec, MapsReasonsToWhat311Has) {
  struct Row {
    Reason reason;
    const char* connack;
  };
  for (const Row& row : {Row{Reason::success, "20 02 00 00"},
                         {Reason::unsupported_protocol_version, "20 02 00 01"},
                         {Reason::client_identifier_not_valid, "20 02 00 02"},
                         {Reason::server_busy, "20 02 00 03"},
                         {Reason::bad_user_name_or_password, "20 02 00 04"},
                         {Reason::not_authorized, "20 02 00 05"},
                         {Reason::banned, "20 02 00 05"},
                         {Reason::quota_exceeded, "20 02 00 03"}}) {
    Connack packet;
    packet.reason = row.reason;
    packet.reason_string = "left out";
    EXPECT_EQ(hex(encoded(packet, Version::v311)), hex(wire(row.connack)));
  }
  EXPECT_EQ((Parsed<Connack>("20 {00 07}", Version::v311)->reason), Reason::not_authorized)
      << "AWS's own code";
  Suback suback;
  suback.packet_id = 1;
  suback.reasons = {Reason::granted_qos1, Reason::not_authorized, Reason::quota_exceeded};
  EXPECT_EQ(hex(encoded(suback, Version::v311)), hex(wire("90 {0001 01 80 80}")));
}

TEST(Codec, LeavesOutWhat311DoesNotHave) {
  Ack ack{PacketType::puback, 9, Reason::quota_exceeded, "full", {}};
  EXPECT_EQ(hex(encoded(ack, Version::v311)), hex(wire("40 {0009}")));
  Disconnect disconnect;
  disconnect.reason = Reason::server_moved;
  disconnect.reason_string = "moved";
  EXPECT_EQ(hex(encoded(disconnect, Version::v311)), hex(wire("e0 {}")));
  Publish publish;
  publish.topic = "a";
  publish.properties.message_expiry = 7;
  EXPECT_EQ(hex(encoded(publish, Version::v311)), hex(wire("30 {<a>}")));
  EXPECT_EQ(encoded_size(publish, Version::v311), 5U);
  Unsuback unsuback;
  unsuback.packet_id = 1;
  unsuback.reasons = {Reason::success};
  EXPECT_EQ(hex(encoded(unsuback, Version::v311)), hex(wire("b0 {0001}")));
}

TEST(Codec, NeverSaysSessionPresentInARefusal) {  // [MQTT-3.2.2-6]
  Connack packet;
  packet.session_present = true;
  packet.reason = Reason::not_authorized;
  EXPECT_EQ(hex(encoded(packet, Version::v5)), hex(wire("20 {00 87 {}}")));
  EXPECT_EQ(hex(encoded(packet, Version::v311)), hex(wire("20 {00 05}")));
}

TEST(Codec, WritesBareAcknowledgements) {
  for (PacketType type : {PacketType::puback, PacketType::pubrec, PacketType::pubrel, PacketType::pubcomp}) {
    std::string out;
    encode_ack(type, 0xabcd, out);
    EXPECT_EQ(hex(out), hex(encoded(Ack{type, 0xabcd, Reason::success, {}, {}}, Version::v5)));
  }
}

TEST(Codec, KnowsTheSizeOfAPublishBeforeItIsWritten) {
  const std::string payload(3'000'000, 'x');
  std::string user;
  for (int i = 0; i < 40; ++i) append_user_property(user, "name", "a value of some length");
  for (std::size_t size : {0U, 1U, 100U, 117U, 118U, 119U, 120U, 121U, 122U, 16'000U, 16'375U, 16'384U,
                           2'097'142U, 3'000'000U}) {
    for (Version version : {Version::v311, Version::v5}) {
      for (std::uint8_t qos : {0, 1}) {
        Publish publish;
        publish.topic = "a/b";
        publish.payload = std::string_view(payload).substr(0, size);
        publish.qos = qos;
        publish.packet_id = qos;
        publish.properties.user = user;
        publish.properties.correlation_data = std::string_view(payload).substr(0, size % 65'536);
        const std::string bytes = encoded(publish, version);
        EXPECT_EQ(encoded_size(publish, version), bytes.size());
        EXPECT_TRUE(decode(bytes, version).packet);
      }
    }
  }
}

TEST(Codec, NamesTheProtocolLevelOfABrokenConnect) {
  EXPECT_EQ(protocol_level(wire("10 {<MQTT> 05 ff}")), 5);
  EXPECT_EQ(protocol_level(wire("10 {<MQTT> 04 01 003c <a>}")), 4);
  EXPECT_EQ(protocol_level(wire("10 {<MQIsdp> 03 02 003c <a>}")), 3);
  EXPECT_EQ(protocol_level(wire("10 {<MQTT> 06}")), 6);
  for (const char* text : {"", "10", "10 {}", "10 {<MQTT>}", "10 {<HTTP> 05}", "30 {<MQTT> 05}"}) {
    EXPECT_EQ(protocol_level(wire(text)), 0) << text;
  }
}

TEST(Codec, HasAWordForEveryReason) {
  EXPECT_EQ(to_string(Reason::not_authorized), "Not authorized");
  EXPECT_EQ(to_string(Reason::wildcard_subscriptions_not_supported), "Wildcard Subscriptions not supported");
  EXPECT_EQ(to_string(static_cast<Reason>(0x05)), "unknown reason code");
}

}  // namespace
}  // namespace sluice::mqtt
