#include <gtest/gtest.h>

#include "cloud/local/aws_rules.hpp"
#include "cloud/local/quotas.hpp"

namespace sluice::cloud {
namespace {

using mqtt::Reason;

constexpr MonoTime kStart{std::chrono::seconds(1000)};

Reason publish(const std::string& topic, std::size_t payload = 0, bool retain = false) {
  const auto refusal = publish_refusal(topic, payload, retain);
  return refusal ? refusal->reason : Reason::success;
}
Reason subscribe(const std::string& filter) {
  const auto refusal = subscribe_refusal(filter);
  return refusal ? refusal->reason : Reason::success;
}

TEST(AwsRules, BoundTopicsPayloadsAndDepth) {
  EXPECT_EQ(publish("a/b"), Reason::success);
  EXPECT_EQ(publish("a/b", 131072), Reason::success);
  EXPECT_EQ(publish("a/b", 131073), Reason::quota_exceeded);
  EXPECT_EQ(publish(std::string(256, 'a')), Reason::success);
  EXPECT_EQ(publish(std::string(257, 'a')), Reason::topic_name_invalid);
  EXPECT_EQ(publish("1/2/3/4/5/6/7/8"), Reason::success);
  EXPECT_EQ(publish("1/2/3/4/5/6/7/8/9"), Reason::topic_name_invalid);
}

TEST(AwsRules, CountBasicIngestTopicsWithoutTheirPrefix) {
  EXPECT_EQ(publish("$aws/rules/r/1/2/3/4/5/6/7/8"), Reason::success);
  EXPECT_EQ(publish("$aws/rules/r/1/2/3/4/5/6/7/8/9"), Reason::topic_name_invalid);
  EXPECT_EQ(publish("$aws/rules/r/" + std::string(256, 'a')), Reason::success);
  EXPECT_EQ(publish("$aws/rules/r"), Reason::topic_name_invalid);
  EXPECT_EQ(publish("$aws/rules//x"), Reason::topic_name_invalid);
  const auto topic = rule_topic("$aws/rules/my_rule/dt/x");
  ASSERT_TRUE(topic);
  EXPECT_EQ(topic->rule, "my_rule");
  EXPECT_EQ(topic->rest, "dt/x");
}

TEST(AwsRules, KeepReservedTopics) {
  EXPECT_EQ(publish("$aws/things/t/shadow/update"), Reason::success);
  EXPECT_EQ(publish("$aws/things/t/shadow/name/s/update/documents"), Reason::success);
  EXPECT_EQ(publish("$aws/things/t/shadow/update", 0, true), Reason::topic_name_invalid);
  EXPECT_EQ(publish("$aws/events/presence/connected/x"), Reason::topic_name_invalid);
  EXPECT_EQ(publish("$SYS/x"), Reason::topic_name_invalid);
  EXPECT_EQ(publish("a/b", 0, true), Reason::success);
}

TEST(AwsRules, BoundFilters) {
  EXPECT_EQ(subscribe("a/+/#"), Reason::success);
  EXPECT_EQ(subscribe("1/2/3/4/5/6/7/#"), Reason::success);
  EXPECT_EQ(subscribe("1/2/3/4/5/6/7/8/#"), Reason::topic_filter_invalid);
  EXPECT_EQ(subscribe("$share/group/1/2/3/4/5/6/7/#"), Reason::success);
  EXPECT_EQ(subscribe("$share/" + std::string(129, 'g') + "/a"), Reason::topic_filter_invalid);
  EXPECT_EQ(subscribe(std::string(257, 'a')), Reason::topic_filter_invalid);
  EXPECT_EQ(subscribe("$aws/rules/r/#"), Reason::topic_filter_invalid);
  EXPECT_EQ(subscribe("$aws/events/#"), Reason::success);
}

TEST(AwsRules, BoundClientIds) {
  EXPECT_FALSE(client_id_refusal(std::string(128, 'c')));
  EXPECT_EQ(client_id_refusal(std::string(129, 'c'))->reason, Reason::client_identifier_not_valid);
  EXPECT_EQ(client_id_refusal("$x")->reason, Reason::client_identifier_not_valid);
}

TEST(Bucket, GivesItsRateAndNoMoreThanItsBurst) {
  Bucket bucket(100, 100);
  int taken = 0;
  for (int i = 0; i < 1000; ++i) taken += bucket.take(1, kStart) ? 1 : 0;
  EXPECT_EQ(taken, 100);
  for (int ms = 1; ms <= 1000; ++ms) taken += bucket.take(1, kStart + std::chrono::milliseconds(ms)) ? 1 : 0;
  EXPECT_EQ(taken, 200);
  taken = 0;
  for (int i = 0; i < 1000; ++i) taken += bucket.take(1, kStart + std::chrono::hours(1)) ? 1 : 0;
  EXPECT_EQ(taken, 100);
}

TEST(Bucket, SaysHowLongADebtTakes) {
  Bucket bucket(1000, 1000);
  EXPECT_EQ(bucket.owe(1000, kStart), Duration::zero());
  EXPECT_EQ(bucket.owe(500, kStart), std::chrono::milliseconds(500));
  EXPECT_EQ(bucket.owe(0, kStart + std::chrono::milliseconds(400)), std::chrono::milliseconds(100));
}

TEST(ConnectQuota, AdmitsOneConnectASecondOfAClientId) {
  ConnectQuota quota({});
  EXPECT_TRUE(quota.admit("a", kStart));
  EXPECT_FALSE(quota.admit("a", kStart + std::chrono::milliseconds(500)));
  EXPECT_TRUE(quota.admit("b", kStart + std::chrono::milliseconds(500)));
  EXPECT_TRUE(quota.admit("a", kStart + std::chrono::milliseconds(1100)));
}

TEST(ConnectQuota, BoundsTheWholeAccount) {
  ConnectQuota quota({});
  int admitted = 0;
  for (int i = 0; i < 1000; ++i) admitted += quota.admit("c" + std::to_string(i), kStart) ? 1 : 0;
  EXPECT_EQ(admitted, 500);
}

TEST(ConnectQuota, AdmitsEverybodyWhenOff) {
  QuotaOptions off;
  off.on = false;
  ConnectQuota quota(off);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(quota.admit("same", kStart));
}

}  // namespace
}  // namespace sluice::cloud
