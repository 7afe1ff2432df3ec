// Who is let in by the authorizer, and in which shape it says so.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cloud/lambda/authorizer/handler.hpp"
#include "tests/unit/lambda/world.hpp"

namespace sluice::lambda::authorizer {
namespace {

using nlohmann::json;
using test::kDevice;
using test::kToken;

constexpr const char* kMethod = "arn:aws:execute-api:eu-central-1:123456789012:abc123/v1/GET/devices/x";

class Authorizing : public ::testing::Test {
 protected:
  Answer request(const json& headers, const json& query = nullptr) {
    return ask({{"type", "REQUEST"},
                {"methodArn", kMethod},
                {"headers", headers},
                {"queryStringParameters", query}});
  }
  Answer ask(const json& event) { return AuthorizerHandler(world.table, world.log())(event.dump()); }
  test::World world;
};

bool unauthorized(const Answer& answer) { return !answer && answer.error().message == "Unauthorized"; }

TEST_F(Authorizing, LetsADeviceInToTheWholeStage) {
  const auto answer = request({{"ProductId", kDevice}, {"AccessToken", kToken}});
  ASSERT_TRUE(answer);
  const auto root = json::parse(*answer);
  EXPECT_EQ(root.at("principalId"), kDevice);
  const auto& statement = root.at("policyDocument").at("Statement").at(0);
  EXPECT_EQ(statement.at("Effect"), "Allow");
  EXPECT_EQ(statement.at("Action"), "execute-api:Invoke");
  EXPECT_EQ(statement.at("Resource"), "arn:aws:execute-api:eu-central-1:123456789012:abc123/v1/*");
  EXPECT_EQ(root.at("context").at("product"), "thermo");
  EXPECT_EQ(world.record().apply_state, kNew) << "nothing is redeemed";
}

TEST_F(Authorizing, TakesTheQueryAndTheAuthorizationHeaderToo) {
  EXPECT_TRUE(request(nullptr, {{"productid", kDevice}, {"accessToken", kToken}}));
  EXPECT_TRUE(request({{"authorization", std::string(kDevice) + " " + kToken}}));
  // base64 of thermo-1:correct-horse-battery-staple
  EXPECT_TRUE(request({{"Authorization", "Basic dGhlcm1vLTE6Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5LXN0YXBsZQ=="}}));
}

TEST_F(Authorizing, TakesATokenEvent) {
  const auto token = [&](const std::string& text) {
    return ask({{"type", "TOKEN"}, {"methodArn", kMethod}, {"authorizationToken", text}});
  };
  EXPECT_TRUE(token(std::string(kDevice) + " " + kToken));
  EXPECT_TRUE(unauthorized(token("x")));
  EXPECT_TRUE(unauthorized(token(std::string(kDevice) + " guess")));
}

TEST_F(Authorizing, TheNamesOfAwslabsAreTakenToo) {
  const auto query = [&](const char* token) {
    return ask({{"type", "REQUEST"},
                {"methodArn", kMethod},
                {"queryStringParameters", {{"serialNumber", kDevice}, {"deviceToken", token}}}});
  };
  EXPECT_TRUE(query(kToken));
  EXPECT_TRUE(unauthorized(query("guess")));
  EXPECT_TRUE(request({{"serialNumber", kDevice}, {"deviceToken", kToken}}));
}

TEST_F(Authorizing, EverybodyElseGetsTheErrorThatApiGatewayTurnsInto401) {
  EXPECT_TRUE(unauthorized(request(nullptr)));
  EXPECT_TRUE(unauthorized(request({{"productid", kDevice}})));
  EXPECT_TRUE(unauthorized(request({{"productid", kDevice}, {"accessToken", "guess"}})));
  EXPECT_TRUE(unauthorized(request({{"productid", "nobody"}, {"accessToken", kToken}})));
  EXPECT_TRUE(unauthorized(request({{"Authorization", "Basic ####"}})));
  EXPECT_TRUE(unauthorized(request({{"Authorization", "Basic bm9jb2xvbg=="}})));
}

TEST_F(Authorizing, ARegisteredDeviceIsStillLetIn) {
  world.change([](auto& record) { record.apply_state = kRegistered; });
  EXPECT_TRUE(request({{"productid", kDevice}, {"accessToken", kToken}}));
}

TEST_F(Authorizing, HttpApisGetTheSimpleAnswer) {
  const auto ask_http = [&](const char* token) {
    return json::parse(*ask({{"version", "2.0"},
                             {"type", "REQUEST"},
                             {"routeArn", kMethod},
                             {"headers", {{"productid", kDevice}, {"accesstoken", token}}}}));
  };
  EXPECT_EQ(ask_http(kToken).at("isAuthorized"), true);
  EXPECT_EQ(ask_http("guess").at("isAuthorized"), false);
}

TEST_F(Authorizing, ATableThatDoesNotAnswerIsNeverAYesNorA401) {
  world.faults.arm(test::Fault::fails_before, 1);
  const auto answer = request({{"productid", kDevice}, {"accessToken", kToken}});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().type, "Table.Unavailable");
}

TEST_F(Authorizing, WhatIsNoEventIsAnErrorOfTheFunction) {
  EXPECT_EQ(AuthorizerHandler(world.table, world.log())("").error().type, "Event.Malformed");
  EXPECT_EQ(ask({{"type", "REQUEST"}}).error().type, "Event.Malformed");
  EXPECT_EQ(ask({{"methodArn", "arn:short"}}).error().type, "Event.Malformed");
}

}  // namespace
}  // namespace sluice::lambda::authorizer
