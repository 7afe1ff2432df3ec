// The pre-provisioning hook of fleet provisioning by claim.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cloud/lambda/fleet_hook/handler.hpp"
#include "tests/unit/lambda/keys.hpp"
#include "tests/unit/lambda/world.hpp"

namespace sluice::lambda::fleet_hook {
namespace {

using nlohmann::json;
using test::Fault;
using test::kDevice;
using test::kToken;

// AWS IoT activates the certificate after our yes.
class Hook : public ::testing::Test {
 protected:
  Answer answer(const std::string& id, const std::string& pem, const std::string& token = kToken) {
    FleetHookHandler handler(world.iot, world.table,
                             {.region = "eu-central-1", .reissue = reissue, .gateways = gateways},
                             world.clock(), world.log());
    return handler(json{{"certificateId", id},
                        {"certificatePem", pem},
                        {"parameters", {{"SerialNumber", kDevice}, {"accessToken", token}}}}
                       .dump());
  }
  bool asks(const std::string& id, const std::string& pem, const std::string& token = kToken) {
    const auto said = answer(id, pem, token);
    EXPECT_TRUE(said);
    if (!said) return false;
    last = json::parse(*said);
    return last.at("allowProvisioning").get<bool>();
  }
  std::string pending(const std::string& pem) { return world.iot.add(pem, "PENDING_ACTIVATION"); }

