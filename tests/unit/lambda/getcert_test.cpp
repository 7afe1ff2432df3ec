// GET /getcert, as devices made for the awslabs Certificate Vending Machine expect it.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cloud/lambda/cvm/handler.hpp"
#include "tests/unit/lambda/world.hpp"

namespace sluice::lambda::cvm {
namespace {

using nlohmann::json;
using test::Fault;
using test::kDevice;
using test::kToken;

class Getcert : public ::testing::Test {
 protected:
  ApiResponse get(const std::string& stage, const std::string& token = kToken,
                  const std::string& device = kDevice) {
    ApiRequest request;
    request.method = "GET", request.path = "/getcert", request.stage = stage;
    request.query = {{"serialNumber", device}, {"deviceToken", token}};
    return respond(request);
  }
  ApiResponse respond(const ApiRequest& request) {
    CvmHandler handler(world.iot, world.table, settings, world.clock(), world.log());
    return handler.respond(request);
  }
  test::World world;
  Settings settings = world.settings();
};

TEST_F(Getcert, GivesKeysCertificateAndRootInBothGenerations) {
  for (const char* stage : {"LATEST", "Prod"}) {
    world.change([](auto& record) { record.apply_state = kNew; });
    const auto answer = get(stage);
    ASSERT_EQ(answer.status, 200U) << answer.body;
    const auto body = json::parse(answer.body);
    EXPECT_EQ(body.at("keyPair").at("PublicKey"), "the public key");
    EXPECT_EQ(body.at("keyPair").at("PrivateKey"), "the private key");
    EXPECT_EQ(body.at("RootCA"), world.settings().root_ca);
    EXPECT_TRUE(world.iot.works(body.at("certificateId"), kDevice, "devices"));
    EXPECT_FALSE(body.at("certificatePem").get<std::string>().empty());
    EXPECT_FALSE(body.at("certificateArn").get<std::string>().empty());
  }
}

TEST_F(Getcert, TheFirstGenerationAnswersEverythingWithStatus200) {
  const auto denied = get("LATEST", "guess");
  EXPECT_EQ(denied.status, 200U);
  EXPECT_EQ(denied.body, "\"Access Deny!\"");
  EXPECT_EQ(get("LATEST", kToken, "nobody").body, "\"Access Deny!\"");
  ASSERT_EQ(get("LATEST").status, 200U);
  EXPECT_EQ(get("LATEST").body, "\"Identical serial number error!\"");
  world.faults.arm(Fault::fails_before, 1);
  EXPECT_EQ(get("LATEST").body, "\"Service error: 500!\"");
}

TEST_F(Getcert, TheSecondGenerationAnswersEveryFailureWithStatus500AndPlainText) {
  const auto denied = get("Prod", "guess");
  EXPECT_EQ(denied.status, 500U);
  EXPECT_EQ(denied.body, "Access Denied");
  EXPECT_EQ(denied.headers.at("content-type"), "text/plain");
  EXPECT_EQ(get("Prod", "").body, "Bad Request");
  world.faults.arm(Fault::fails_before, 1);
  EXPECT_EQ(get("Prod").body, "Service error");
}

TEST_F(Getcert, TheSecondGenerationRotatesIfItMay) {
  settings.reissue = Reissue::rotate;
  const std::string first = json::parse(get("Prod").body).at("certificateId");
  const std::string second = json::parse(get("Prod").body).at("certificateId");
  EXPECT_NE(first, second);
  EXPECT_EQ(world.iot.active(), std::vector{second});
  EXPECT_EQ(world.iot.status_of(first), "");
}

TEST_F(Getcert, NoGenerationRotatesUnderRefuse) {
  for (const char* stage : {"LATEST", "Prod"}) {
    world.change([](auto& record) { record.apply_state = kNew; });
    const std::string first = json::parse(get(stage).body).at("certificateId");
    const auto again = get(stage);
    EXPECT_EQ(again.body, stage == std::string("Prod") ? "Error issuing certificate!"
                                                       : "\"Identical serial number error!\"");
    EXPECT_EQ(world.iot.active(), std::vector{first});
  }
}

TEST_F(Getcert, TakesABodyAndTheNamesOfTheTableToo) {
  ApiRequest request;
  request.method = "GET", request.path = "/Prod/getcert";
  request.body = json{{"productid", kDevice}, {"accessToken", kToken}}.dump();
  EXPECT_EQ(respond(request).status, 200U);
}

}  // namespace
}  // namespace sluice::lambda::cvm
