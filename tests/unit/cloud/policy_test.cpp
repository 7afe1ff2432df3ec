#include "cloud/local/policy.hpp"

#include <gtest/gtest.h>

#include "cloud/local/files.hpp"
#include "cloud/local/setup.hpp"
#include "tests/support/scratch.hpp"

namespace sluice::cloud {
namespace {

constexpr const char* kArn = "arn:aws:iot:eu-central-1:123456789012:";

Policy policy_of(const std::string& statements) {
  auto policy = Policy::parse(R"({"Version":"2012-10-17","Statement":[)" + statements + "]}");
  EXPECT_TRUE(policy) << policy.error().text << "\n" << statements;
  return policy ? std::move(*policy) : Policy();
}

std::string allow(const std::string& action, const std::string& tail, const std::string& more = "") {
  return R"({"Effect":"Allow","Action":")" + action + R"(","Resource":")" + kArn + tail + "\"" + more + "}";
}
std::string deny(const std::string& action, const std::string& tail) {
  return R"({"Effect":"Deny","Action":")" + action + R"(","Resource":")" + kArn + tail + "\"}";
}

PolicyVariables a_gateway() {
  PolicyVariables variables;
  variables.set("iot:ClientId", {"gw-1"});
  variables.set("iot:Connection.Thing.ThingName", {"gw-1"});
  variables.set("iot:Connection.Thing.ThingTypeName", {"gateway"});
  variables.set("iot:Connection.Thing.Attributes[Site]", {"north"});
  variables.set("iot:Connection.Thing.IsAttached", {"true"});
  variables.set("iot:CertificateId", {"abc"});
  variables.set("iot:Certificate.Subject.CommonName", {"gw-1", "second"});
  variables.set("iot:Certificate.Subject.Organization", {"star*"});
  variables.set("aws:SourceIp", {"10.1.2.3"});
  return variables;
}

struct Row {
  const char* what;
  std::string statements;
  const char* action;
  const char* tail;
  Effect expected;
};

class PolicyTable : public testing::TestWithParam<Row> {};

TEST_P(PolicyTable, GivesTheEffectThatAwsGives) {
  const Row& row = GetParam();
  EXPECT_EQ(policy_of(row.statements).evaluate(row.action, std::string(kArn) + row.tail, a_gateway()),
            row.expected)
      << row.what;
}

INSTANTIATE_TEST_SUITE_P(
    Wildcards, PolicyTable,
    testing::Values(
        Row{"exact", allow("iot:Publish", "topic/a/b"), "iot:Publish", "topic/a/b", Effect::allow},
        Row{"other topic", allow("iot:Publish", "topic/a/b"), "iot:Publish", "topic/a/bc", Effect::none},
        Row{"other action", allow("iot:Publish", "topic/a/b"), "iot:Receive", "topic/a/b", Effect::none},
        Row{"star crosses levels", allow("iot:Publish", "topic/a/*"), "iot:Publish", "topic/a/b/c/d",
            Effect::allow},
        Row{"star may be empty", allow("iot:Publish", "topic/a/*"), "iot:Publish", "topic/a/", Effect::allow},
        Row{"star needs what stands before", allow("iot:Publish", "topic/a/*"), "iot:Publish", "topic/a",
            Effect::none},
        Row{"star in the middle", allow("iot:Publish", "topic/a/*/z"), "iot:Publish", "topic/a/b/c/z",
            Effect::allow},
        Row{"stars go back", allow("iot:Publish", "topic/*ab*ab"), "iot:Publish", "topic/xababab",
            Effect::allow},
        Row{"question is one", allow("iot:Publish", "topic/a?c"), "iot:Publish", "topic/abc", Effect::allow},
        Row{"question is a slash too", allow("iot:Publish", "topic/a?c"), "iot:Publish", "topic/a/c",
            Effect::allow},
        Row{"question is not none", allow("iot:Publish", "topic/a?c"), "iot:Publish", "topic/ac",
            Effect::none},
        Row{"question is one character of UTF-8", allow("iot:Publish", "topic/a?c"), "iot:Publish",
            "topic/aéc", Effect::allow},
        Row{"resources have case", allow("iot:Publish", "topic/A"), "iot:Publish", "topic/a", Effect::none},
        Row{"actions have none", allow("IOT:publish", "topic/a"), "iot:Publish", "topic/a", Effect::allow},
        Row{"action star", allow("iot:*", "topic/a"), "iot:Publish", "topic/a", Effect::allow},
        Row{"action prefix", allow("iot:Pub*", "topic/a"), "iot:Publish", "topic/a", Effect::allow},
        Row{"plus is a character", allow("iot:Subscribe", "topicfilter/a/+"), "iot:Subscribe",
            "topicfilter/a/+", Effect::allow},
        Row{"plus does not match a level", allow("iot:Subscribe", "topicfilter/a/+"), "iot:Subscribe",
            "topicfilter/a/b", Effect::none},
        Row{"hash does not match", allow("iot:Publish", "topic/a/#"), "iot:Publish", "topic/a/b",
            Effect::none},
        Row{"star covers MQTT wildcards", allow("iot:Subscribe", "topicfilter/a/*"), "iot:Subscribe",
            "topicfilter/a/#", Effect::allow},
        Row{"another account",
            R"({"Effect":"Allow","Action":"iot:Publish","Resource":"arn:aws:iot:eu-central-1:999999999999:topic/a"})",
            "iot:Publish", "topic/a", Effect::none}));

