#include "core/glob.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Glob, MatchesWholeNames) {
  EXPECT_TRUE(glob_matches("meter-*", "meter-"));
  EXPECT_TRUE(glob_matches("meter-*", "meter-0042"));
  EXPECT_TRUE(glob_matches("*-a-*", "x-a-a-b"));
  EXPECT_TRUE(glob_matches("m?ter", "meter"));
  EXPECT_TRUE(glob_matches("*", ""));
  EXPECT_TRUE(glob_matches("a*b*c", "aXbYbZc"));
  EXPECT_FALSE(glob_matches("meter-*", "xmeter-1"));
  EXPECT_FALSE(glob_matches("meter", "meter-1"));
  EXPECT_FALSE(glob_matches("m?ter", "mter"));
  EXPECT_FALSE(glob_matches("", "a"));
  EXPECT_FALSE(glob_matches("a*b", "a"));
}

}  // namespace
}  // namespace sluice
