#include "core/record_properties.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

std::string encoded(std::string_view type, std::string_view user) {
  std::string out = "left over from the record before";
  encode_record_properties({type, user}, out);
  return out;
}

TEST(RecordProperties, CostNothingWhenThereAreNone) {
  EXPECT_TRUE(encoded("", "").empty());
  const auto back = decode_record_properties("");
  ASSERT_TRUE(back);
  EXPECT_TRUE(back->content_type.empty());
  EXPECT_TRUE(back->user_properties.empty());
}

TEST(RecordProperties, ComeBackAsTheyWere) {
  const std::string user("\x26\x00\x01k\x00\x01v", 7);
  for (const auto& [type, props] : {std::pair<std::string, std::string>{"application/json", user},
                                    {"application/json", ""},
                                    {"", user},
                                    {std::string(300, 't'), user}}) {
    const auto block = encoded(type, props);
    const auto back = decode_record_properties(block);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->content_type, type);
    EXPECT_EQ(back->user_properties, props);
  }
}

TEST(RecordProperties, KeepTheirLayoutOnDisk) {
  EXPECT_EQ(encoded("ab", "u"), std::string("\x01\x00\x02"
                                            "abu",
                                            6));
}

TEST(RecordProperties, LeaveOutATypeThatMqttCouldNotCarry) {
  EXPECT_EQ(encoded(std::string(70'000, 't'), "u"), std::string("\x01\x00\x00u", 4));
}

TEST(RecordProperties, RefuseABlockOfAnotherLayout) {
  EXPECT_FALSE(decode_record_properties(std::string_view("\x02\x00\x00", 3)));
  EXPECT_FALSE(decode_record_properties(std::string_view("\x01\x00", 2)));
  EXPECT_FALSE(
      decode_record_properties(std::string_view("\x01\x00\x05"
                                                "ab",
                                                5)));
}

}  // namespace
}  // namespace sluice
