// MQTT 5 table 2-4 (2.2.2.2) as a table, and its consequences: every property in every packet, alone, twice,
// cut short, and out of range.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "mqtt/codec.hpp"
#include "wire_text.hpp"

namespace sluice::mqtt {
namespace {

constexpr unsigned kWill = 0;  // type 0 is free
constexpr unsigned in(std::initializer_list<unsigned> types) {
  unsigned set = 0;
  for (unsigned type : types) set |= 1U << type;
  return set;
}

struct Row {
  unsigned id;
  const char* value;
  unsigned packets;
};
const Row kRows[] = {
    {0x01, "01", in({3, kWill})},
    {0x02, "00000001", in({3, kWill})},
    {0x03, "<a>", in({3, kWill})},
    {0x08, "<a>", in({3, kWill})},
    {0x09, "<a>", in({3, kWill})},
    {0x0b, "01", in({3, 8})},
    {0x11, "00000001", in({1, 2, 14})},
    {0x12, "<a>", in({2})},
    {0x13, "0001", in({2})},
    {0x15, "<a>", in({1, 2, 15})},
    {0x16, "<a>", in({1, 2, 15})},
    {0x17, "01", in({1})},
    {0x18, "00000001", in({kWill})},
    {0x19, "01", in({1})},
    {0x1a, "<a>", in({2})},
    {0x1c, "<a>", in({2, 14})},
    {0x1f, "<a>", in({2, 4, 5, 6, 7, 9, 11, 14, 15})},
    {0x21, "0001", in({1, 2})},
    {0x22, "0001", in({1, 2})},
    {0x23, "0001", in({3})},
    {0x24, "01", in({2})},
    {0x25, "01", in({2})},
    {0x26, "<a> <b>", in({kWill, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15})},
    {0x27, "00000001", in({1, 2})},
    {0x28, "01", in({2})},
    {0x29, "01", in({2})},
    {0x2a, "01", in({2})},
};

// What stands before and after the properties of each packet.
struct Frame {
  unsigned type;
  const char *before, *after;
};
const Frame kFrames[] = {
    {kWill, "10 {<MQTT> 05 04 003c {} <id> {", "} <w> <x>}"},
    {1, "10 {<MQTT> 05 00 003c {", "} <id>}"},
    {2, "20 {00 00 {", "}}"},
    {3, "30 {<a> {", "} 'x'}"},
    {4, "40 {0001 00 {", "}}"},
    {5, "50 {0001 00 {", "}}"},
    {6, "62 {0001 00 {", "}}"},
    {7, "70 {0001 00 {", "}}"},
    {8, "82 {0001 {", "} <a> 00}"},
    {9, "90 {0001 {", "} 00}"},
    {10, "a2 {0001 {", "} <a>}"},
    {11, "b0 {0001 {", "} 00}"},
    {14, "e0 {00 {", "}}"},
    {15, "f0 {18 {", "}}"},
};

std::string id_text(unsigned id) { return hex(std::string(1, static_cast<char>(id))); }
std::string property(const Row& row) { return id_text(row.id) + row.value + " "; }
// AUTH and authentication data demand a method.
std::string companion(const Frame& frame, unsigned id) {
  const bool needed = id != 0x15 && (frame.type == 15 || id == 0x16);
  return needed && (frame.type == 15 || frame.type == 1 || frame.type == 2) ? "15 <m> " : "";
}
std::string packet(const Frame& frame, const std::string& block) {
  return wire(frame.before + block + frame.after);
}

Decoded decoded(const std::string& bytes) { return decode(bytes, Version::v5); }

TEST(CodecProperties, AreAcceptedExactlyWhereTheTableHasThem) {
  unsigned accepted = 0;
  for (const Frame& frame : kFrames) {
    for (const Row& row : kRows) {
      const bool allowed = (row.packets >> frame.type & 1) != 0;
      const Decoded result = decoded(packet(frame, companion(frame, row.id) + property(row)));
      EXPECT_EQ(result.packet.has_value(), allowed)
          << "type " << frame.type << ", property " << id_text(row.id) << result.error.text;
      if (!allowed) EXPECT_EQ(result.error.reason, Reason::malformed_packet);
      accepted += allowed ? 1 : 0;
    }
  }
  EXPECT_EQ(accepted, 64U);
}

TEST(CodecProperties, AreRefusedTwiceExceptTwo) {
  for (const Frame& frame : kFrames) {
    for (const Row& row : kRows) {
      if ((row.packets >> frame.type & 1) == 0) continue;
      const bool may_repeat = row.id == 0x26 || (row.id == 0x0b && frame.type == 3);
      const Decoded result = decoded(packet(frame, companion(frame, row.id) + property(row) + property(row)));
      EXPECT_EQ(result.packet.has_value(), may_repeat)
          << "type " << frame.type << ", property " << id_text(row.id);
      if (!may_repeat) EXPECT_EQ(result.error.reason, Reason::protocol_error);
    }
  }
}

TEST(CodecProperties, AreRefusedWhenCutShort) {
  for (const Frame& frame : kFrames) {
    for (const Row& row : kRows) {
      if ((row.packets >> frame.type & 1) == 0) continue;
      const std::string whole = wire(property(row));
      for (std::size_t size = 1; size < whole.size(); ++size) {
        const std::string block = companion(frame, row.id) + hex(std::string_view(whole).substr(0, size));
        const Decoded result = decoded(packet(frame, block));
        EXPECT_FALSE(result.packet) << "type " << frame.type << ", property " << hex(whole) << "cut to "
                                    << size;
        EXPECT_EQ(result.error.reason, Reason::malformed_packet);
      }
    }
  }
}

TEST(CodecProperties, UnknownOnesAreMalformed) {
  for (unsigned id = 0; id < 256; ++id) {
    bool known = false;
    for (const Row& row : kRows) known = known || row.id == id;
    if (known) continue;
    for (const Frame& frame : kFrames) {
      const Decoded result = decoded(packet(frame, id_text(id) + "01 01 01 01"));
      EXPECT_FALSE(result.packet) << id;
      EXPECT_EQ(result.error.reason, Reason::malformed_packet) << id;
    }
  }
  EXPECT_FALSE(decoded(packet(kFrames[3], "a6 00 <a> <b>")).packet) << "a padded identifier";
  EXPECT_FALSE(decoded(packet(kFrames[3], "ff ff ff ff 7f")).packet) << "an identifier of five bytes";
}

TEST(CodecProperties, TextMustBeUtf8AndDataNeedNot) {
  for (const Frame& frame : kFrames) {
    for (const Row& row : kRows) {
      if ((row.packets >> frame.type & 1) == 0 || row.value[0] != '<' || row.id == 0x26) continue;
      const bool binary = row.id == 0x09 || row.id == 0x16;
      for (const char* value : {"0001 00", "0001 ff", "0003 eda080", "0002 c080"}) {
        const Decoded result = decoded(packet(frame, companion(frame, row.id) + id_text(row.id) + value));
        EXPECT_EQ(result.packet.has_value(), binary) << id_text(row.id) << value;
        if (!binary) EXPECT_EQ(result.error.reason, Reason::malformed_packet);
      }
    }
    for (const char* pair : {"26 0001 00 <b>", "26 <a> 0001 00", "26 <a> 0001 ff", "26 0001 ff <b>"}) {
      EXPECT_FALSE(decoded(packet(frame, companion(frame, 0x26) + pair)).packet) << pair;
    }
  }
}

TEST(CodecProperties, OfBrokenLengthAreMalformed) {
  for (const char* text :
       {"30 {<a>}", "30 {<a> 01}", "30 {<a> 05 26 <a>}", "30 {<a> 80}", "30 {<a> 80 00}",
        "30 {<a> ff ff ff ff 00}", "82 {0001}", "82 {0001 7f <a> 00}", "20 {00 00}", "10 {<MQTT> 05 02 003c}",
        "10 {<MQTT> 05 02 003c ff}", "10 {<MQTT> 05 04 003c {} <a>}", "90 {0001}", "a2 {0001}", "b0 {0001}",
        "40 {0001 00 01}", "e0 {00 80}", "f0 {18 ff ff}", "f0 {18}"}) {
    const Decoded result = decoded(wire(text));
    EXPECT_FALSE(result.packet) << text;
    EXPECT_EQ(result.error.reason, Reason::malformed_packet) << text;
  }
}

TEST(CodecProperties, OfUsersAreBounded) {
  std::string block;
  for (int i = 0; i < 3; ++i) block += "26 <a> <b> ";
  const std::string bytes = packet(kFrames[3], block);
  EXPECT_TRUE(decode(bytes, Version::v5, 3).packet);
  const Decoded result = decode(bytes, Version::v5, 2);
  EXPECT_FALSE(result.packet);
  EXPECT_EQ(result.error.reason, Reason::protocol_error);
  EXPECT_FALSE(decode(packet(kFrames[3], "26 <a> <b>"), Version::v5, 0).packet);
}

TEST(CodecProperties, OfUsersKeepTheirOrderAndTheirDoubles) {  // [MQTT-3.3.2-17], [MQTT-3.3.2-18]
  const std::string bytes = packet(kFrames[3], "26 <z> <1> 26 <a> <2> 26 <z> <1>");
  const Decoded result = decoded(bytes);
  ASSERT_TRUE(result.packet);
  std::string seen;
  for_each_user_property(
      std::get<Publish>(*result.packet).properties.user,
      [&](std::string_view name, std::string_view value) { seen.append(name).append(value); });
  EXPECT_EQ(seen, "z1a2z1");
  EXPECT_EQ(hex(encoded(*result.packet, Version::v5)), hex(bytes));
}

TEST(CodecProperties, OfUsersMayStandBetweenOthers) {
  const std::string bytes = packet(kFrames[3], "01 01 26 <a> <1> 03 <json> 0b 80 01 26 <b> <2> 02 00000009");
  const Decoded result = decoded(bytes);
  ASSERT_TRUE(result.packet);
  const auto& publish = std::get<Publish>(*result.packet);
  std::string seen;
  for_each_user_property(publish.properties.user, [&](std::string_view name, std::string_view value) {
    seen.append(name).append(value);
  });
  EXPECT_EQ(seen, "a1b2");
  const std::string again = packet(kFrames[3], "01 01 02 00000009 0b 80 01 03 <json> 26 <a> <1> 26 <b> <2>");
  EXPECT_EQ(hex(encoded(publish, Version::v5)), hex(again));
  EXPECT_EQ(encoded_size(publish, Version::v5), again.size());
}

TEST(CodecProperties, OfUsersAreBuiltByHand) {
  std::string raw;
  append_user_property(raw, "name", "value");
  append_user_property(raw, "", "");
  EXPECT_EQ(hex(raw), hex(wire("26 <name> <value> 26 <> <>")));
  int count = 0;
  for_each_user_property(raw, [&](std::string_view, std::string_view) { ++count; });
  EXPECT_EQ(count, 2);
}

}  // namespace
}  // namespace sluice::mqtt
