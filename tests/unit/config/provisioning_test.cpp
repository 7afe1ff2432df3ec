// cloud.provisioning and devices.admit: each rule has a file that breaks it, and only it.
#include "tests/unit/config/sample.hpp"

namespace sluice::config {
namespace {

using namespace test;

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

// The sample with a vending machine instead of certificates and endpoint.
const std::string kCvm = replaced(replaced(kSample,
                                           "  endpoint: abc-ats.iot.eu-central-1.amazonaws.com\n"
                                           "  tls: { certificate: /c, key: /k, ca: /a }\n",
                                           "  provisioning:\n"
                                           "    method: cvm\n"
                                           "    url: https://cvm.example.com/prod\n"
                                           "    access_token_file: /etc/sluice/token\n"),
                                  "    thermo: { may_publish: [\"d/{device}/#\"] }\n",
                                  "    thermo: { may_publish: [\"d/{device}/#\"] }\n"
                                  "    meter: { identity: own, may_publish: [\"m/{device}/#\"] }\n"
                                  "  admit:\n"
                                  "    - { match: \"meter-*\", product: meter }\n");

Parsed cvm_with(const std::string& from, const std::string& to) { return parse(replaced(kCvm, from, to)); }
Parsed method(const std::string& lines) {
  return cvm_with("    method: cvm\n    url: https://cvm.example.com/prod\n", lines);
}

TEST(Provisioning, NeedsNoEndpointNorCertificateWhereTheServiceTellsThem) {
  const auto parsed = parse(kCvm);
  ASSERT_TRUE(parsed.problems.empty()) << text_of(parsed);
  EXPECT_EQ(parsed.options.cloud.provisioning.method, ProvisioningOptions::Method::cvm);
  EXPECT_EQ(parsed.options.cloud.provisioning.token_file, "/etc/sluice/token");
  ASSERT_EQ(parsed.options.admit.size(), 1U);
  EXPECT_EQ(parsed.options.admit[0].product, "meter");
}

TEST(Provisioning, WithoutItTheEndpointIsNeeded) {
  const auto parsed = with("  endpoint: abc-ats.iot.eu-central-1.amazonaws.com\n", "");
  expect_only(parsed, "cloud.endpoint", "is missing");
  EXPECT_EQ(parsed.problems[0].line, 3) << "where `cloud` stands";
}

TEST(Provisioning, HttpsOnly) {
  for (const auto* url : {"http://cvm.example.com", "cvm.example.com", "https://", "https:///x",
                          "https://a/?b=c", "\"https://user@a/\"", "\"https://a b/\""})
    expect_only(cvm_with("https://cvm.example.com/prod", url), "cloud.provisioning.url", "https://host");
}

TEST(Provisioning, NeedsWhatItsMethodNeeds) {
  expect_only(cvm_with("    url: https://cvm.example.com/prod\n", ""), "cloud.provisioning.url",
              "is missing");
  expect_only(cvm_with("    access_token_file: /etc/sluice/token\n", ""),
              "cloud.provisioning.access_token_file", "own token");
  const std::string cloud = "cloud:\n";
  const auto fleet = [&](const std::string& lines) {
    return parse(replaced(replaced(kCvm, "    method: cvm\n    url: https://cvm.example.com/prod\n",
                                   "    method: fleet\n" + lines),
                          cloud, "cloud:\n  endpoint: a.example\n  tls: { ca: /a }\n"));
  };
  const std::string claim = "    claim: { certificate: /c, key: /k }\n";
  EXPECT_TRUE(fleet(claim + "    template: sluice\n").problems.empty());
  expect_only(fleet(claim), "cloud.provisioning.template", "is missing");
  expect_only(fleet(claim + "    template: a/b\n"), "cloud.provisioning.template", "1 to 36");
  expect_only(fleet("    template: sluice\n    claim: { key: /k }\n"), "cloud.provisioning.claim.certificate",
              "is missing");
}

TEST(Provisioning, TakesNoCertificateByHandBesides) {
  expect_only(cvm_with("cloud:\n", "cloud:\n  endpoint: a.example\n  tls: { certificate: /c, key: /k }\n"),
              "cloud.tls.certificate", "provisioned");
}

TEST(Provisioning, ByFleetNeedsEndpointAndRoots) {
  const auto parsed = method("    method: fleet\n    claim: { certificate: /c, key: /k }\n    template: t\n");
  ASSERT_FALSE(parsed.problems.empty());
  EXPECT_EQ(parsed.problems[0].key, "cloud.endpoint");
}

TEST(Provisioning, OwnCaJudgesNoTokensAndLetsNobodyUnknownIn) {
  const auto own = replaced(replaced(kCvm, "    method: cvm\n    url: https://cvm.example.com/prod\n",
                                     "    method: own-ca\n    issuer: { certificate: /c, key: /k }\n"),
                            "cloud:\n", "cloud:\n  endpoint: a.example\n  tls: { ca: /a }\n");
  expect_only(parse(own), "devices.admit", "knows the tokens");
  EXPECT_TRUE(
      parse(replaced(own, "  admit:\n    - { match: \"meter-*\", product: meter }\n", "")).problems.empty());
}

TEST(Provisioning, CertificatesThatLastLessThanTheyAreRenewedBeforeAreAMistake) {
  const auto own = replaced(
      replaced(replaced(kCvm, "    method: cvm\n    url: https://cvm.example.com/prod\n",
                        "    method: own-ca\n    issuer: { certificate: /c, key: /k, valid: 20d }\n"),
               "cloud:\n", "cloud:\n  endpoint: a.example\n  tls: { ca: /a }\n"),
      "  admit:\n    - { match: \"meter-*\", product: meter }\n", "");
  expect_only(parse(own), "cloud.provisioning.issuer.valid", "for ever");
}

TEST(Provisioning, TheGatewaysProductidIsItsThing) {
  expect_only(cvm_with("    method: cvm\n", "    method: cvm\n    productid: other\n"),
              "cloud.provisioning.productid", "gw-1");
  EXPECT_TRUE(cvm_with("    method: cvm\n", "    method: cvm\n    productid: gw-1\n").problems.empty());
}

TEST(Provisioning, WarnsOfKeysThatTravel) {
  const auto text = replaced(replaced(kCvm, "method: cvm", "method: awslabs"), "cloud:\n",
                             "cloud:\n  endpoint: a.example\n");
  expect_warning(parse(text), "cloud.provisioning.method", "travel");
}

TEST(Provisioning, SaysWhatHasNoUseWithoutAMethod) {
  const auto parsed = with("cloud:\n", "cloud:\n  provisioning: { url: \"https://a\" }\n");
  expect_only(parsed, "cloud.provisioning.url", "method: given");
}

TEST(Admit, WantsAProductWithAnIdentityOfItsOwn) {
  expect_only(cvm_with("product: meter", "product: thermo"), "devices.admit[0].product",
              "no identity of its own");
  expect_only(cvm_with("product: meter", "product: metre"), "devices.admit[0].product",
              "did you mean 'meter'?");
  expect_only(cvm_with("meter-*", "meter/#"), "devices.admit[0].match", "1 to 128");
  expect_only(cvm_with("match: \"meter-*\", ", ""), "devices.admit[0].match", "is missing");
}

TEST(Admit, NeedsAService) {
  const auto parsed = with("devices:\n", "devices:\n  admit: [{ match: \"*\", product: thermo }]\n");
  ASSERT_FALSE(parsed.problems.empty());
  EXPECT_EQ(parsed.problems[0].key, "devices.admit");
}

TEST(Provisioning, AKnownDeviceOfItsOwnNeedsNoCertificate) {
  EXPECT_TRUE(cvm_with("  admit:\n", "  known:\n    m-1: { product: meter, token_file: /t }\n  admit:\n")
                  .problems.empty());
}

}  // namespace
}  // namespace sluice::config
