#include "plugins/smp/cbor.hpp"

#include <gtest/gtest.h>

#include "tests/unit/smp/golden.hpp"

namespace sluice::smp::cbor {
namespace {

TEST(SmpCbor, WritesTheShortestIntegers) {
  EXPECT_EQ(encode(0), bytes("00"));
  EXPECT_EQ(encode(23), bytes("17"));
  EXPECT_EQ(encode(24), bytes("1818"));
  EXPECT_EQ(encode(256), bytes("190100"));
  EXPECT_EQ(encode(65536), bytes("1A00010000"));
  EXPECT_EQ(encode(std::uint64_t{1} << 32), bytes("1B0000000100000000"));
  EXPECT_EQ(encode(-1), bytes("20"));
  EXPECT_EQ(encode(-500), bytes("3901F3"));
}

TEST(SmpCbor, ReadsMapsAndArraysWithoutAnnouncedEnd) {
  const auto value = decode(bytes("BF 66 696D61676573 9F BF 64 736C6F74 00 FF FF 62 7263 00 FF"));
  ASSERT_TRUE(value) << value.error().text;
  ASSERT_NE(value->array("images"), nullptr);
  EXPECT_EQ(value->array("images")->front().number("slot"), 0U);
  EXPECT_EQ(value->number("rc"), 0U);
}

TEST(SmpCbor, ReadsWhatItWrote) {
  const Value value = Map{Field{"a", Array{Value(1), Value(-2), Value(true), Value()}},
                          Field{"b", Bytes{std::string("\0\xFF", 2)}}, Field{"c", 1.5}, Field{"d", "text"}};
  const auto again = decode(encode(value));
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_EQ(encode(*again), encode(value));
  EXPECT_EQ(again->bytes("b"), std::string_view("\0\xFF", 2));
  EXPECT_EQ(again->text("d"), "text");
}

TEST(SmpCbor, ReadsFloatsOfAllSizes) {
  for (const auto* text : {"A1 61 78 F9 3E00", "A1 61 78 FA 3FC00000", "A1 61 78 FB 3FF8000000000000"}) {
    const auto value = decode(bytes(text));
    ASSERT_TRUE(value) << value.error().text;
    EXPECT_EQ(std::get<double>(value->find("x")->is), 1.5);
  }
}

TEST(SmpCbor, RefusesWhatIsBroken) {
  EXPECT_FALSE(decode(""));
  EXPECT_FALSE(decode(bytes("A1")));                      // a map without its field
  EXPECT_FALSE(decode(bytes("A0 00")));                   // something behind
  EXPECT_FALSE(decode(bytes("A2 61 61 00 61 61 01")));    // a key twice
  EXPECT_FALSE(decode(bytes("A1 00 00")));                // a key that is a number
  EXPECT_FALSE(decode(bytes("C0 00")));                   // a tag
  EXPECT_FALSE(decode(bytes("7F 61 61 FF")));             // a text in chunks
  EXPECT_FALSE(decode(bytes("FF")));                      // a break without a beginning
  EXPECT_FALSE(decode(bytes("1F")));                      // a number without end
  EXPECT_FALSE(decode(bytes("3B FFFFFFFFFFFFFFFF")));     // below what 64 bits hold
  EXPECT_FALSE(decode(bytes("5B FFFFFFFFFFFFFFFF 00")));  // longer than the message
}

TEST(SmpCbor, AClaimedLengthAllocatesNothing) { EXPECT_FALSE(decode(bytes("9B 0FFFFFFFFFFFFFFF"))); }

TEST(SmpCbor, BoundsDepthAndItems) {
  EXPECT_TRUE(decode(std::string(kMaxDepth, '\x81') + '\0'));
  EXPECT_FALSE(decode(std::string(kMaxDepth + 1, '\x81') + '\0'));
  EXPECT_FALSE(decode('\x9F' + std::string(kMaxItems, '\0') + '\xFF'));
}

}  // namespace
}  // namespace sluice::smp::cbor