INSTANTIATE_TEST_SUITE_P(
    Variables, PolicyTable,
    testing::Values(
        Row{"thing name", allow("iot:Connect", "client/${iot:Connection.Thing.ThingName}"), "iot:Connect",
            "client/gw-1", Effect::allow},
        Row{"names have no case", allow("iot:Connect", "client/${IOT:connection.thing.thingname}"),
            "iot:Connect", "client/gw-1", Effect::allow},
        Row{"thing name of another", allow("iot:Connect", "client/${iot:Connection.Thing.ThingName}"),
            "iot:Connect", "client/gw-2", Effect::none},
        Row{"in the middle", allow("iot:Publish", "topic/t/${iot:ClientId}/*"), "iot:Publish",
            "topic/t/gw-1/x", Effect::allow},
        Row{"children by prefix", allow("iot:Publish", "topic/$aws/things/${iot:ClientId}-*/shadow/*"),
            "iot:Publish", "topic/$aws/things/gw-1-child/shadow/update", Effect::allow},
        Row{"undefined: no match", allow("iot:Publish", "topic/${iot:Connection.Thing.Attributes[Nope]}*"),
            "iot:Publish", "topic/x", Effect::none},
        Row{"attribute", allow("iot:Publish", "topic/${iot:Connection.Thing.Attributes[Site]}/x"),
            "iot:Publish", "topic/north/x", Effect::allow},
        Row{"attribute names have case",
            allow("iot:Publish", "topic/${iot:Connection.Thing.Attributes[site]}/x"), "iot:Publish",
            "topic/north/x", Effect::none},
        Row{"type", allow("iot:Publish", "topic/${iot:Connection.Thing.ThingTypeName}"), "iot:Publish",
            "topic/gateway", Effect::allow},
        Row{"certificate", allow("iot:Publish", "topic/${iot:CertificateId}"), "iot:Publish", "topic/abc",
            Effect::allow},
        Row{"first of several values", allow("iot:Publish", "topic/${iot:Certificate.Subject.CommonName}"),
            "iot:Publish", "topic/gw-1", Effect::allow},
        Row{"value by index", allow("iot:Publish", "topic/${iot:Certificate.Subject.CommonName.1}"),
            "iot:Publish", "topic/second", Effect::allow},
        Row{"index beyond", allow("iot:Publish", "topic/${iot:Certificate.Subject.CommonName.2}"),
            "iot:Publish", "topic/second", Effect::none},
        Row{"certificate value with a wildcard stays unresolved",
            allow("iot:Publish", "topic/${iot:Certificate.Subject.Organization}"), "iot:Publish",
            "topic/star-x", Effect::none},
        Row{"literal star", allow("iot:Publish", "topic/a${*}"), "iot:Publish", "topic/a*", Effect::allow},
        Row{"literal star is no wildcard", allow("iot:Publish", "topic/a${*}"), "iot:Publish", "topic/ab",
            Effect::none},
        Row{"literal question", allow("iot:Publish", "topic/a${?}"), "iot:Publish", "topic/ab", Effect::none},
        Row{"literal dollar", allow("iot:Publish", "topic/${$}{iot:ClientId}"), "iot:Publish",
            "topic/${iot:ClientId}", Effect::allow},
        Row{"unclosed is text", allow("iot:Publish", "topic/${iot:ClientId"), "iot:Publish",
            "topic/${iot:ClientId", Effect::allow},
        Row{"$aws is text", allow("iot:Publish", "topic/$aws/rules/*"), "iot:Publish", "topic/$aws/rules/r/x",
            Effect::allow}));

