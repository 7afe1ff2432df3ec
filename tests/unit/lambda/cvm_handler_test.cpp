// POST /certificates as a device sees it through API Gateway.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cloud/lambda/cvm/handler.hpp"
#include "tests/unit/lambda/keys.hpp"
#include "tests/unit/lambda/world.hpp"

namespace sluice::lambda::cvm {
namespace {

using nlohmann::json;
using test::Fault;
using test::kDevice;
using test::kToken;

struct Answered {
  int status = 0;
  json headers, body;
};

class Vending : public ::testing::Test {
 protected:
  Answered post(const json& body) { return send("POST", "/certificates", body.dump()); }
  Answered send(const std::string& method, const std::string& path, const std::string& body) {
    ApiRequest request;
    request.method = method, request.path = path, request.stage = "v1", request.body = body;
    const auto answer = handler()(rest_event(request));
    EXPECT_TRUE(answer);
    const auto root = json::parse(*answer);
    return {root.at("statusCode").get<int>(), root.at("headers"),
            json::parse(root.at("body").get<std::string>())};
  }
  json asking(const std::string& csr) {
    return {{"productid", kDevice}, {"accessToken", kToken}, {"csr", csr}};
  }
  CvmHandler& handler() {
    if (!handler_) handler_.emplace(world.iot, world.table, settings, world.clock(), world.log());
    return *handler_;
  }

  test::World world;
  Settings settings = world.settings();
  std::optional<CvmHandler> handler_;
};

TEST_F(Vending, GivesEverythingThatADeviceNeedsToConnect) {
  const auto answer = post(asking(test::make_csr()));
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.body.at("thingName"), kDevice);
  EXPECT_EQ(answer.body.at("product"), "thermo");
  EXPECT_EQ(answer.body.at("region"), "eu-central-1");
  EXPECT_EQ(answer.body.at("dataEndpoint"), "data.example.com");
  EXPECT_EQ(answer.body.at("credentialsEndpoint"), "credentials.example.com");
  EXPECT_EQ(answer.body.at("roleAlias"), "device-role");
  EXPECT_EQ(answer.body.at("rootCa"), settings.root_ca);
  const std::string id = answer.body.at("certificateId");
  EXPECT_NE(answer.body.at("certificateArn").get<std::string>().find(id), std::string::npos);
  EXPECT_TRUE(world.iot.works(id, kDevice, "devices"));
  EXPECT_EQ(answer.headers.at("cache-control"), "no-store");
}

TEST_F(Vending, AnswersWhatTheGatewaysClientUnderstands) {
  ApiRequest request;
  request.method = "POST", request.path = "/certificates";
  request.body = aws::cvm::to_json(
      aws::cvm::Request{.productid = kDevice, .access_token = kToken, .csr = test::make_csr(), .region = {}});
  const auto response = handler().respond(request);
  // The fake's ids are as long as AWS's own.
  const auto vended = aws::cvm::parse_response(response.status, response.body, "");
  ASSERT_TRUE(vended) << vended.error().text;
  EXPECT_EQ(vended->thing_name, kDevice);
}

TEST_F(Vending, ALostAnswerIsGivenAgainForTheSameKeyUnderPolicyRefuse) {
  const auto csr = test::make_csr();
  const auto first = post(asking(csr));
  const auto second = post(asking(csr));
  ASSERT_EQ(second.status, 200);
  EXPECT_EQ(first.body, second.body);
  EXPECT_EQ(post(asking(test::make_csr())).status, 409);
}

TEST_F(Vending, SaysWhatIsWrongWithARequest) {
  EXPECT_EQ(send("POST", "/certificates", "no json").status, 400);
  EXPECT_EQ(send("POST", "/certificates", "").status, 400);
  EXPECT_EQ(send("POST", "/certificates", std::string(100'000, ' ')).status, 400);
  EXPECT_EQ(post({{"productid", kDevice}, {"accessToken", kToken}}).status, 400);
  EXPECT_EQ(post(asking("no csr")).status, 400);
  const auto weak = post(asking(test::make_csr("RSA-1024")));
  EXPECT_EQ(weak.status, 400);
  EXPECT_NE(weak.body.at("error").at("message").get<std::string>().find("1024 bits"), std::string::npos);
  EXPECT_EQ(post(asking(test::make_forged_csr())).status, 400);
  EXPECT_EQ(send("GET", "/elsewhere", "").status, 404);
  EXPECT_EQ(send("DELETE", "/certificates", "").status, 404);
  EXPECT_EQ(world.record().apply_state, kNew) << "nothing of this spends the token";
}

TEST_F(Vending, AnUnknownDeviceAndAWrongTokenGetTheSameAnswer) {
  auto wrong = asking(test::make_csr());
  wrong["accessToken"] = "guess";
  auto unknown = asking(test::make_csr());
  unknown["productid"] = "nobody";
  const auto first = post(wrong), second = post(unknown);
  EXPECT_EQ(first.status, 401);
  EXPECT_EQ(second.status, 401);
  EXPECT_EQ(first.body, second.body);
  EXPECT_EQ(first.body.at("error").at("code"), "Unauthorized");
}

TEST_F(Vending, TellsWhenToAskAgain) {
  world.change([&](auto& record) {
    record.apply_state = kInProgress;
    record.claim_until = world.now + 3;
  });
  const auto busy = post(asking(test::make_csr()));
  EXPECT_EQ(busy.status, 409);
  EXPECT_EQ(busy.body.at("error").at("code"), "InProgress");
  EXPECT_EQ(busy.headers.at("retry-after"), "3");
  world.now += 3;
  world.faults.arm(Fault::fails_before, 3);
  const auto broken = post(asking(test::make_csr()));
  EXPECT_EQ(broken.status, 503);
  EXPECT_EQ(broken.headers.at("retry-after"), "5");
}

TEST_F(Vending, NamesTheServiceOfAnotherRegion) {
  settings.regions = {{"us-east-1", "https://cvm-us.example.com"}};
  auto elsewhere = asking(test::make_csr());
  elsewhere["region"] = "us-east-1";
  const auto known = post(elsewhere);
  EXPECT_EQ(known.status, 400);
  EXPECT_NE(known.body.at("error").at("message").get<std::string>().find("https://cvm-us.example.com"),
            std::string::npos);
  elsewhere["region"] = "ap-south-1";
  EXPECT_EQ(post(elsewhere).status, 400);
  elsewhere["region"] = "eu-central-1";
  EXPECT_EQ(post(elsewhere).status, 200);
}

TEST_F(Vending, AsksForTheEndpointsOnceAndBeforeItSpendsAToken) {
  world.faults.arm(Fault::fails_before, 1);
  EXPECT_EQ(post(asking(test::make_csr())).status, 503);
  EXPECT_EQ(world.record().apply_state, kNew);
  EXPECT_EQ(post(asking(test::make_csr())).status, 200);
}

TEST_F(Vending, WhatIsNoApiEventIsAnErrorOfTheFunction) {
  for (const char* event : {"", "[]", "{}", R"({"httpMethod":"POST"})", R"({"version":"2.0"})", "{\"a\":"}) {
    const auto answer = handler()(event);
    ASSERT_FALSE(answer) << event;
    EXPECT_EQ(answer.error().type, "Event.Malformed");
  }
}

}  // namespace
}  // namespace sluice::lambda::cvm
