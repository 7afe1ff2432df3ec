// Whole packets, byte for byte: decoding and encoding again gives the same bytes, and no cut or extension of
// them does harm.
#include <gtest/gtest.h>

#include <cstring>
#include <memory>

#include "mqtt/codec.hpp"
#include "mqtt/wire.hpp"
#include "wire_text.hpp"

namespace sluice::mqtt {
namespace {

constexpr Version k4 = Version::v311, k5 = Version::v5;

struct Golden {
  const char* name;
  Version version;
  const char* text;
};

const Golden kGolden[] = {
    {"connect 3.1.1", k4, "10 {<MQTT> 04 02 003c <abc>}"},
    {"connect 3.1.1, no client id", k4, "10 {<MQTT> 04 02 0000 <>}"},
    {"connect 3.1.1, all", k4, "10 {<MQTT> 04 ee 000a <dev-1> <state/dev-1> <gone> <user> <pass word>}"},
    {"connect 3.1.1, user only", k4, "10 {<MQTT> 04 80 000a <dev-1> <user>}"},
    {"connect 5", k5, "10 {<MQTT> 05 02 003c {} <abc>}"},
    {"connect 5, password only", k5, "10 {<MQTT> 05 42 003c {} <abc> <token>}"},
    {"connect 5, empty will payload", k5, "10 {<MQTT> 05 04 003c {} <abc> {} <w> <>}"},
    {"connect 5, all", k5,
     "10 {<MQTT> 05 f6 ffff {11 ffffffff 21 0014 27 00010000 22 000a 19 01 17 00 15 <SCRAM> 16 <data> 26 <a> "
     "<b> "
     "26 <a> <c>} <dev> {18 0000003c 01 01 02 00000e10 08 <r/t> 09 <corr> 03 <text/plain> 26 <k> <v>} "
     "<will/t> <bye> <user> <pass>}"},
    {"connack 3.1.1", k4, "20 {00 00}"},
    {"connack 3.1.1, session", k4, "20 {01 00}"},
    {"connack 3.1.1, version", k4, "20 {00 01}"},
    {"connack 3.1.1, identifier", k4, "20 {00 02}"},
    {"connack 3.1.1, unavailable", k4, "20 {00 03}"},
    {"connack 3.1.1, password", k4, "20 {00 04}"},
    {"connack 3.1.1, not authorized", k4, "20 {00 05}"},
    {"connack 5", k5, "20 {01 00 {}}"},
    {"connack 5, refused", k5, "20 {00 87 {1f <no such device>}}"},
    {"connack 5, all", k5,
     "20 {00 00 {11 00000e10 21 0100 24 01 25 00 27 00020000 12 <auto-7> 22 0020 1f <fine> 28 01 29 00 2a 01 "
     "13 04b0 1a <resp/> 1c <other:8883> 15 <SCRAM> 16 <data> 26 <a> <b>}}"},
    {"publish 3.1.1, qos 0", k4, "30 {<a/b> 'hello'}"},
    {"publish 3.1.1, empty payload, retain", k4, "31 {<a/b>}"},
    {"publish 3.1.1, qos 1, dup", k4, "3a {<a/b> 000a 'hello'}"},
    {"publish 3.1.1, qos 2", k4, "34 {<a/b> ffff 'hello'}"},
    {"publish 5, qos 0", k5, "30 {<a/b> {} 'hello'}"},
    {"publish 5, alias only", k5, "32 {<> 0001 {23 0003} 'x'}"},
    {"publish 5, all", k5,
     "3d {<a/b> 1234 {01 01 02 0000000a 23 0001 08 <re/ply> 09 <\x01\x02> 0b 01 0b ff ff ff 7f 03 <json> 26 "
     "<a> <b> "
     "26 <> <>} '{}'}"},
    {"puback 3.1.1", k4, "40 {0001}"},
    {"pubrec 3.1.1", k4, "50 {0001}"},
    {"pubrel 3.1.1", k4, "62 {0001}"},
    {"pubcomp 3.1.1", k4, "70 {0001}"},
    {"puback 5", k5, "40 {0001}"},
    {"puback 5, reason", k5, "40 {0001 10}"},
    {"puback 5, all", k5, "40 {0001 97 {1f <full> 26 <a> <b>}}"},
    {"puback 5, success with text", k5, "40 {0001 00 {1f <thanks>}}"},
    {"pubrec 5, reason", k5, "50 {fffe 91}"},
    {"pubrel 5", k5, "62 {0001}"},
    {"pubrel 5, reason", k5, "62 {0001 92}"},
    {"pubcomp 5, all", k5, "70 {0001 92 {1f <who?> 26 <a> <b>}}"},
    {"subscribe 3.1.1", k4, "82 {0001 <a/+/c> 00 <#> 01 <$SYS/#> 02}"},
    {"subscribe 5", k5, "82 {0001 {} <a/b> 2d}"},
    {"subscribe 5, all", k5, "82 {0001 {0b ff 7f 26 <a> <b>} <a> 00 <+/b> 16 <$share/g/x/#> 09}"},
    {"suback 3.1.1", k4, "90 {0001 00 01 02 80}"},
    {"suback 5", k5, "90 {0001 {} 00 01 02 80 83 87 8f 91 97 9e a1 a2}"},
    {"suback 5, all", k5, "90 {0001 {1f <no> 26 <a> <b>} 87}"},
    {"unsubscribe 3.1.1", k4, "a2 {0001 <a> <b/#>}"},
    {"unsubscribe 5", k5, "a2 {0001 {26 <a> <b>} <a> <$share/g/b/#>}"},
    {"unsuback 3.1.1", k4, "b0 {0001}"},
    {"unsuback 5", k5, "b0 {0001 {1f <no> 26 <a> <b>} 00 11 80 83 87 8f 91}"},
    {"pingreq", k4, "c0 {}"},
    {"pingresp", k4, "d0 {}"},
    {"pingreq 5", k5, "c0 {}"},
    {"pingresp 5", k5, "d0 {}"},
    {"disconnect 3.1.1", k4, "e0 {}"},
    {"disconnect 5", k5, "e0 {}"},
    {"disconnect 5, reason", k5, "e0 {04}"},
    {"disconnect 5, normal with expiry", k5, "e0 {00 {11 00000000}}"},
    {"disconnect 5, all", k5, "e0 {9d {11 0000000a 1f <moved> 1c <b.example:1883> 26 <a> <b>}}"},
    {"auth", k5, "f0 {}"},
    {"auth, all", k5, "f0 {18 {15 <SCRAM> 16 <data> 1f <go on> 26 <a> <b>}}"},
    {"auth, again", k5, "f0 {19 {15 <SCRAM>}}"},
};

// In a buffer of exactly its size, so that the address sanitizer sees a read beyond it.
Decoded decode_exact(std::string_view bytes, Version version, std::unique_ptr<char[]>& buffer) {
  buffer = std::make_unique<char[]>(bytes.size());
  std::memcpy(buffer.get(), bytes.data(), bytes.size());
  return decode({buffer.get(), bytes.size()}, version);
}

std::string with_body(char first, std::string_view body) {
  std::string out(1, first);
  put_variable(out, body.size());
  return out.append(body);
}

std::string_view body_of(std::string_view packet) {
  FixedHeader header;
  EXPECT_EQ(read_fixed_header(packet, header), HeaderStatus::complete);
  return packet.substr(header.size);
}

TEST(CodecGolden, DecodesAndEncodesEveryPacketToTheSameBytes) {
  for (const Golden& golden : kGolden) {
    SCOPED_TRACE(golden.name);
    const std::string bytes = wire(golden.text);
    std::unique_ptr<char[]> buffer;
    const Decoded decoded = decode_exact(bytes, golden.version, buffer);
    ASSERT_TRUE(decoded.packet) << decoded.error.text;
    EXPECT_EQ(hex(encoded(*decoded.packet, golden.version)), hex(bytes));
  }
}

TEST(CodecGolden, AppendsToWhatIsThere) {
  for (const Golden& golden : kGolden) {
    const std::string bytes = wire(golden.text);
    const Decoded decoded = decode(bytes, golden.version);
    ASSERT_TRUE(decoded.packet) << golden.name;
    if (const auto* publish = std::get_if<Publish>(&*decoded.packet)) {
      std::string out = "before";
      encode(*publish, golden.version, out);
      EXPECT_EQ(out, "before" + bytes) << golden.name;
      EXPECT_EQ(encoded_size(*publish, golden.version), bytes.size()) << golden.name;
    }
  }
}

TEST(CodecGolden, SurvivesEveryCut) {
  for (const Golden& golden : kGolden) {
    const std::string bytes = wire(golden.text);
    for (std::size_t size = 0; size < bytes.size(); ++size) {  // the header promises more than is there
      std::unique_ptr<char[]> buffer;
      EXPECT_FALSE(decode_exact(std::string_view(bytes).substr(0, size), golden.version, buffer).packet);
    }
    const std::string_view body = body_of(bytes);
    for (std::size_t size = 0; size < body.size();
         ++size) {  // the header tells the truth, the inside does not
      const std::string cut = with_body(bytes[0], body.substr(0, size));
      std::unique_ptr<char[]> buffer;
      const Decoded decoded = decode_exact(cut, golden.version, buffer);
      if (!decoded.packet) {
        EXPECT_NE(decoded.error.text[0], '\0') << golden.name;
        continue;
      }
      // What a cut leaves as valid is a packet of its own right, e.g. a shorter payload.
      const std::string again = encoded(*decoded.packet, golden.version);
      EXPECT_TRUE(decode(again, golden.version).packet) << golden.name << " cut to " << size;
    }
  }
}

TEST(CodecGolden, RefusesAByteTooMany) {
  for (const Golden& golden : kGolden) {
    const std::string bytes = wire(golden.text);
    std::string longer = bytes + '\0';
    EXPECT_FALSE(decode(longer, golden.version).packet) << golden.name << ": beyond the header's length";
    const auto type = static_cast<PacketType>(static_cast<unsigned char>(bytes[0]) >> 4);
    if (type == PacketType::publish || type == PacketType::suback)
      continue;  // a longer payload, one code more
    const bool codes = type == PacketType::unsuback && golden.version == k5;
    const bool acks = golden.version == k5 && ((type >= PacketType::puback && type <= PacketType::pubcomp) ||
                                               type == PacketType::disconnect || type == PacketType::auth);
    if (codes || (acks && body_of(bytes).size() <= 3)) continue;  // a reason code, an empty property length
    longer = with_body(bytes[0], std::string(body_of(bytes)) + '\0');
    EXPECT_FALSE(decode(longer, golden.version).packet) << golden.name << ": within";
  }
}

TEST(CodecGolden, SurvivesEveryChangeOfOneByte) {
  for (const Golden& golden : kGolden) {
    const std::string bytes = wire(golden.text);
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      for (unsigned value = 0; value < 256; ++value) {
        std::string changed = bytes;
        changed[at] = static_cast<char>(value);
        std::unique_ptr<char[]> buffer;
        const Decoded decoded = decode_exact(changed, golden.version, buffer);
        if (!decoded.packet) continue;
        const std::string again = encoded(*decoded.packet, golden.version);
        const Decoded twice = decode(again, golden.version);
        ASSERT_TRUE(twice.packet) << golden.name << ": " << hex(changed) << "-> " << hex(again)
                                  << twice.error.text;
        ASSERT_EQ(encoded(*twice.packet, golden.version), again) << golden.name << ": " << hex(changed);
      }
    }
  }
}

}  // namespace
}  // namespace sluice::mqtt
