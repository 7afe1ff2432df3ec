// The environment of the vending function, and what is wrong with it.
#include "cloud/lambda/cvm/settings.hpp"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>
#include <memory>
#include <vector>

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
  EXPECT_EQ(settings->gateways.name, "");
}

TEST(CvmSettings, HandOutTheRootsOfBothKindsOfKeys) {
  const auto settings = read({});
  ASSERT_TRUE(settings);
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
      BIO_new_mem_buf(settings->root_ca.data(), static_cast<int>(settings->root_ca.size())), BIO_free);
  std::vector<std::string> names;
  for (X509* root = nullptr; (root = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) != nullptr;) {
    const std::unique_ptr<X509, decltype(&X509_free)> owned(root, X509_free);
    EXPECT_EQ(X509_verify(root, X509_get0_pubkey(root)), 1) << "signed by itself";
    std::array<char, 64> name{};
    X509_NAME_get_text_by_NID(X509_get_subject_name(root), NID_commonName, name.data(), name.size());
    names.emplace_back(name.data());
  }
  EXPECT_EQ(names, (std::vector<std::string>{"Amazon Root CA 1", "Amazon Root CA 3"}));
}

TEST(CvmSettings, NameThePolicyAndTheProductsOfGateways) {
  const auto one = read({{"SLUICE_GATEWAY_POLICY", "gateways"}});
  ASSERT_TRUE(one);
  EXPECT_EQ(one->gateways.or_else("devices", "gateway"), "gateways");
  EXPECT_EQ(one->gateways.or_else("devices", "thermo"), "devices");
  EXPECT_EQ(one->gateways.or_else("devices", ""), "devices");
  const auto more = read({{"SLUICE_GATEWAY_POLICY", "gateways"}, {"SLUICE_GATEWAY_PRODUCTS", "hub,,edge"}});
  ASSERT_TRUE(more);
  for (const char* product : {"hub", "edge"}) EXPECT_TRUE(more->gateways.is_for(product)) << product;
  for (const char* product : {"gateway", "", "hub,"}) EXPECT_FALSE(more->gateways.is_for(product)) << product;
  EXPECT_FALSE(read({})->gateways.is_for("gateway")) << "no policy of their own";
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
