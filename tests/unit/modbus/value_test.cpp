// Every type in every order, both ways; scaling; what is no value.
#include "plugins/modbus/value.hpp"

#include <gtest/gtest.h>

namespace sluice::modbus {
namespace {

using Json = nlohmann::json;
using Words = std::vector<std::uint16_t>;

constexpr Order kAbcd{}, kCdab{false, true}, kBadc{true, false}, kDcba{true, true};

Point point(Type type, unsigned size, Order order = {}) {
  Point made;
  made.name = "x";
  made.type = type;
  made.size = size;
  made.order = order;
  return made;
}

struct Row {
  const char* name;
  Type type;
  Order order;
  Words raw;
  Json value;
};

class EveryType : public testing::TestWithParam<Row> {};

TEST_P(EveryType, IsReadAndWrittenInItsOrder) {
  const auto& row = GetParam();
  const auto p = point(row.type, static_cast<unsigned>(row.raw.size()), row.order);
  const auto decoded = decode(p, row.raw);
  EXPECT_EQ(decoded.reason, "");
  EXPECT_EQ(decoded.value, row.value);
  const auto encoded = encode(p, row.value);
  ASSERT_TRUE(encoded) << encoded.error().text;
  EXPECT_EQ(*encoded, row.raw);
}

// 0x42F6E979 is the float 123.456; 0x405EDD2F1A9FBE77 the double 123.456.
INSTANTIATE_TEST_SUITE_P(
    Values, EveryType,
    testing::Values(
        Row{"int16", Type::int16, kAbcd, {0xfffe}, -2},
        Row{"int16_swapped", Type::int16, kBadc, {0xfeff}, -2},
        Row{"uint16", Type::uint16, kAbcd, {0xfffe}, 65534},
        Row{"int32", Type::int32, kAbcd, {0xfffe, 0x1dc0}, -123456},
        Row{"int32_cdab", Type::int32, kCdab, {0x1dc0, 0xfffe}, -123456},
        Row{"uint32_abcd", Type::uint32, kAbcd, {0x1234, 0x5678}, 0x12345678},
        Row{"uint32_cdab", Type::uint32, kCdab, {0x5678, 0x1234}, 0x12345678},
        Row{"uint32_badc", Type::uint32, kBadc, {0x3412, 0x7856}, 0x12345678},
        Row{"uint32_dcba", Type::uint32, kDcba, {0x7856, 0x3412}, 0x12345678},
        Row{"int64", Type::int64, kAbcd, {0x8000, 0, 0, 0}, std::numeric_limits<std::int64_t>::min()},
        Row{"uint64", Type::uint64, kAbcd, {0xffff, 0xffff, 0xffff, 0xffff}, 18446744073709551615ULL},
        Row{"uint64_cdab", Type::uint64, kCdab, {0x0004, 0x0003, 0x0002, 0x0001}, 0x0001000200030004},
        Row{"float32", Type::float32, kAbcd, {0x42f6, 0xe979}, 123.456},
        Row{"float32_cdab", Type::float32, kCdab, {0xe979, 0x42f6}, 123.456},
        Row{"float32_badc", Type::float32, kBadc, {0xf642, 0x79e9}, 123.456},
        Row{"float32_dcba", Type::float32, kDcba, {0x79e9, 0xf642}, 123.456},
        Row{"float64", Type::float64, kAbcd, {0x405e, 0xdd2f, 0x1a9f, 0xbe77}, 123.456},
        Row{"float64_dcba", Type::float64, kDcba, {0x77be, 0x9f1a, 0x2fdd, 0x5e40}, 123.456},
        Row{"text", Type::text, kAbcd, {0x4142, 0x4300, 0}, "ABC"},
        Row{"text_swapped", Type::text, kBadc, {0x4241, 0x0043, 0}, "ABC"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(Value, IsScaledWithoutTheDustOfBinaryFractions) {
  auto p = point(Type::int16, 1);
  p.factor = 0.1;
  EXPECT_EQ(decode(p, Words{217}).value.dump(), "21.7");
  EXPECT_EQ(decode(p, Words{0xffff}).value.dump(), "-0.1");
  p.offset = -40;
  EXPECT_EQ(decode(p, Words{650}).value.dump(), "25.0");
  EXPECT_EQ(*encode(p, 25.0), Words{650});
  EXPECT_EQ(*encode(p, -40.04), Words{0});  // the nearest that there is
}

TEST(Value, SaysWhyItIsNone) {
  EXPECT_EQ(decode(point(Type::float32, 2), Words{0x7fc0, 0}).reason, "not a number");
  EXPECT_EQ(decode(point(Type::float64, 4), Words{0x7ff0, 0, 0, 0}).reason, "infinite");
  EXPECT_EQ(decode(point(Type::text, 1), Words{0xff41}).reason, "not UTF-8 text");
  auto p = point(Type::int16, 1);
  p.absent = 0x8000;
  EXPECT_EQ(decode(p, Words{0x8000}).reason, "the unit has no value");
  p.absent = -32768;
  EXPECT_EQ(decode(p, Words{0x8000}).reason, "the unit has no value");
  p.least = 0;
  p.most = 500;
  EXPECT_EQ(decode(p, Words{812}).reason, "out of range: 812, allowed 0 to 500");
  EXPECT_EQ(decode(p, Words{812}).value, nullptr);
  EXPECT_TRUE(decode(p, Words{500}).good());
}

TEST(Value, BitsAreAListOrHaveNames) {
  auto p = point(Type::bits, 1);
  p.width = 4;
  EXPECT_EQ(decode(p, Words{0b1010}).value, Json::parse("[false,true,false,true]"));
  p.flags = {"hot", "", "open", "lost"};
  EXPECT_EQ(decode(p, Words{0b1011}).value, Json::parse(R"({"hot":true,"open":false,"lost":true})"));
  // The bits of others stay.
  EXPECT_EQ(*encode(p, {{"open", true}, {"hot", false}}, Words{0xf001}), Words{0xf004});
  p.order = kBadc;
  EXPECT_EQ(decode(p, Words{0x0100}).value["hot"], true);
  p.flags.clear();
  p.table = Table::coil;
  p.size = 4;
  EXPECT_EQ(decode(p, Words{1, 0, 0, 1}).value, Json::parse("[true,false,false,true]"));
  EXPECT_EQ(*encode(p, Json::parse("[false,true,true,false]")), (Words{0, 1, 1, 0}));
}

TEST(Value, ABoolIsACoilOrABitOfARegister) {
  auto p = point(Type::boolean, 1);
  p.bit = 9;
  EXPECT_EQ(decode(p, Words{0x0200}).value, true);
  EXPECT_TRUE(shares_registers(p));
  EXPECT_EQ(*encode(p, false, Words{0xffff}), Words{0xfdff});
  p.table = Table::coil;
  p.bit = 0;
  EXPECT_FALSE(shares_registers(p));
  EXPECT_EQ(*encode(p, true), Words{1});
}

TEST(Value, RefusesWhatCannotBeWrittenInWords) {
  const auto refusal = [](const Point& p, const Json& value) {
    const auto done = encode(p, value);
    return done ? "" : done.error().text;
  };
  EXPECT_EQ(refusal(point(Type::uint16, 1), 65536), "x: 65536 does not fit into 16 bits");
  EXPECT_EQ(refusal(point(Type::uint16, 1), -1), "x: -1 does not fit into 16 bits");
  EXPECT_EQ(refusal(point(Type::int16, 1), 32768), "x: 32768 does not fit into 16 bits");
  EXPECT_EQ(refusal(point(Type::int16, 1), -32769), "x: -32769 does not fit into 16 bits");
  EXPECT_EQ(refusal(point(Type::int64, 4), 9223372036854775808ULL),
            "x: 9223372036854775808 does not fit into 64 bits");
  EXPECT_EQ(refusal(point(Type::uint16, 1), 1.5), "x: 1.5 is no whole number");
  EXPECT_EQ(refusal(point(Type::uint16, 1), "1"), "x: takes a number");
  EXPECT_EQ(refusal(point(Type::float32, 2), 1e39), "x: 1e+39 is too large for float32");
  EXPECT_EQ(refusal(point(Type::boolean, 1), 1), "x: takes true or false");
  EXPECT_EQ(refusal(point(Type::text, 1), "abc"), "x: takes at most 2 bytes of text");
  auto p = point(Type::float32, 2);
  p.least = 5;
  EXPECT_EQ(refusal(p, 4.9), "x: out of range: 4.9, allowed from 5");
  p = point(Type::uint16, 1);
  p.factor = 0.1;
  EXPECT_EQ(refusal(p, 6553.6), "x: 6553.6 does not fit into 16 bits");
  p = point(Type::bits, 1);
  p.width = 2;
  EXPECT_EQ(refusal(p, Json::array({true})), "x: takes a list of 2 times true or false");
  p.flags = {"a", ""};
  EXPECT_EQ(refusal(p, {{"b", true}}), "x: has no flag \"b\"");
  EXPECT_EQ(refusal(p, {{"", true}}), "x: has no flag \"\"");
}

TEST(Value, WholeNumbersOf64BitsAreExact) {
  const auto p = point(Type::int64, 4);
  const Json value = 9007199254740993LL;  // no double has it
  EXPECT_EQ(decode(p, *encode(p, value)).value, value);
}

}  // namespace
}  // namespace sluice::modbus
