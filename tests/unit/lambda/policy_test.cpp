// The policies that devices and gateways get, asked what they allow.
#include "cloud/local/policy.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>

namespace sluice::cloud {
namespace {

std::string document(const std::string& name = "device") {
  std::ifstream file(SLUICE_SOURCE "/cloud/lambda/policy/" + name + ".json");
  std::string text(std::istreambuf_iterator<char>(file), {});
  // What CloudFormation's Fn::Sub fills in; the longest that there are.
  for (const auto& [name, value] : {std::pair<std::string, std::string>{"${AWS::Partition}", "aws-us-gov"},
                                    {"${AWS::Region}", "ap-southeast-1"},
                                    {"${AWS::AccountId}", "123456789012"},
                                    {"${IngestRule}", "sluice"},
                                    {"${RoleAlias}", "device-role"}}) {
    for (auto at = text.find(name); at != text.npos; at = text.find(name))
      text.replace(at, name.size(), value);
  }
  return text;
}

constexpr const char* kArn = "arn:aws-us-gov:iot:ap-southeast-1:123456789012:";

struct Who {
  std::string policy = "device", thing = "thermo-1";
  std::string type = "thermo", product = "thermo";  // empty: the thing has none
  bool attached = true;
  std::vector<std::string> connect_attributes = {"PersistentConnect"};
};

bool may(const std::string& action, const std::string& tail, const Who& who = {}) {
  const auto policy = Policy::parse(document(who.policy));
  EXPECT_TRUE(policy) << policy.error().text;
  PolicyVariables variables;
  variables.set("iot:ClientId", {who.thing});
  variables.set("iot:Connection.Thing.ThingName", {who.thing});
  variables.set("iot:Connection.Thing.IsAttached", {who.attached ? "true" : "false"});
  variables.set("iot:ConnectAttributes", who.connect_attributes);
  if (!who.type.empty()) variables.set("iot:Connection.Thing.ThingTypeName", {who.type});
  if (!who.product.empty()) variables.set("iot:Connection.Thing.Attributes[product]", {who.product});
  return policy && policy->evaluate(action, kArn + tail, variables) == Effect::allow;
}

TEST(DevicePolicy, LetsADeviceBeItself) {
  EXPECT_TRUE(may("iot:Connect", "client/thermo-1"));
  EXPECT_TRUE(may("iot:Publish", "topic/dt/thermo-1/temp"));
  EXPECT_TRUE(may("iot:Publish", "topic/dt/thermo/thermo-1/temp"));
  EXPECT_TRUE(may("iot:Publish", "topic/$aws/rules/sluice/dt/thermo/thermo-1/temp"));
  EXPECT_TRUE(may("iot:Publish", "topic/$aws/rules/sluice/dt/thermo-1/temp"));
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
  EXPECT_FALSE(may("iot:Connect", "client/thermo-1", {.attached = false}))
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

// `*` crosses the levels of a topic: it must not stand before the thing's name.
TEST(DevicePolicy, IsNobodyElseUnderALongerTopicEither) {
  const Who temp{.thing = "temp"};
  EXPECT_TRUE(may("iot:Publish", "topic/dt/thermo/temp/1", temp));
  EXPECT_FALSE(may("iot:Publish", "topic/dt/thermo/thermo-2/temp/1", temp));
  EXPECT_FALSE(may("iot:Publish", "topic/dt/another/temp/1", temp)) << "the product of another";
  EXPECT_FALSE(may("iot:Publish", "topic/$aws/rules/sluice/dt/thermo/thermo-2/temp/1", temp));
  EXPECT_FALSE(may("iot:Publish", "topic/$aws/rules/sluice/dt/thermo-2/dt/temp/1", temp));
  EXPECT_FALSE(may("iot:Publish", "topic/$aws/rules/another/dt/temp/1", temp));
}

TEST(DevicePolicy, TakesTheProductFromTheTypeOrTheAttribute) {
  for (const Who& who : {Who{.type = ""}, Who{.product = ""}})
    EXPECT_TRUE(may("iot:Publish", "topic/dt/thermo/thermo-1/temp", who));
  const Who neither{.type = "", .product = ""};
  EXPECT_FALSE(may("iot:Publish", "topic/dt/thermo/thermo-1/temp", neither));
  EXPECT_TRUE(may("iot:Publish", "topic/dt/thermo-1/temp", neither));
}

TEST(GatewayPolicy, LetsAGatewaySpeakForItsDevices) {
  const Who gateway{.policy = "gateway", .thing = "gw-1", .type = "gateway", .product = "gateway"};
  EXPECT_TRUE(may("iot:Connect", "client/gw-1", gateway));
  EXPECT_TRUE(may("iot:Publish", "topic/dt/thermo/thermo-1/temp", gateway));
  EXPECT_TRUE(may("iot:Publish", "topic/$aws/rules/sluice/dt/thermo/thermo-1/temp", gateway));
  EXPECT_TRUE(may("iot:Publish", "topic/$aws/rules/sluice_alarms/dt/thermo/thermo-1/alarm", gateway));
  EXPECT_TRUE(may("iot:Publish", "topic/$aws/things/gw-1/shadow/update", gateway));
  EXPECT_TRUE(may("iot:Subscribe", "topicfilter/cmd/gw-1/#", gateway));
  EXPECT_TRUE(may("iot:Receive", "topic/cmd/gw-1/thermo-1/reboot", gateway));
  EXPECT_TRUE(may("iot:AssumeRoleWithCertificate", "rolealias/device-role", gateway));
}

TEST(GatewayPolicy, AndDoNothingElseThatIsNotItsOwn) {
  const Who gateway{.policy = "gateway", .thing = "gw-1"};
  EXPECT_FALSE(may("iot:Connect", "client/gw-2", gateway));
  EXPECT_FALSE(may("iot:Connect", "client/thermo-1", gateway));
  EXPECT_FALSE(may("iot:Publish", "topic/$aws/things/thermo-1/shadow/update", gateway));
  EXPECT_FALSE(may("iot:Publish", "topic/$aws/rules/billing/dt/thermo/thermo-1/temp", gateway));
  EXPECT_FALSE(may("iot:Publish", "topic/cmd/thermo-1/reboot", gateway));
  EXPECT_FALSE(may("iot:Subscribe", "topicfilter/dt/#", gateway));
  EXPECT_FALSE(may("iot:Receive", "topic/cmd/gw-2/reboot", gateway));
}

TEST(ShippedPolicies, TakePersistentSessionsAndNoWills) {
  for (const char* policy : {"device", "gateway"}) {
    EXPECT_TRUE(may("iot:Connect", "client/thermo-1", {.policy = policy}));
    EXPECT_TRUE(may("iot:Connect", "client/thermo-1", {.policy = policy, .connect_attributes = {}}));
    EXPECT_FALSE(
        may("iot:Connect", "client/thermo-1", {.policy = policy, .connect_attributes = {"LastWill"}}));
    EXPECT_FALSE(may("iot:Connect", "client/thermo-1", {.policy = policy, .attached = false}));
  }
}

TEST(ShippedPolicies, FitAwsIotAndHaveNoWildcardAction) {
  for (const char* policy : {"device", "gateway"}) {
    const auto text = document(policy);
    const auto size = std::ranges::count_if(text, [](unsigned char c) { return std::isspace(c) == 0; });
    EXPECT_LE(size, 2048) << policy;
    EXPECT_EQ(text.find("iot:*"), std::string::npos) << policy;
    EXPECT_EQ(text.find("\"Resource\": \"*\""), std::string::npos) << policy;
  }
}

}  // namespace
}  // namespace sluice::cloud
