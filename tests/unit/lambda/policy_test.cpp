// The policy that every device gets, asked what it allows.
#include "cloud/local/policy.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>

namespace sluice::cloud {
namespace {

std::string document() {
  std::ifstream file(SLUICE_SOURCE "/cloud/lambda/policy/device.json");
  std::string text(std::istreambuf_iterator<char>(file), {});
  // What CloudFormation's Fn::Sub fills in; the longest that there are.
  for (const auto& [name, value] : {std::pair<std::string, std::string>{"${AWS::Partition}", "aws-us-gov"},
                                    {"${AWS::Region}", "ap-southeast-1"},
                                    {"${AWS::AccountId}", "123456789012"},
                                    {"${RoleAlias}", "device-role"}}) {
    for (auto at = text.find(name); at != text.npos; at = text.find(name))
      text.replace(at, name.size(), value);
  }
  return text;
}

constexpr const char* kArn = "arn:aws-us-gov:iot:ap-southeast-1:123456789012:";

bool may(const std::string& action, const std::string& tail, bool attached = true) {
  const auto policy = Policy::parse(document());
  EXPECT_TRUE(policy) << policy.error().text;
  PolicyVariables variables;
  variables.set("iot:ClientId", {"thermo-1"});
  variables.set("iot:Connection.Thing.ThingName", {"thermo-1"});
  variables.set("iot:Connection.Thing.IsAttached", {attached ? "true" : "false"});
  return policy && policy->evaluate(action, kArn + tail, variables) == Effect::allow;
}

TEST(DevicePolicy, LetsADeviceBeItself) {
  EXPECT_TRUE(may("iot:Connect", "client/thermo-1"));
  EXPECT_TRUE(may("iot:Publish", "topic/dt/thermo-1/temp"));
  EXPECT_TRUE(may("iot:Publish", "topic/dt/thermo/thermo-1/temp"));
  EXPECT_TRUE(may("iot:Publish", "topic/$aws/rules/readings/dt/thermo/thermo-1/temp"));
  EXPECT_TRUE(may("iot:Publish", "topic/$aws/things/thermo-1/shadow/update"));
  EXPECT_TRUE(may("iot:Publish", "topic/$aws/things/thermo-1/shadow/name/config/get"));
  EXPECT_TRUE(may("iot:Publish", "topic/$aws/things/thermo-1/jobs/j-1/update"));
  EXPECT_TRUE(may("iot:Subscribe", "topicfilter/$aws/things/thermo-1/jobs/#"));
  EXPECT_TRUE(may("iot:Receive", "topic/$aws/things/thermo-1/jobs/notify"));
  EXPECT_TRUE(may("iot:Subscribe", "topicfilter/cmd/thermo-1/#"));
  EXPECT_TRUE(may("iot:Receive", "topic/cmd/thermo-1/reboot"));
  EXPECT_TRUE(may("iot:AssumeRoleWithCertificate", "rolealias/device-role"));
}

TEST(DevicePolicy, AndNobodyElse) {
  EXPECT_FALSE(may("iot:Connect", "client/thermo-2"));
  EXPECT_FALSE(may("iot:Connect", "client/thermo-1", false))
      << "a certificate that is not attached to the thing";
  EXPECT_FALSE(may("iot:Publish", "topic/dt/thermo-2/temp"));
  EXPECT_FALSE(may("iot:Publish", "topic/dt/thermo/thermo-2/temp"));
  EXPECT_FALSE(may("iot:Publish", "topic/$aws/things/thermo-2/shadow/update"));
  EXPECT_FALSE(may("iot:Publish", "topic/cmd/thermo-2/reboot"));
  EXPECT_FALSE(may("iot:Publish", "topic/cmd/thermo-1/reboot"));
  EXPECT_FALSE(may("iot:Subscribe", "topicfilter/#"));
  EXPECT_FALSE(may("iot:Subscribe", "topicfilter/cmd/+/#"));
  EXPECT_FALSE(may("iot:Receive", "topic/cmd/thermo-2/reboot"));
  EXPECT_FALSE(may("iot:AssumeRoleWithCertificate", "rolealias/another-role"));
  EXPECT_FALSE(may("iot:DeleteThingShadow", "thing/thermo-1"));
}

TEST(DevicePolicy, FitsAwsIotAndHasNoWildcardAction) {
  const auto text = document();
  const auto size = std::ranges::count_if(text, [](unsigned char c) { return std::isspace(c) == 0; });
  EXPECT_LE(size, 2048);
  EXPECT_EQ(text.find("iot:*"), std::string::npos);
  EXPECT_EQ(text.find("\"Resource\": \"*\""), std::string::npos);
}

}  // namespace
}  // namespace sluice::cloud
