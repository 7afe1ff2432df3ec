#include "core/failpoint.hpp"

#include <gtest/gtest.h>

#include <csignal>

namespace sluice {
namespace {

TEST(FailPoints, AreInertUnlessNamed) {
  FailPoints none;
  EXPECT_FALSE(none.hit("before-begin"));
  FailPoints other("after-commit:1:err");
  EXPECT_FALSE(other.hit("before-begin"));
}

TEST(FailPoints, StrikeAtTheNthPassingAndNeverAgain) {
  FailPoints points("a:2:err,b:1:err");
  EXPECT_FALSE(points.hit("a"));
  EXPECT_TRUE(points.hit("a"));
  EXPECT_FALSE(points.hit("a"));
  EXPECT_TRUE(points.hit("b"));
}

TEST(FailPoints, IgnoreWhatTheyCannotRead) {
  for (const auto* text : {"", ":", "a", "a:1", "a:x:err", "a:0:err", "a:1:explode", ",,,", "a:-1:err"}) {
    FailPoints points(text);
    EXPECT_FALSE(points.hit("a")) << text;
  }
}

TEST(FailPoints, DelayWithoutFailing) {
  FailPoints points("a:1:delay=1");
  EXPECT_FALSE(points.hit("a"));
}

TEST(FailPointsDeathTest, Kill) {
  EXPECT_EXIT(FailPoints("a:1:kill").hit("a"), testing::KilledBySignal(SIGKILL), "");
}

}  // namespace
}  // namespace sluice
