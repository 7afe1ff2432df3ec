// AWS IoT Core's publish limits, at their edges.
#include "aws/limits.hpp"

#include <gtest/gtest.h>

namespace sluice::aws {
namespace {

TEST(AwsLimits, TakeAPayloadOf128KiBAndNoByteMore) {
  EXPECT_FALSE(publish_problem("a", 128 * 1024));
  const auto problem = publish_problem("a", 128 * 1024 + 1);
  ASSERT_TRUE(problem);
  EXPECT_NE(problem->find("131073"), std::string::npos);
}

TEST(AwsLimits, TakeATopicOf256BytesAndNoByteMore) {
  EXPECT_FALSE(publish_problem(std::string(256, 'x'), 0));
  EXPECT_TRUE(publish_problem(std::string(257, 'x'), 0));
  EXPECT_TRUE(publish_problem("", 0));
}

TEST(AwsLimits, TakeSevenSlashesAndNotEight) {
  EXPECT_FALSE(publish_problem("1/2/3/4/5/6/7/8", 0));
  EXPECT_TRUE(publish_problem("1/2/3/4/5/6/7/8/9", 0));
  EXPECT_TRUE(publish_problem("////////", 0));
}

TEST(BasicIngest, PrefixDoesNotCount) {
  EXPECT_EQ(counted_part("$aws/rules/my_rule/a/b"), "a/b");
  EXPECT_FALSE(publish_problem("$aws/rules/my_rule/1/2/3/4/5/6/7/8", 0));
  EXPECT_FALSE(publish_problem("$aws/rules/my_rule/" + std::string(256, 'x'), 0));
}

TEST(BasicIngest, RestIsHeldToTheLimits) {
  EXPECT_TRUE(publish_problem("$aws/rules/my_rule/1/2/3/4/5/6/7/8/9", 0));
  EXPECT_TRUE(publish_problem("$aws/rules/my_rule/" + std::string(257, 'x'), 0));
}

TEST(BasicIngest, PrefixIsExactlyThreeLevels) {
  EXPECT_EQ(counted_part("$aws/rules/my_rule"), "");
  EXPECT_EQ(counted_part("$aws/rules/my_rule/"), "");
  EXPECT_EQ(counted_part("$aws/things/x/shadow/update"), "$aws/things/x/shadow/update");
  EXPECT_EQ(counted_part("a/$aws/rules/r/x"), "a/$aws/rules/r/x");
}

TEST(AwsLimits, TakeTheLongestShadowTopic) {
  EXPECT_FALSE(publish_problem("$aws/things/t/shadow/name/s/update/documents", 0));
}

}  // namespace
}  // namespace sluice::aws
