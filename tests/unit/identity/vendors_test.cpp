// Each method end to end against the scripted cloud, and what each says when it is turned down.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "identity/key_pair.hpp"
#include "tests/unit/identity/house.hpp"

namespace sluice::identity::test {
namespace {

using Kind = Admission::Kind;
using Method = ProvisioningOptions::Method;

TEST(Cvm, IsAskedWithTheCsrAndNeverWithAKey) {
  House house;
  house.options.cloud.region = "eu-central-1";
  house.start();
  ASSERT_TRUE(house.until([&] { return house.up(""); }));
  EXPECT_EQ(house.cloud.urls.at(0), "https://cvm.example/certificates");
  const auto body = nlohmann::json::parse(house.cloud.bodies.at(0));
  EXPECT_EQ(body["productid"], "gw-1");
  EXPECT_EQ(body["accessToken"], "gateway-token");
  EXPECT_EQ(body["region"], "eu-central-1");
  EXPECT_NE(body["csr"].get<std::string>().find("BEGIN CERTIFICATE REQUEST"), std::string::npos);
  EXPECT_EQ(house.cloud.bodies.at(0).find("PRIVATE"), std::string::npos);
}

TEST(Cvm, SendsTheApiKeyOfTheUsagePlan) {
  House house;
  house.options.cloud.provisioning.api_key_file = house.write("api.key", "plan-key\n");
  house.start();
  ASSERT_TRUE(house.until([&] { return house.up(""); }));
  EXPECT_NE(std::ranges::find(house.cloud.headers, "x-api-key: plan-key"), house.cloud.headers.end());
}

TEST(Cvm, ShowsTheAuthorizerOfTheApiWhatItLooksAt) {
  House house;
  house.start();
  ASSERT_TRUE(house.until([&] { return house.up(""); }));
  const auto& headers = house.cloud.headers;
  EXPECT_NE(std::ranges::find(headers, "productid: gw-1"), headers.end());
  EXPECT_NE(std::ranges::find(headers, "accesstoken: gateway-token"), headers.end());
  for (const auto& url : house.cloud.urls) EXPECT_EQ(url.find("gateway-token"), std::string::npos);
  for (const auto& line : house.log) EXPECT_EQ(line.find("gateway-token"), std::string::npos);
}

TEST(Cvm, AsksAgainWhenTheTokenIsBeingRedeemedElsewhere) {
  House house;
  house.cloud.will_answer(409, R"({"error":{"code":"InProgress","message":"wait","retryAfterSeconds":5}})");
  house.start();
  ASSERT_TRUE(house.until([&] { return house.up(""); }));
  EXPECT_EQ(house.cloud.requests, 2U);
}

TEST(Cvm, DoesNotTakeAnApiFrontsRefusalForTheTokens) {
  House house;
  house.cloud.will_answer(403, R"({"message":"Forbidden"})");
  house.start();
  house.until([&] { return house.cloud.requests == 1; });
  house.settle();
  EXPECT_NE(house.state(""), "refused") << "a missing API key says nothing of the token";
  EXPECT_TRUE(house.until([&] { return house.up(""); }));
}

TEST(Awslabs, TakesOverTheKeyThatTheServiceMade) {
  House house;
  house.use(Method::awslabs);
  house.cloud.tokens["m1"] = "a token/with+signs&=";
  house.start();
  EXPECT_EQ(house.admit("m1", "a token/with+signs&=")->kind, Kind::granted);
  ASSERT_TRUE(house.until([&] { return house.up("m1"); }));
  EXPECT_EQ(house.cloud.active("m1"), 1U);
}

TEST(Awslabs, TellsItsWordsApart) {
  const std::vector<std::pair<std::pair<unsigned, const char*>, Kind>> words = {
      {{200, "\"Access Deny!\""}, Kind::refused},
      {{500, "Access Denied"}, Kind::refused},
      {{200, "\"Identical serial number error!\""}, Kind::refused},
      {{500, "Bad Request"}, Kind::refused},
      {{200, R"({"certificatePem":"x"})"}, Kind::refused},
      {{200, "\"Service error: 500!\""}, Kind::held},
      {{500, "Error issuing certificate!"}, Kind::held},
      {{500, "Can not get Amazon root CA certificate! "}, Kind::held},
  };
  for (const auto& [answer, kind] : words) {
    House house;
    house.use(Method::awslabs);
    house.start();
    ASSERT_TRUE(house.until([&] { return house.up(""); }));
    for (int i = 0; i < 20; ++i) house.cloud.will_answer(answer.first, answer.second);
    EXPECT_EQ(house.admit("m1", "token-m1")->kind, kind) << answer.second;
  }
}

TEST(Fleet, RegistersWithTheDevicesToken) {
  House house;
  house.use(Method::fleet);
  house.start();
  EXPECT_EQ(house.admit("m1", "token-m1")->kind, Kind::granted);
  ASSERT_TRUE(house.until([&] { return house.up("m1"); }));
  EXPECT_EQ(house.cloud.active("m1"), 1U);
  EXPECT_EQ(house.cloud.lanes[house.lane("m1")].endpoint, "") << "that of cloud.endpoint";
}

TEST(Fleet, TakesOverWhereTemporaryCredentialsAreFromTheTemplate) {
  House house;
  house.use(Method::fleet);
  house.cloud.device_configuration = {
      {"credentialsEndpoint", "c.example"}, {"roleAlias", "stack-device"}, {"product", 7}};
  house.start();
  ASSERT_EQ(house.admit("m1", "token-m1")->kind, Kind::granted);
  ASSERT_TRUE(house.until([&] { return house.up("m1"); }));
  const auto source = [&] { return house.room->credentials_source("m1"); };
  EXPECT_EQ(source()->endpoint, "c.example");
  EXPECT_EQ(source()->role_alias, "stack-device");
  // A rotation whose answer is lost, and which is found out by connecting.
  ASSERT_TRUE(house.told([&](Done done) { house.room->rotate("m1", done); }));
  ASSERT_TRUE(house.until([&] { return house.state("m1") == "rotating-promised"; }));
  house.cloud.lose_answers = true;
  const auto before = house.shown("m1")["certificate_id"];
  ASSERT_TRUE(house.until([&] { return !house.cloud.is_active(before); }));
  house.kill();
  house.cloud.lose_answers = false;
  house.start();
  ASSERT_TRUE(house.until([&] { return house.up("m1"); }, 30min)) << house.shown("m1");
  EXPECT_NE(house.shown("m1")["certificate_id"], before);
  EXPECT_EQ(source()->endpoint, "c.example");
  EXPECT_EQ(source()->role_alias, "stack-device");
}

TEST(Fleet, LeavesADeviceConfigurationThatItDoesNotKnowAlone) {
  for (const auto& odd : {nlohmann::json("text"), nlohmann::json(nullptr), nlohmann::json::array(),
                          nlohmann::json{{"roleAlias", 5}, {"credentialsEndpoint", std::string(300, 'x')}}}) {
    House house;
    house.use(Method::fleet);
    house.cloud.device_configuration = odd;
    house.start();
    ASSERT_TRUE(house.until([&] { return house.up(""); })) << odd;
    const auto source = house.room->credentials_source(Identities::gateway());
    EXPECT_EQ(source->endpoint, "");
    EXPECT_EQ(source->role_alias, "");
  }
}

TEST(Fleet, AHookThatSaysNoRefusesTheToken) {
  House house;
  house.use(Method::fleet);
  house.start();
  const auto admission = house.admit("m1", "guessed");
  EXPECT_EQ(admission->kind, Kind::refused);
  EXPECT_NE(admission->text.find("hook refuses"), std::string::npos) << admission->text;
  EXPECT_EQ(house.cloud.active("m1"), 0U);
}

// The claim policy allows client/claim-*, and a client id has at most 128 bytes.
TEST(Fleet, ItsClaimConnectsAsNobodyElseWhateverTheGatewayIsCalled) {
  std::set<std::string> ids;
  for (const auto& gateway : {std::string("gw-1"), std::string(128, 'g'), std::string(127, 'g') + "h"}) {
    House house;
    house.use(Method::fleet);
    house.options.thing = gateway;
    house.cloud.tokens[gateway] = "gateway-token";
    house.start();
    EXPECT_EQ(house.admit("m1", "token-m1")->kind, Kind::granted);
    ASSERT_TRUE(house.until([&] { return house.up("m1"); }));
    EXPECT_GE(house.cloud.claims.size(), 2U) << "one asks for the certificate, one registers it";
    for (const auto& id : house.cloud.claims) {
      EXPECT_TRUE(id.starts_with("claim-g")) << id;
      EXPECT_LE(id.size(), 128U);
      EXPECT_TRUE(ids.insert(id).second) << id << " comes twice";
    }
  }
}

TEST(OwnCa, ConnectsUntilAwsHasRegisteredTheCertificate) {
  House house;
  house.use(Method::own_ca);
  house.cloud.drops = 3;
  house.start();
  house.knock("m1", "any", true);
  ASSERT_TRUE(house.until([&] { return house.up("m1"); }, 30min)) << house.shown("m1");
  EXPECT_EQ(house.cloud.active("m1"), 1U);
  const auto& pem = house.cloud.lanes[house.lane("m1")].tls.certificate_pem;
  EXPECT_NE(pem.find("BEGIN CERTIFICATE", pem.find("END CERTIFICATE")), std::string::npos)
      << "the chain is sent";
}

TEST(OwnCa, GivesUpACertificateThatAwsNeverTakes) {
  House house;
  house.use(Method::own_ca);
  house.cloud.drops = 100'000;
  house.options.cloud.provisioning.backoff_most = 10s;
  house.start();
  ASSERT_TRUE(house.until([&] { return house.state("") == "refused"; }, 5h)) << house.shown("");
  EXPECT_NE(house.shown("")["error"].get<std::string>().find("does not take its certificate"),
            std::string::npos);
}

// A thing's name has up to 128 bytes, a certificate's common name 64.
TEST(LongNames, GetACertificateWhereTheServiceKnowsThemByAnotherWay) {
  const auto name = std::string(128, 'm');
  for (const auto method : {Method::cvm, Method::fleet}) {
    House house;
    house.use(method);
    house.cloud.tokens[name] = "long";
    house.start();
    const auto admission = house.admit(name, "long");
    ASSERT_TRUE(admission);
    EXPECT_EQ(admission->kind, Kind::granted) << admission->text;
    ASSERT_TRUE(house.until([&] { return house.up(name); })) << house.shown(name);
    const auto facts = read_certificate(house.cloud.lanes[house.lane(name)].tls.certificate_pem);
    EXPECT_EQ(facts->common_name.size(), kMaxCommonName);
  }
}

TEST(LongNames, AreRefusedInWordsWhereTheCommonNameIsAllThatAwsKnows) {
  House house;
  house.use(Method::own_ca);
  house.start();
  ASSERT_TRUE(house.until([&] { return house.up(""); }));
  house.knock(std::string(65, 'm'), "any", true);
  ASSERT_TRUE(house.until([&] { return house.state(std::string(65, 'm')) == "refused"; }));
  EXPECT_NE(house.shown(std::string(65, 'm'))["error"].get<std::string>().find("64 bytes at most"),
            std::string::npos);
  house.knock(std::string(64, 'm'), "any", true);
  EXPECT_TRUE(house.until([&] { return house.up(std::string(64, 'm')); }, 30min));
}

TEST(OwnCa, NeedsTheKeyOfItsCertificate) {
  House house;
  house.use(Method::own_ca);
  house.options.cloud.provisioning.issuer.key = house.write(
      "other.key", sluice::test::make_certificate("x", 1'700'000'000, 2'500'000'000, nullptr).key);
  const auto started = house.try_start();
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().text.find("is not the key of"), std::string::npos) << started.error().text;
}

}  // namespace
}  // namespace sluice::identity::test
