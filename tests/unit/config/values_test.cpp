#include "config/values.hpp"

#include <gtest/gtest.h>

namespace sluice::config {
namespace {

TEST(Durations, AreWholeNumbersWithAUnit) {
  EXPECT_EQ(*parse_duration("500ms"), 500ms);
  EXPECT_EQ(*parse_duration("10s"), 10s);
  EXPECT_EQ(*parse_duration("3m"), 3min);
  EXPECT_EQ(*parse_duration("2h"), 2h);
  EXPECT_EQ(*parse_duration("7d"), 168h);
}

TEST(Durations, RefuseWhatIsNoDuration) {
  for (const auto* text :
       {"", "10", "s", "-1s", "1.5s", "10 s", "10sec", "1h30m", "99999999999999999999s", "300000d"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Durations, AreWrittenAsTheyCanBeRead) {
  for (const auto* text : {"0s", "500ms", "90s", "1m", "36h", "1d"})
    EXPECT_EQ(render_duration(*parse_duration(text)), text);
}

TEST(Sizes, TellPowersOf1000FromPowersOf1024) {
  EXPECT_EQ(*parse_size("5KB"), 5000U);
  EXPECT_EQ(*parse_size("5KiB"), 5120U);
  EXPECT_EQ(*parse_size("2GiB"), 2ULL << 30);
  EXPECT_EQ(*parse_size("17"), 17U);
}

TEST(Sizes, RefuseWhatIsNoSizeOrDoesNotFit) {
  for (const auto* text :
       {"", "KB", "-1KB", "1.5GB", "5 KB", "5kb", "5K", "99999999TiB", "18446744073709551616"}) {
    EXPECT_FALSE(parse_size(text)) << text;
  }
}

TEST(Sizes, AreWrittenAsTheyCanBeRead) {
  for (const auto* text : {"0B", "5KB", "5KiB", "2GiB", "1023B", "512KiB"})
    EXPECT_EQ(render_size(*parse_size(text)), text);
}

TEST(Numbers, AreFiniteAndNotNegative) {
  EXPECT_DOUBLE_EQ(*parse_number("0.2"), 0.2);
  for (const auto* text : {"", "-1", "nan", "inf", "1e3", "0x10", "1,5"})
    EXPECT_FALSE(parse_number(text)) << text;
}

TEST(Changes, AreAbsoluteOrInPercent) {
  EXPECT_FALSE(parse_change("0.5")->percent);
  EXPECT_TRUE(parse_change("2%")->percent);
  EXPECT_DOUBLE_EQ(parse_change("2%")->amount, 2);
  EXPECT_FALSE(parse_change("%"));
  EXPECT_EQ(render_change(*parse_change("2.5%")), "2.5%");
}

TEST(Booleans, AreTrueAndFalseOnly) {
  EXPECT_TRUE(*parse_boolean("true"));
  EXPECT_FALSE(*parse_boolean("false"));
  for (const auto* text : {"yes", "no", "on", "True", "1", ""}) EXPECT_FALSE(parse_boolean(text)) << text;
}

}  // namespace
}  // namespace sluice::config