  test::World world;
  Reissue reissue = Reissue::refuse;
  GatewayPolicy gateways;
  json last;
};

TEST_F(Hook, AllowsADeviceWithItsTokenAndTellsItsName) {
  const auto pem = test::make_certificate("any");
  const auto id = pending(pem);
  EXPECT_TRUE(asks(id, pem));
  EXPECT_EQ(last.at("parameterOverrides").at("ThingName"), kDevice);
  EXPECT_EQ(last.at("parameterOverrides").at("Product"), "thermo");
  EXPECT_EQ(world.record().cert_id, id);
  EXPECT_TRUE(asks(id, pem)) << "the answer got lost";
}

TEST_F(Hook, GivesAGatewayThePolicyOfGatewaysBesides) {
  gateways = {"gateways", {"gateway"}};
  const auto pem = test::make_certificate("any"), other_pem = test::make_certificate("any");
  const auto id = pending(pem);
  EXPECT_TRUE(asks(id, pem));
  EXPECT_TRUE(world.iot.attached_policies(world.iot.describe_certificate(id)->arn)->empty())
      << "the template gives a device its policy";
  world.change([](auto& record) { record.apply_state = kNew, record.product = "gateway"; });
  const auto gateway = pending(other_pem);
  EXPECT_FALSE(asks(gateway, other_pem, "guess"));
  EXPECT_TRUE(world.iot.attached_policies(world.iot.describe_certificate(gateway)->arn)->empty());
  EXPECT_TRUE(asks(gateway, other_pem));
  EXPECT_EQ(*world.iot.attached_policies(world.iot.describe_certificate(gateway)->arn),
            std::vector<std::string>{"gateways"});
}

TEST_F(Hook, DeniesAWrongTokenABlockedDeviceAndOneOfAnotherRegion) {
  const auto pem = test::make_certificate("any");
  const auto id = pending(pem);
  EXPECT_FALSE(asks(id, pem, "guess"));
  world.change([](auto& record) { record.apply_state = 9; });
  EXPECT_FALSE(asks(id, pem));
  EXPECT_FALSE(last.contains("parameterOverrides"));
  world.change([](auto& record) { record.apply_state = kNew, record.region = "us-east-1"; });
  EXPECT_FALSE(asks(id, pem));
}

// A no makes AWS IoT answer 403, for which a device gives its token up.
TEST_F(Hook, TroubleOnTheWayIsNoNo) {
  reissue = Reissue::rotate;
  const auto old_pem = test::make_certificate("any"), pem = test::make_certificate("any");
  const auto old = pending(old_pem), id = pending(pem);
  ASSERT_TRUE(asks(old, old_pem));
  world.iot.set_status(old, "ACTIVE");
  int steps = 0;
  for (bool struck = true; struck && steps < 40; ++steps) {  // the table, then AWS IoT
    test::World fresh;
    FleetHookHandler handler(fresh.iot, fresh.table, {.region = "eu-central-1"}, fresh.clock(), fresh.log());
    const auto certificate = fresh.iot.add(pem, "PENDING_ACTIVATION");
    fresh.change([&](auto& record) { record.retiring = {fresh.iot.add(old_pem, "ACTIVE")}; });
    fresh.faults.arm(Fault::fails_before, steps + 1);
    const auto said = handler(json{{"certificateId", certificate},
                                   {"certificatePem", pem},
                                   {"parameters", {{"SerialNumber", kDevice}, {"accessToken", kToken}}}}
                                  .dump());
    struck = fresh.faults.struck();
    if (said) EXPECT_TRUE(json::parse(*said).at("allowProvisioning").get<bool>()) << "step " << steps + 1;
    if (steps < 3) EXPECT_FALSE(said) << "step " << steps + 1;
  }
  EXPECT_GT(steps, 4);
  world.change([&](auto& record) {
    record.apply_state = kInProgress;
    record.claim_until = world.now + 10;
  });
  EXPECT_FALSE(answer(id, pem)) << "another request has the claim";
  world.now += 10;
  EXPECT_TRUE(asks(id, pem));
}

TEST_F(Hook, ASecondKeyIsRefusedOrReplacesTheFirst) {
  const auto first_pem = test::make_certificate("any"), second_pem = test::make_certificate("any");
  const auto first = pending(first_pem), second = pending(second_pem);
  EXPECT_TRUE(asks(first, first_pem));
  world.iot.set_status(first, "ACTIVE");
  EXPECT_FALSE(asks(second, second_pem));
  EXPECT_EQ(world.iot.status_of(first), "ACTIVE");
  reissue = Reissue::rotate;
  EXPECT_TRUE(asks(second, second_pem));
  EXPECT_EQ(world.iot.status_of(first), "");
}

TEST_F(Hook, TheSameKeyMayComeWithAnotherCertificate) {
  const auto pem = test::make_certificate("any");
  const auto first = pending(pem), second = pending(pem);
  EXPECT_TRUE(asks(first, pem));
  world.iot.set_status(first, "ACTIVE");
  EXPECT_TRUE(asks(second, pem));
  EXPECT_EQ(world.iot.status_of(first), "") << "one of them at a time";
}

TEST_F(Hook, AProvisioningThatCameToNothingDoesNotLockTheDeviceOut) {
  const auto first_pem = test::make_certificate("any"), second_pem = test::make_certificate("any");
  const auto first = pending(first_pem);
  EXPECT_TRUE(asks(first, first_pem));  // and AWS IoT never activates it
  EXPECT_TRUE(asks(pending(second_pem), second_pem));
  EXPECT_EQ(world.iot.status_of(first), "");
}

TEST_F(Hook, WhatAnOperatorTookOutOfUseIsNotReplaced) {
  reissue = Reissue::rotate;
  const auto pem = test::make_certificate("any");
  const auto first = pending(pem);
  EXPECT_TRUE(asks(first, pem));
  world.iot.set_status(first, "INACTIVE");
  EXPECT_FALSE(asks(pending(pem), pem));
}

TEST_F(Hook, CutAnywhereItNeverSaysYesBeforeTheOldCertificateIsOutOfUse) {
  const auto old_pem = test::make_certificate("any"), pem = test::make_certificate("any");
  for (const auto fault : {Fault::dies_before, Fault::dies_after, Fault::fails_before, Fault::fails_after}) {
    int step = 1;
    for (bool struck = true; struck && step < 40; ++step) {
      test::World fresh;
      FleetHookHandler handler(fresh.iot, fresh.table, {.region = "eu-central-1", .reissue = Reissue::rotate},
                               fresh.clock(), fresh.log());
      const auto ask = [&](const std::string& id, const std::string& certificate) {
        const auto said = handler(json{{"certificateId", id},
                                       {"certificatePem", certificate},
                                       {"parameters", {{"SerialNumber", kDevice}, {"accessToken", kToken}}}}
                                      .dump());
        return said && json::parse(*said).at("allowProvisioning").get<bool>();
      };
      const auto old = fresh.iot.add(old_pem, "PENDING_ACTIVATION");
      ASSERT_TRUE(ask(old, old_pem));
      fresh.iot.set_status(old, "ACTIVE");
      const auto id = fresh.iot.add(pem, "PENDING_ACTIVATION");
      fresh.faults.arm(fault, step);
      bool said_yes = false;
      try {
        said_yes = ask(id, pem);
      } catch (const test::Died&) {
      }
      struck = fresh.faults.struck();
      fresh.faults.arm(Fault::none, 0);
      if (said_yes) EXPECT_EQ(fresh.iot.status_of(old), "") << "step " << step;
      EXPECT_TRUE(ask(id, pem)) << "step " << step;
      EXPECT_EQ(fresh.iot.status_of(old), "") << "step " << step;
    }
    EXPECT_GT(step, 6);
    EXPECT_LT(step, 40);
  }
}

TEST_F(Hook, WhatIsNoEventIsAnErrorOfTheFunction) {
  FleetHookHandler handler(world.iot, world.table, {}, world.clock(), world.log());
  for (const char* text :
       {"", "{}", "[]", R"({"certificateId":"a","certificatePem":"b","parameters":null})"}) {
    EXPECT_FALSE(handler(text)) << text;
  }
}

}  // namespace
}  // namespace sluice::lambda::fleet_hook
