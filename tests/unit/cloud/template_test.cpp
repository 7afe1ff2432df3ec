// Provisioning templates: what each function gives, and what is refused in words.
#include "cloud/local/provisioning/template.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace sluice::cloud {
namespace {

using nlohmann::json;

// A template with this thing's name and these parameters.
std::string naming(const std::string& name, const std::string& mappings = "{}") {
  return R"({"Parameters":{"Serial":{"Type":"String"},"Site":{"Type":"String","Default":"north"}},"Mappings":)" +
         mappings + R"(,"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":)" + name +
         "}}}}";
}

// The name, or "error: ...".
std::string evaluated(const std::string& body, const Parameters& given) {
  const auto parsed = Template::parse(body);
  if (!parsed) return "refused: " + parsed.error().text;
  const auto provision = parsed->evaluate(given);
  return provision ? provision->thing->name : "error: " + provision.error().text;
}

struct FunctionRow {
  const char* name;
  const char* expected;
};
struct TemplateFunctions : testing::TestWithParam<FunctionRow> {};

TEST_P(TemplateFunctions, GiveWhatAwsGives) {
  EXPECT_EQ(
      evaluated(naming(GetParam().name, R"({"M":{"north":{"p":"N"},"x":{"p":"X"}}})"), {{"Serial", "a-b-c"}}),
      GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    All, TemplateFunctions,
    testing::Values(
        FunctionRow{R"("plain")", "plain"}, FunctionRow{R"({"Ref":"Serial"})", "a-b-c"},
        FunctionRow{R"({"Ref":"Site"})", "north"},
        FunctionRow{R"({"Fn::Join":["_",["x",{"Ref":"Serial"},{"Ref":"Site"}]]})", "x_a-b-c_north"},
        FunctionRow{R"({"Fn::Select":["1",{"Fn::Split":["-",{"Ref":"Serial"}]}]})", "b"},
        FunctionRow{R"({"Fn::Select":[2,["p","q","r"]]})", "r"},
        FunctionRow{R"({"Fn::Sub":"dev-${Serial}-${!Literal}"})", "dev-a-b-c-${Literal}"},
        FunctionRow{R"({"Fn::Sub":["${X}/${Site}",{"X":{"Fn::Join":["",["1","2"]]}}]})", "12/north"},
        FunctionRow{R"({"Fn::FindInMap":["M",{"Ref":"Site"},"p"]})", "N"},
        FunctionRow{R"({"Fn::FindInMap":["M","south","p"]})",
                    "error: resource t: ThingName: Fn::FindInMap: there is no south"},
        FunctionRow{R"({"Fn::Select":["9",["p"]]})",
                    "error: resource t: ThingName: Fn::Select: there is no item \"9\""},
        FunctionRow{R"({"Ref":"Unknown"})", "error: resource t: ThingName: the parameter Unknown is missing"},
        FunctionRow{
            R"({"Fn::Base64":"x"})",
            "error: resource t: ThingName: Fn::Base64 is no function of provisioning templates, or its "
            "arguments are wrong"}));

TEST(Template, NeedsParametersWithoutADefault) {
  EXPECT_EQ(evaluated(naming(R"({"Ref":"Serial"})"), {}),
            "error: resource t: ThingName: the parameter Serial is missing");
}

TEST(Template, TakesNoParametersThatItDoesNotDeclare) {
  EXPECT_EQ(evaluated(naming(R"({"Ref":"Other"})"), {{"Other", "x"}}),
            "error: resource t: ThingName: the parameter Other is missing");
  EXPECT_EQ(evaluated(naming(R"({"Ref":"AWS::IoT::Certificate::Id"})"), {{"AWS::IoT::Certificate::Id", "x"}}),
            "x")
      << "those of AWS are implicit";
}

TEST(Template, IsRefusedWithTheReason) {
  EXPECT_EQ(evaluated("nonsense", {}), "refused: not a JSON object");
  EXPECT_EQ(evaluated("{}", {}), "refused: Resources is missing");
  EXPECT_EQ(evaluated(std::string(10'241, ' '), {}), "refused: a template has 1 to 10240 characters");
  EXPECT_EQ(evaluated(R"({"Resources":{"x":{"Type":"AWS::S3::Bucket"}}})", {}),
            "refused: resource x: its Type is not AWS::IoT::Thing, Certificate or Policy");
  EXPECT_EQ(
      evaluated(R"({"Parameters":{"P":{"Type":"Number"}},"Resources":{"x":{"Type":"AWS::IoT::Thing"}}})", {}),
      "refused: Parameters.P: Type must be String");
}

TEST(Template, EndsWhereFunctionsAreTooDeep) {
  std::string value = R"("x")";
  for (int i = 0; i < 40; ++i) value.insert(0, R"({"Fn::Join":["",[)").append("]]}");
  EXPECT_NE(evaluated(naming(value), {}).find("nested too deeply"), std::string::npos);
}

TEST(Template, GathersEverythingThatIsToBeDone) {
  const auto parsed = Template::parse(R"({
    "Parameters": {"P": {"Type": "String"}},
    "Resources": {
      "thing": {"Type": "AWS::IoT::Thing", "OverrideSettings": {"AttributePayload": "REPLACE", "ThingTypeName": "FAIL"},
                "Properties": {"ThingName": "n", "ThingTypeName": "t", "AttributePayload": {"p": {"Ref": "P"}}}},
      "certificate": {"Type": "AWS::IoT::Certificate", "Properties": {"Status": "Inactive"}},
      "one": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": "default"}},
      "two": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyDocument": "{}"}}
    },
    "DeviceConfiguration": {"url": {"Fn::Sub": "https://x/${P}"}}
  })");
  ASSERT_TRUE(parsed) << parsed.error().text;
  const auto wanted = parsed->evaluate({{"P", "v"}});
  ASSERT_TRUE(wanted) << wanted.error().text;
  EXPECT_EQ(wanted->thing->type, "t");
  EXPECT_EQ(wanted->thing->attributes.at("p"), "v");
  EXPECT_EQ(wanted->thing->attributes_override, Override::replace);
  EXPECT_EQ(wanted->thing->type_override, Override::fail);
  EXPECT_EQ(wanted->certificate_status, "INACTIVE");
  EXPECT_EQ(wanted->policies.size(), 2U);
  EXPECT_EQ(wanted->device_configuration.at("url"), "https://x/v");
}

}  // namespace
}  // namespace sluice::cloud