INSTANTIATE_TEST_SUITE_P(
    Order, PolicyTable,
    testing::Values(
        Row{"nothing said", deny("iot:Connect", "client/*"), "iot:Publish", "topic/a", Effect::none},
        Row{"deny after allow", allow("iot:Publish", "topic/*") + "," + deny("iot:Publish", "topic/secret"),
            "iot:Publish", "topic/secret", Effect::deny},
        Row{"deny before allow", deny("iot:Publish", "topic/secret") + "," + allow("iot:Publish", "topic/*"),
            "iot:Publish", "topic/secret", Effect::deny},
        Row{"deny elsewhere", allow("iot:Publish", "topic/*") + "," + deny("iot:Publish", "topic/secret"),
            "iot:Publish", "topic/open", Effect::allow},
        Row{"deny with an undefined variable does not match",
            allow("iot:Publish", "topic/*") + "," +
                deny("iot:Publish", "topic/${iot:Certificate.Subject.Title}*"),
            "iot:Publish", "topic/a", Effect::allow},
        Row{"deny on a filter says nothing of receiving",
            allow("iot:*", "*") + "," + deny("iot:Subscribe", "topicfilter/a/secret"), "iot:Subscribe",
            "topicfilter/a/#", Effect::allow}));

std::string when(const std::string& block) { return R"(,"Condition":)" + block; }

