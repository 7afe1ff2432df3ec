// The environment of the vending function, and what is wrong with it.
#include "cloud/lambda/cvm/settings.hpp"

#include <gtest/gtest.h>

namespace sluice::lambda::cvm {
namespace {

aws::result<Settings> read(std::map<std::string, std::string, std::less<>> values) {
  values.emplace("AWS_REGION", "eu-central-1");
  values.emplace("SLUICE_POLICY", "devices");
  return read_settings([values](std::string_view name) -> std::optional<std::string> {
    const auto it = values.find(name);
    if (it == values.end()) return std::nullopt;
    return it->second;
  });
}

TEST(CvmSettings, NeedLittleAndAreCareful) {
  const auto settings = read({});
  ASSERT_TRUE(settings) << settings.error().text;
  EXPECT_EQ(settings->reissue, Reissue::refuse);
  EXPECT_EQ(settings->retired, Retired::remove);
  EXPECT_EQ(settings->generation, Generation::second);
  EXPECT_EQ(settings->claim, std::chrono::seconds(30));
  EXPECT_TRUE(settings->root_ca.starts_with("-----BEGIN CERTIFICATE-----\nMII")) << "Amazon Root CA 1";
}

TEST(CvmSettings, AreReadFromTheEnvironment) {
  const auto settings = read({{"SLUICE_REISSUE", "rotate"},
                              {"SLUICE_RETIRED", "keep"},
                              {"SLUICE_GETCERT", "1"},
                              {"SLUICE_THING_TYPES", "no"},
                              {"SLUICE_CLAIM_SECONDS", "60"},
                              {"SLUICE_REGIONS", R"({"us-east-1":"https://us.example.com"})"},
                              {"SLUICE_ROOT_CA", "-----BEGIN CERTIFICATE-----\nx"}});
  ASSERT_TRUE(settings) << settings.error().text;
  EXPECT_EQ(settings->reissue, Reissue::rotate);
  EXPECT_EQ(settings->retired, Retired::keep);
  EXPECT_EQ(settings->generation, Generation::first);
  EXPECT_FALSE(settings->thing_types);
  EXPECT_EQ(settings->claim, std::chrono::seconds(60));
  EXPECT_EQ(settings->regions.at("us-east-1"), "https://us.example.com");
}

TEST(CvmSettings, NameTheVariableThatIsWrong) {
  const std::vector<std::pair<std::string, std::string>> wrong{
      {"SLUICE_REISSUE", "maybe"},    {"SLUICE_RETIRED", "x"},         {"SLUICE_GETCERT", "3"},
      {"SLUICE_CLAIM_SECONDS", "1"},  {"SLUICE_CLAIM_SECONDS", "30s"}, {"SLUICE_REGIONS", "{"},
      {"SLUICE_ROOT_CA", "/nowhere"}, {"SLUICE_THING_TYPES", "si"}};
  for (const auto& [name, value] : wrong) {
    const auto settings = read({{name, value}});
    ASSERT_FALSE(settings) << name << "=" << value;
    EXPECT_NE(settings.error().text.find(name), std::string::npos) << settings.error().text;
  }
}

}  // namespace
}  // namespace sluice::lambda::cvm
