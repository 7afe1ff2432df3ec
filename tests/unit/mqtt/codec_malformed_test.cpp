// What must be refused, with the reason: one row for each sentence of the specification that forbids it.
// Properties have their own tables in codec_properties_test.cpp, single bytes in codec_golden_test.cpp.
#include <gtest/gtest.h>

#include "mqtt/codec.hpp"
#include "wire_text.hpp"

namespace sluice::mqtt {
namespace {

constexpr Version k4 = Version::v311, k5 = Version::v5;
constexpr Reason kMalformed = Reason::malformed_packet, kProtocol = Reason::protocol_error,
                 kName = Reason::topic_name_invalid, kFilter = Reason::topic_filter_invalid,
                 kVersion = Reason::unsupported_protocol_version, kAlias = Reason::topic_alias_invalid;

struct Broken {
  const char* why;
  Version version;
  const char* text;
  Reason reason;
};

template <std::size_t N>
void expect_refused(const Broken (&rows)[N]) {
  for (const Broken& row : rows) {
    const Decoded decoded = decode(wire(row.text), row.version);
    EXPECT_FALSE(decoded.packet) << row.why << ": " << row.text;
    EXPECT_EQ(to_string(decoded.error.reason), to_string(row.reason))
        << row.why << ": " << decoded.error.text;
    EXPECT_NE(std::string_view(decoded.error.text), "") << row.why;
  }
}

TEST(CodecRefuses, BrokenHeaders) {
  const Broken rows[] = {
      {"nothing", k5, "", kMalformed},
      {"one byte", k5, "c0", kMalformed},
      {"type 0", k5, "00 00", kMalformed},
      {"AUTH in 3.1.1", k4, "f0 {}", kMalformed},
      {"AUTH in 3.1.1, whole", k4, "f0 {18 {15 <m>}}", kMalformed},
      {"CONNECT flags", k5, "11 {<MQTT> 05 02 003c {} <a>}", kMalformed},
      {"CONNACK flags", k5, "21 {00 00 {}}", kMalformed},
      {"PUBACK flags", k5, "42 {0001}", kMalformed},
      {"PUBREC flags", k5, "51 {0001}", kMalformed},
      {"PUBREL flags", k5, "60 {0001}", kMalformed},
      {"PUBREL flags 3", k5, "63 {0001}", kMalformed},
      {"PUBCOMP flags", k5, "78 {0001}", kMalformed},
      {"SUBSCRIBE flags", k5, "80 {0001 {} <a> 00}", kMalformed},
      {"SUBACK flags", k5, "92 {0001 {} 00}", kMalformed},
      {"UNSUBSCRIBE flags", k5, "a0 {0001 {} <a>}", kMalformed},
      {"UNSUBACK flags", k5, "b2 {0001 {} 00}", kMalformed},
      {"PINGREQ flags", k5, "c1 {}", kMalformed},
      {"PINGRESP flags", k5, "d8 {}", kMalformed},
      {"DISCONNECT flags", k5, "e2 {}", kMalformed},
      {"AUTH flags", k5, "f4 {}", kMalformed},
      {"PINGREQ with a body", k5, "c0 {00}", kMalformed},
      {"PINGRESP with a body", k4, "d0 {00}", kMalformed},
      {"remaining length padded", k5, "c0 80 00", kMalformed},
      {"remaining length of five bytes", k5, "c0 80 80 80 80 00", kMalformed},
      {"shorter than the header says", k5, "40 03 0001", kMalformed},
      {"longer than the header says", k5, "40 02 0001 00", kMalformed},
  };
  expect_refused(rows);
}

TEST(CodecRefuses, BrokenConnects) {
  const Broken rows[] = {
      {"empty", k5, "10 {}", kMalformed},
      {"name cut short", k5, "10 {0004 'MQT'}", kMalformed},
      {"name only", k5, "10 {<MQTT>}", kMalformed},
      {"other name", k5, "10 {<mqtt> 05 02 003c {} <a>}", kMalformed},
      {"other name, longer", k5, "10 {<MQTTT> 05 02 003c {} <a>}", kMalformed},
      {"no name", k5, "10 {<> 05 02 003c {} <a>}", kMalformed},
      {"MQTT 3.1", k5, "10 {<MQIsdp> 03 02 003c <a>}", kVersion},
      {"level 0", k5, "10 {<MQTT> 00 02 003c <a>}", kVersion},
      {"level 3", k5, "10 {<MQTT> 03 02 003c <a>}", kVersion},
      {"level 6", k5, "10 {<MQTT> 06 02 003c {} <a>}", kVersion},
      {"level 6 with unknown rest", k5, "10 {<MQTT> 06}", kVersion},
      {"bridge's level 0x84", k4, "10 {<MQTT> 84 02 003c <a>}", kVersion},
      {"no flags", k5, "10 {<MQTT> 05}", kMalformed},
      {"no keep alive", k5, "10 {<MQTT> 05 02}", kMalformed},
      {"half a keep alive", k5, "10 {<MQTT> 05 02 00}", kMalformed},
      {"reserved flag, 3.1.1", k4, "10 {<MQTT> 04 03 003c <a>}", kMalformed},
      {"reserved flag, 5", k5, "10 {<MQTT> 05 03 003c {} <a>}", kMalformed},
      {"will QoS 3, 3.1.1", k4, "10 {<MQTT> 04 1e 003c <a> <w> <x>}", kMalformed},
      {"will QoS 3, 5", k5, "10 {<MQTT> 05 1e 003c {} <a> {} <w> <x>}", kMalformed},
      {"will QoS 1 without will, 3.1.1", k4, "10 {<MQTT> 04 0a 003c <a>}", kMalformed},
      {"will QoS 2 without will, 5", k5, "10 {<MQTT> 05 12 003c {} <a>}", kMalformed},
      {"will QoS 3 without will", k5, "10 {<MQTT> 05 1a 003c {} <a>}", kMalformed},
      {"will retain without will, 3.1.1", k4, "10 {<MQTT> 04 22 003c <a>}", kMalformed},
      {"will retain without will, 5", k5, "10 {<MQTT> 05 22 003c {} <a>}", kMalformed},
      {"password without user name, 3.1.1", k4, "10 {<MQTT> 04 42 003c <a> <secret>}", kMalformed},
      {"no client id, 3.1.1", k4, "10 {<MQTT> 04 02 003c}", kMalformed},
      {"no client id, 5", k5, "10 {<MQTT> 05 02 003c {}}", kMalformed},
      {"client id cut short", k4, "10 {<MQTT> 04 02 003c 0004 'abc'}", kMalformed},
      {"client id not UTF-8", k4, "10 {<MQTT> 04 02 003c 0002 c328}", kMalformed},
      {"client id with zero", k5, "10 {<MQTT> 05 02 003c {} 0003 'a' 00 'b'}", kMalformed},
      {"client id with a surrogate", k5, "10 {<MQTT> 05 02 003c {} 0003 eda080}", kMalformed},
      {"client id with an overlong", k5, "10 {<MQTT> 05 02 003c {} 0002 c0af}", kMalformed},
      {"will flag but no will, 3.1.1", k4, "10 {<MQTT> 04 06 003c <a>}", kMalformed},
      {"will without payload", k4, "10 {<MQTT> 04 06 003c <a> <w>}", kMalformed},
      {"will payload cut short", k4, "10 {<MQTT> 04 06 003c <a> <w> 0002 'x'}", kMalformed},
      {"will without properties, 5", k5, "10 {<MQTT> 05 06 003c {} <a>}", kMalformed},
      {"will topic with +", k4, "10 {<MQTT> 04 06 003c <a> <w/+> <x>}", kName},
      {"will topic with #", k5, "10 {<MQTT> 05 06 003c {} <a> {} <#> <x>}", kName},
      {"will topic empty", k5, "10 {<MQTT> 05 06 003c {} <a> {} <> <x>}", kName},
      {"will topic not UTF-8", k5, "10 {<MQTT> 05 06 003c {} <a> {} 0001 ff <x>}", kMalformed},
      {"will payload format 2", k5, "10 {<MQTT> 05 06 003c {} <a> {01 02} <w> <x>}", kProtocol},
      {"will response topic with #", k5, "10 {<MQTT> 05 06 003c {} <a> {08 <a/#>} <w> <x>}", kName},
      {"user name missing, 3.1.1", k4, "10 {<MQTT> 04 82 003c <a>}", kMalformed},
      {"user name missing, 5", k5, "10 {<MQTT> 05 82 003c {} <a>}", kMalformed},
      {"user name not UTF-8", k4, "10 {<MQTT> 04 82 003c <a> 0001 80}", kMalformed},
      {"password missing", k4, "10 {<MQTT> 04 c2 003c <a> <user>}", kMalformed},
      {"password cut short", k5, "10 {<MQTT> 05 c2 003c {} <a> <user> 0003 'ab'}", kMalformed},
      {"more than is said, 3.1.1", k4, "10 {<MQTT> 04 02 003c <a> 00}", kMalformed},
      {"a user name that the flags do not have", k5, "10 {<MQTT> 05 02 003c {} <a> <user>}", kMalformed},
      {"receive maximum 0", k5, "10 {<MQTT> 05 02 003c {21 0000} <a>}", kProtocol},
      {"maximum packet size 0", k5, "10 {<MQTT> 05 02 003c {27 00000000} <a>}", kProtocol},
      {"request problem information 2", k5, "10 {<MQTT> 05 02 003c {17 02} <a>}", kProtocol},
      {"request response information 2", k5, "10 {<MQTT> 05 02 003c {19 02} <a>}", kProtocol},
      {"authentication data without method", k5, "10 {<MQTT> 05 02 003c {16 <x>} <a>}", kProtocol},
      {"will delay outside the will", k5, "10 {<MQTT> 05 02 003c {18 00000001} <a>}", kMalformed},
  };
  expect_refused(rows);
}

TEST(CodecRefuses, BrokenConnacks) {
  const Broken rows[] = {
      {"empty", k4, "20 {}", kMalformed},
      {"one byte", k5, "20 {00}", kMalformed},
      {"reserved flags, 3.1.1", k4, "20 {02 00}", kMalformed},
      {"reserved flags, 5", k5, "20 {81 00 {}}", kMalformed},
      {"three bytes, 3.1.1", k4, "20 {00 00 00}", kMalformed},
      {"return code 6, 3.1.1", k4, "20 {00 06}", kMalformed},
      {"return code 0x80, 3.1.1", k4, "20 {00 80}", kMalformed},
      {"session present in a refusal, 3.1.1", k4, "20 {01 05}", kProtocol},
      {"session present in a refusal, 5", k5, "20 {01 87 {}}", kProtocol},
      {"reason code of others", k5, "20 {00 01 {}}", kProtocol},
      {"reason code of DISCONNECT", k5, "20 {00 8e {}}", kProtocol},
      {"unknown reason code", k5, "20 {00 ff {}}", kProtocol},
      {"bytes after the properties", k5, "20 {00 00 {} 00}", kMalformed},
      {"maximum QoS 2", k5, "20 {00 00 {24 02}}", kProtocol},
      {"retain available 2", k5, "20 {00 00 {25 02}}", kProtocol},
      {"wildcard available 2", k5, "20 {00 00 {28 02}}", kProtocol},
      {"subscription identifiers available 2", k5, "20 {00 00 {29 ff}}", kProtocol},
      {"shared available 2", k5, "20 {00 00 {2a 02}}", kProtocol},
      {"receive maximum 0", k5, "20 {00 00 {21 0000}}", kProtocol},
      {"maximum packet size 0", k5, "20 {00 00 {27 00000000}}", kProtocol},
      {"authentication data without method", k5, "20 {00 00 {16 <x>}}", kProtocol},
  };
  expect_refused(rows);
}

TEST(CodecRefuses, BrokenPublishes) {
  const Broken rows[] = {
      {"QoS 3", k4, "36 {<a> 0001 'x'}", kMalformed},
      {"QoS 3, dup, retain", k5, "3f {<a> 0001 {} 'x'}", kMalformed},
      {"dup with QoS 0", k4, "38 {<a> 'x'}", kMalformed},
      {"dup with QoS 0, 5", k5, "39 {<a> {} 'x'}", kMalformed},
      {"empty", k4, "30 {}", kMalformed},
      {"half a length", k4, "30 {00}", kMalformed},
      {"topic cut short", k4, "30 {0005 'abc'}", kMalformed},
      {"topic not UTF-8", k4, "30 {0002 'a' ff 'x'}", kMalformed},
      {"topic with zero", k4, "30 {0002 'a' 00 'x'}", kMalformed},
      {"topic with a surrogate", k5, "30 {0003 eda080 {} 'x'}", kMalformed},
      {"topic with an overlong zero", k5, "30 {0002 c080 {} 'x'}", kMalformed},
      {"topic with +", k4, "30 {<a/+> 'x'}", kName},
      {"topic with # inside", k4, "30 {<a#b> 'x'}", kName},
      {"topic #", k5, "30 {<#> {} 'x'}", kName},
      {"empty topic, 3.1.1", k4, "30 {<> 'x'}", kMalformed},
      {"empty topic without alias, 5", k5, "30 {<> {} 'x'}", kProtocol},
      {"no packet id, 3.1.1", k4, "32 {<a>}", kMalformed},
      {"half a packet id", k4, "32 {<a> 00}", kMalformed},
      {"packet id 0, 3.1.1", k4, "32 {<a> 0000 'x'}", kProtocol},
      {"packet id 0, 5", k5, "34 {<a> 0000 {} 'x'}", kProtocol},
      {"no properties, 5", k5, "32 {<a> 0001}", kMalformed},
      {"payload format 2", k5, "30 {<a> {01 02} 'x'}", kProtocol},
      {"topic alias 0", k5, "30 {<a> {23 0000} 'x'}", kAlias},
      {"topic alias 0 without topic", k5, "30 {<> {23 0000} 'x'}", kAlias},
      {"subscription identifier 0", k5, "30 {<a> {0b 00} 'x'}", kProtocol},
      {"subscription identifier of five bytes", k5, "30 {<a> {0b 80 80 80 80 01} 'x'}", kMalformed},
      {"subscription identifier padded", k5, "30 {<a> {0b 81 00} 'x'}", kMalformed},
      {"response topic with +", k5, "30 {<a> {08 <+>} 'x'}", kName},
      {"response topic empty", k5, "30 {<a> {08 <>} 'x'}", kName},
      {"two topic aliases", k5, "30 {<a> {23 0001 23 0002} 'x'}", kProtocol},
      {"two expiries", k5, "30 {<a> {02 00000001 02 00000001} 'x'}", kProtocol},
  };
  expect_refused(rows);
}

TEST(CodecRefuses, BrokenAcknowledgements) {
  const Broken rows[] = {
      {"PUBACK empty", k4, "40 {}", kMalformed},
      {"PUBACK of one byte", k5, "40 {01}", kMalformed},
      {"PUBACK id 0, 3.1.1", k4, "40 {0000}", kProtocol},
      {"PUBREC id 0, 5", k5, "50 {0000}", kProtocol},
      {"PUBREL id 0, 5", k5, "62 {0000 00}", kProtocol},
      {"PUBCOMP id 0, 5", k5, "70 {0000}", kProtocol},
      {"PUBACK of three bytes, 3.1.1", k4, "40 {0001 00}", kMalformed},
      {"PUBREC of three bytes, 3.1.1", k4, "50 {0001 00}", kMalformed},
      {"PUBREL of four bytes, 3.1.1", k4, "62 {0001 00 00}", kMalformed},
      {"PUBCOMP of three bytes, 3.1.1", k4, "70 {0001 00}", kMalformed},
      {"PUBACK with PUBREL's reason", k5, "40 {0001 92}", kProtocol},
      {"PUBACK with QoS granted", k5, "40 {0001 01}", kProtocol},
      {"PUBACK with CONNACK's reason", k5, "40 {0001 85}", kProtocol},
      {"PUBREC with an unknown reason", k5, "50 {0001 fe}", kProtocol},
      {"PUBREL with PUBACK's reason", k5, "62 {0001 10}", kProtocol},
      {"PUBREL with an error of PUBACK", k5, "62 {0001 80}", kProtocol},
      {"PUBCOMP with PUBACK's reason", k5, "70 {0001 97}", kProtocol},
      {"bytes after the properties", k5, "40 {0001 00 {} 00}", kMalformed},
      {"properties cut short", k5, "40 {0001 00 05 1f <a>}", kMalformed},
  };
  expect_refused(rows);
}

TEST(CodecRefuses, BrokenSubscribes) {
  const Broken rows[] = {
      {"empty", k4, "82 {}", kMalformed},
      {"id only, 3.1.1", k4, "82 {0001}", kProtocol},
      {"no filter, 5", k5, "82 {0001 {}}", kProtocol},
      {"id 0, 3.1.1", k4, "82 {0000 <a> 00}", kProtocol},
      {"id 0, 5", k5, "82 {0000 {} <a> 00}", kProtocol},
      {"no options", k4, "82 {0001 <a>}", kMalformed},
      {"second filter without options", k5, "82 {0001 {} <a> 00 <b>}", kMalformed},
      {"filter cut short", k4, "82 {0001 0004 'abc'}", kMalformed},
      {"filter not UTF-8", k4, "82 {0001 0001 ff 00}", kMalformed},
      {"filter with zero", k5, "82 {0001 {} 0001 00 00}", kMalformed},
      {"filter empty, 3.1.1", k4, "82 {0001 <> 00}", kFilter},
      {"filter empty, 5", k5, "82 {0001 {} <> 00}", kFilter},
      {"filter with # inside", k5, "82 {0001 {} <a/#/b> 00}", kFilter},
      {"filter with a#", k4, "82 {0001 <a#> 00}", kFilter},
      {"filter with a+", k4, "82 {0001 <a+> 00}", kFilter},
      {"share name empty", k5, "82 {0001 {} <$share//a> 00}", kFilter},
      {"share name with +", k5, "82 {0001 {} <$share/+/a> 00}", kFilter},
      {"share without filter", k5, "82 {0001 {} <$share/g> 00}", kFilter},
      {"share with empty filter", k5, "82 {0001 {} <$share/g/> 00}", kFilter},
      {"QoS 3, 3.1.1", k4, "82 {0001 <a> 03}", kMalformed},
      {"reserved bits, 3.1.1", k4, "82 {0001 <a> 04}", kMalformed},
      {"options of 5 in 3.1.1", k4, "82 {0001 <a> 2d}", kMalformed},
      {"QoS 3, 5", k5, "82 {0001 {} <a> 03}", kProtocol},
      {"retain handling 3", k5, "82 {0001 {} <a> 30}", kProtocol},
      {"reserved bit 6", k5, "82 {0001 {} <a> 40}", kMalformed},
      {"reserved bit 7", k5, "82 {0001 {} <a> 80}", kMalformed},
      {"no local on a shared filter", k5, "82 {0001 {} <$share/g/a> 05}", kProtocol},
      {"the second filter is broken", k5, "82 {0001 {} <a> 00 <b> 03}", kProtocol},
      {"subscription identifier 0", k5, "82 {0001 {0b 00} <a> 00}", kProtocol},
      {"two subscription identifiers", k5, "82 {0001 {0b 01 0b 02} <a> 00}", kProtocol},
      {"subscription identifier too large", k5, "82 {0001 {0b ff ff ff ff 01} <a> 00}", kMalformed},
      {"UNSUBSCRIBE empty", k4, "a2 {}", kMalformed},
      {"UNSUBSCRIBE without filter, 3.1.1", k4, "a2 {0001}", kProtocol},
      {"UNSUBSCRIBE without filter, 5", k5, "a2 {0001 {}}", kProtocol},
      {"UNSUBSCRIBE id 0", k5, "a2 {0000 {} <a>}", kProtocol},
      {"UNSUBSCRIBE filter cut short", k4, "a2 {0001 <a> 00}", kMalformed},
      {"UNSUBSCRIBE filter not UTF-8", k4, "a2 {0001 0001 c0}", kMalformed},
      {"UNSUBSCRIBE filter invalid", k5, "a2 {0001 {} <a/#/b>}", kFilter},
      {"UNSUBSCRIBE filter empty", k4, "a2 {0001 <>}", kFilter},
  };
  expect_refused(rows);
}

TEST(CodecRefuses, BrokenAnswersToSubscribes) {
  const Broken rows[] = {
      {"SUBACK empty", k4, "90 {}", kMalformed},
      {"SUBACK id 0", k4, "90 {0000 00}", kProtocol},
      {"SUBACK without codes, 3.1.1", k4, "90 {0001}", kProtocol},
      {"SUBACK without codes, 5", k5, "90 {0001 {}}", kProtocol},
      {"SUBACK code 3, 3.1.1", k4, "90 {0001 03}", kProtocol},
      {"SUBACK code of 5 in 3.1.1", k4, "90 {0001 87}", kProtocol},
      {"SUBACK with a foreign code", k5, "90 {0001 {} 00 11}", kProtocol},
      {"UNSUBACK with codes, 3.1.1", k4, "b0 {0001 00}", kMalformed},
      {"UNSUBACK without codes, 5", k5, "b0 {0001 {}}", kProtocol},
      {"UNSUBACK with a foreign code", k5, "b0 {0001 {} 01}", kProtocol},
      {"UNSUBACK id 0", k5, "b0 {0000 {} 00}", kProtocol},
  };
  expect_refused(rows);
}

TEST(CodecRefuses, BrokenDisconnectsAndAuths) {
  const Broken rows[] = {
      {"DISCONNECT with a body, 3.1.1", k4, "e0 {00}", kMalformed},
      {"DISCONNECT with QoS granted", k5, "e0 {01}", kProtocol},
      {"DISCONNECT with CONNACK's reason", k5, "e0 {84}", kProtocol},
      {"DISCONNECT with an unknown reason", k5, "e0 {7f}", kProtocol},
      {"DISCONNECT with bytes after the properties", k5, "e0 {00 {} 00}", kMalformed},
      {"AUTH with a foreign reason", k5, "f0 {04 {15 <m>}}", kProtocol},
      {"AUTH without method", k5, "f0 {18 {}}", kProtocol},
      {"AUTH with data only", k5, "f0 {18 {16 <d>}}", kProtocol},
      {"AUTH with a reason only", k5, "f0 {18}", kMalformed},
      {"AUTH with bytes after the properties", k5, "f0 {18 {15 <m>} 00}", kMalformed},
  };
  expect_refused(rows);
}

}  // namespace
}  // namespace sluice::mqtt