INSTANTIATE_TEST_SUITE_P(
    Conditions, PolicyTable,
    testing::Values(
        Row{"equals", allow("iot:Publish", "topic/a", when(R"({"StringEquals":{"iot:ClientId":"gw-1"}})")),
            "iot:Publish", "topic/a", Effect::allow},
        Row{"equals one of",
            allow("iot:Publish", "topic/a", when(R"({"StringEquals":{"iot:ClientId":["x","gw-1"]}})")),
            "iot:Publish", "topic/a", Effect::allow},
        Row{"equals none",
            allow("iot:Publish", "topic/a", when(R"({"StringEquals":{"iot:ClientId":["x","gw-2"]}})")),
            "iot:Publish", "topic/a", Effect::none},
        Row{"equals takes no wildcard",
            allow("iot:Publish", "topic/a", when(R"({"StringEquals":{"iot:ClientId":"gw-*"}})")),
            "iot:Publish", "topic/a", Effect::none},
        Row{"like does", allow("iot:Publish", "topic/a", when(R"({"StringLike":{"iot:ClientId":"gw-*"}})")),
            "iot:Publish", "topic/a", Effect::allow},
        Row{"not equals",
            allow("iot:Publish", "topic/a", when(R"({"StringNotEquals":{"iot:ClientId":"gw-1"}})")),
            "iot:Publish", "topic/a", Effect::none},
        Row{"not like", allow("iot:Publish", "topic/a", when(R"({"StringNotLike":{"iot:ClientId":"x*"}})")),
            "iot:Publish", "topic/a", Effect::allow},
        Row{"ignoring case",
            allow("iot:Publish", "topic/a", when(R"({"StringEqualsIgnoreCase":{"iot:ClientId":"GW-1"}})")),
            "iot:Publish", "topic/a", Effect::allow},
        Row{"a variable in the value",
            allow("iot:Publish", "topic/a",
                  when(R"({"StringEquals":{"iot:ClientId":"${iot:Connection.Thing.ThingName}"}})")),
            "iot:Publish", "topic/a", Effect::allow},
        Row{"bool as word",
            allow("iot:Publish", "topic/a", when(R"({"Bool":{"iot:Connection.Thing.IsAttached":["true"]}})")),
            "iot:Publish", "topic/a", Effect::allow},
        Row{"bool as JSON",
            allow("iot:Publish", "topic/a", when(R"({"Bool":{"iot:Connection.Thing.IsAttached":false}})")),
            "iot:Publish", "topic/a", Effect::none},
        Row{"absent key", allow("iot:Publish", "topic/a", when(R"({"StringEquals":{"iot:Nope":"x"}})")),
            "iot:Publish", "topic/a", Effect::none},
        Row{"absent key, if exists",
            allow("iot:Publish", "topic/a", when(R"({"StringEqualsIfExists":{"iot:Nope":"x"}})")),
            "iot:Publish", "topic/a", Effect::allow},
        Row{"null", allow("iot:Publish", "topic/a", when(R"({"Null":{"iot:Nope":"true"}})")), "iot:Publish",
            "topic/a", Effect::allow},
        Row{"address in a network",
            allow("iot:Publish", "topic/a", when(R"({"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}})")),
            "iot:Publish", "topic/a", Effect::allow},
        Row{"address outside",
            allow("iot:Publish", "topic/a", when(R"({"IpAddress":{"aws:SourceIp":"192.168.0.0/16"}})")),
            "iot:Publish", "topic/a", Effect::none},
        Row{"not address",
            allow("iot:Publish", "topic/a",
                  when(R"({"NotIpAddress":{"aws:SourceIp":["192.168.0.0/16","10.1.2.4"]}})")),
            "iot:Publish", "topic/a", Effect::allow},
        Row{"all operators must hold",
            allow(
                "iot:Publish", "topic/a",
                when(
                    R"({"StringEquals":{"iot:ClientId":"gw-1"},"Bool":{"iot:Connection.Thing.IsAttached":"false"}})")),
            "iot:Publish", "topic/a", Effect::none},
        Row{"any of a list",
            allow(
                "iot:Publish", "topic/a",
                when(R"({"ForAnyValue:StringEquals":{"iot:Certificate.Subject.CommonName.List":"second"}})")),
            "iot:Publish", "topic/a", Effect::allow},
        Row{"all of a list",
            allow(
                "iot:Publish", "topic/a",
                when(
                    R"({"ForAllValues:StringEquals":{"iot:Certificate.Subject.CommonName.List":"second"}})")),
            "iot:Publish", "topic/a", Effect::none}));

TEST(ConnectAttributes, AllowPersistentSessionsAndWillsOnlyWhenListed) {
  const auto policy = policy_of(
      allow("iot:Connect", "client/*",
            when(R"({"ForAllValues:StringEquals":{"iot:ConnectAttributes":["PersistentConnect"]}})")));
  const auto with = [&](std::vector<std::string> attributes) {
    auto variables = a_gateway();
    variables.set("iot:ConnectAttributes", std::move(attributes));
    return policy.evaluate("iot:Connect", std::string(kArn) + "client/gw-1", variables);
  };
  EXPECT_EQ(with({}), Effect::allow);
  EXPECT_EQ(with({"PersistentConnect"}), Effect::allow);
  EXPECT_EQ(with({"LastWill"}), Effect::none);
  EXPECT_EQ(with({"PersistentConnect", "LastWill"}), Effect::none);
}

