#include <gtest/gtest.h>

#include "mqtt/codec.hpp"

namespace sluice::mqtt {
namespace {

std::string utf8(unsigned code) {
  const auto byte = [](unsigned value) { return static_cast<char>(value); };
  if (code < 0x80) return {byte(code)};
  if (code < 0x800) return {byte(0xc0 | code >> 6), byte(0x80 | (code & 63))};
  if (code < 0x10000)
    return {byte(0xe0 | code >> 12), byte(0x80 | (code >> 6 & 63)), byte(0x80 | (code & 63))};
  return {byte(0xf0 | code >> 18), byte(0x80 | (code >> 12 & 63)), byte(0x80 | (code >> 6 & 63)),
          byte(0x80 | (code & 63))};
}

TEST(Utf8, AcceptsEveryCodePointButZeroAndSurrogates) {  // [MQTT-1.5.4-1], [MQTT-1.5.4-2]
  for (unsigned code = 0; code <= 0x10ffff; ++code) {
    const bool surrogate = code >= 0xd800 && code <= 0xdfff;
    ASSERT_EQ(valid_utf8(utf8(code)), code != 0 && !surrogate) << code;
    ASSERT_EQ(valid_utf8_payload(utf8(code)), !surrogate) << code;
  }
  for (unsigned code = 0x110000; code <= 0x1fffff; ++code) ASSERT_FALSE(valid_utf8(utf8(code))) << code;
}

TEST(Utf8, RefusesWhatIsNotWellFormed) {
  for (std::string_view text : {"\x80",
                                "\xbf",
                                "\xc0\x80",
                                "\xc1\xbf",
                                "\xe0\x80\x80",
                                "\xe0\x9f\xbf",
                                "\xf0\x80\x80\x80",
                                "\xf0\x8f\xbf\xbf",
                                "\xed\xa0\x80",
                                "\xed\xbf\xbf",
                                "\xf4\x90\x80\x80",
                                "\xf5\x80\x80\x80",
                                "\xf8\x88\x80\x80\x80",
                                "\xfe",
                                "\xff",
                                "\xc3",
                                "\xc3(",
                                "\xe2\x82",
                                "\xe2\x82(",
                                "\xe2(\xac",
                                "\xf0\x9f\x98",
                                "\xf0\x9f\x98(",
                                "\xf0(\x98\x80"}) {
    EXPECT_FALSE(valid_utf8(text));
    EXPECT_FALSE(valid_utf8_payload(text));
    // Wherever it stands in a longer text: the fast way for ASCII must not miss it.
    for (std::size_t at = 0; at < 70; ++at) {
      std::string longer(70, 'x');
      longer.insert(at, text);
      EXPECT_FALSE(valid_utf8(longer)) << at;
    }
  }
}

TEST(Utf8, FindsAZeroAnywhere) {
  for (std::size_t at = 0; at < 70; ++at) {
    std::string text(70, 'x');
    text[at] = '\0';
    EXPECT_FALSE(valid_utf8(text));
    EXPECT_TRUE(valid_utf8_payload(text));
    text += "\xc3\xa9";
    EXPECT_FALSE(valid_utf8(text));
  }
}

TEST(Utf8, KeepsTheByteOrderMark) {  // [MQTT-1.5.4-3]
  const std::string packet(
      "\x30\x06\0\x04\xef\xbb\xbf"
      "a",
      8);
  const Decoded decoded = decode(packet, Version::v311);
  ASSERT_TRUE(decoded.packet);
  EXPECT_EQ(std::get<Publish>(*decoded.packet).topic,
            "\xef\xbb\xbf"
            "a");
}

TEST(Utf8, AcceptsEmptyText) { EXPECT_TRUE(valid_utf8("")); }

}  // namespace
}  // namespace sluice::mqtt