TEST(PolicyList, IsDeniedByAnyOfItsPolicies) {
  const auto open = std::make_shared<const Policy>(policy_of(allow("iot:*", "*")));
  const auto closed = std::make_shared<const Policy>(policy_of(deny("iot:Publish", "topic/x")));
  const std::string x = std::string(kArn) + "topic/x", y = std::string(kArn) + "topic/y";
  EXPECT_TRUE(allowed({open}, "iot:Publish", x, {}));
  EXPECT_FALSE(allowed({open, closed}, "iot:Publish", x, {}));
  EXPECT_TRUE(allowed({open, closed}, "iot:Publish", y, {}));
  EXPECT_FALSE(allowed({closed}, "iot:Publish", y, {}));
  EXPECT_FALSE(allowed({}, "iot:Publish", y, {}));
}

TEST(PolicyDocument, IsRefusedWithTheReason) {
  const struct {
    const char* document;
    const char* says;
  } rows[] = {
      {"", "not a JSON object"},
      {"[]", "not a JSON object"},
      {"{", "not a JSON object"},
      {R"({"Statement":[]})", "Version"},
      {R"({"Version":"2008-10-17","Statement":[]})", "Version"},
      {R"({"Version":"2012-10-17"})", "no Statement"},
      {R"({"Version":"2012-10-17","Statement":[]})", "empty Statement"},
      {R"({"Version":"2012-10-17","Statement":[7]})", "statement 1: must be an object"},
      {R"({"Version":"2012-10-17","Statement":{"Effect":"allow","Action":"*","Resource":"*"}})", "Effect"},
      {R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Resource":"*"}})", "Action is missing"},
      {R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":[],"Resource":"*"}})",
       "Action is an empty list"},
      {R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":[1]}})",
       "Resource must be"},
      {R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","NotResource":"*"}})",
       "NotResource"},
      {R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":7}})",
       "Condition"},
      {R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"NumericEquals":{"a":"1"}}}})",
       "NumericEquals"},
      {R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"a":[]}}}})",
       "no values"},
  };
  for (const auto& row : rows) {
    const auto policy = Policy::parse(row.document);
    ASSERT_FALSE(policy) << row.document;
    EXPECT_NE(policy.error().text.find(row.says), std::string::npos) << policy.error().text;
  }
}

TEST(PolicyDocument, MayHaveTwoThousandCharactersNotCountingWhiteSpace) {
  const std::string head =
                        R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":")",
                    tail = "\"}}";
  const std::string longest(Policy::kMaxCharacters - head.size() - tail.size(), 'r');
  EXPECT_TRUE(Policy::parse(head + longest + tail));
  EXPECT_TRUE(Policy::parse(head + longest + tail + std::string(5000, ' ')));
  EXPECT_FALSE(Policy::parse(head + longest + "r" + tail));
}

TEST(PolicyVariables, AreBoundedInNumberAndLength) {
  PolicyVariables variables;
  variables.set("many", {"1", "2", "3", "4", "5", "6"});
  EXPECT_EQ(variables.values("many.list").size(), PolicyVariables::kMaxValues);
  variables.set("long", {std::string(PolicyVariables::kMaxValueBytes + 1, 'x')});
  EXPECT_FALSE(variables.substitute("long"));
}

TEST(DefaultPolicies, AreWhatAwsWouldTake) {
  sluice::test::Scratch scratch;
  ASSERT_TRUE(
      init_directory(scratch.path() / "c", {"eu-central-1"}, {}, WallTime(std::chrono::seconds(1793491200))));
  for (const char* name : {"default.json", "all.json", "claim.json", "device.json", "gateway.json"}) {
    const auto text = read_file(scratch.path() / "c" / "policies" / name);
    ASSERT_TRUE(text);
    const auto policy = Policy::parse(*text);
    EXPECT_TRUE(policy) << name << ": " << policy.error().text;
    for (const char* variable : {"${AWS", "${Role", "${Ingest"})
      EXPECT_EQ(text->find(variable), text->npos) << name;
  }
}

}  // namespace
}  // namespace sluice::cloud
