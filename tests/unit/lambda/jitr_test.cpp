// Just-in-time registration: the first connection of a device with a certificate of a registered CA.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cloud/lambda/jitr/handler.hpp"
#include "tests/unit/lambda/keys.hpp"
#include "tests/unit/lambda/world.hpp"

namespace sluice::lambda::jitr {
namespace {

using nlohmann::json;
using test::Fault;
using test::kDevice;

class Registering : public ::testing::Test {
 protected:
  std::string connects(const std::string& name = kDevice) {
    return world.iot.add(test::make_certificate(name), "PENDING_ACTIVATION");
  }
  Answer event(const std::string& id) {
    JitrHandler handler(world.iot, with_table ? &world.table : nullptr,
                        {.region = "eu-central-1", .policy = "devices", .reissue = reissue}, world.clock(),
                        world.log());
    return handler(json{{"certificateId", id}, {"certificateStatus", "PENDING_ACTIVATION"}}.dump());
  }
  std::string outcome(const std::string& id) {
    const auto answer = event(id);
    return answer ? json::parse(*answer).at("result").get<std::string>() : answer.error().type;
  }
  test::World world;
  bool with_table = true;
  Reissue reissue = Reissue::refuse;
};

TEST_F(Registering, ActivatesTheCertificateOfAListedDevice) {
  const auto id = connects();
  EXPECT_EQ(outcome(id), "activated");
  EXPECT_TRUE(world.iot.works(id, kDevice, "devices"));
  EXPECT_EQ(world.iot.things.at(kDevice).type, "thermo");
  EXPECT_EQ(world.record().cert_id, id);
  EXPECT_EQ(world.record().apply_state, kRegistered);
}

TEST_F(Registering, AGatewayOfTheTableGetsThePolicyOfGateways) {
  world.change([](auto& record) { record.product = "hub"; });
  JitrHandler handler(
      world.iot, &world.table,
      {.region = "eu-central-1", .policy = "devices", .gateways = {"gateways", {"gateway", "hub"}}},
      world.clock(), world.log());
  const auto id = connects();
  ASSERT_TRUE(handler(json{{"certificateId", id}}.dump()));
  EXPECT_TRUE(world.iot.works(id, kDevice, "gateways"));
  EXPECT_FALSE(world.iot.works(id, kDevice, "devices"));
}

TEST_F(Registering, TheSameEventTwiceChangesNothing) {
  const auto id = connects();
  EXPECT_EQ(outcome(id), "activated");
  EXPECT_EQ(outcome(id), "already-active");
}

TEST_F(Registering, WhoIsNotListedStaysOutUnlessTheCaAloneVouches) {
  const auto id = connects("stranger");
  EXPECT_EQ(outcome(id), "refused");
  EXPECT_EQ(world.iot.status_of(id), "PENDING_ACTIVATION");
  with_table = false;
  EXPECT_EQ(outcome(id), "activated");
  EXPECT_TRUE(world.iot.works(id, "stranger", "devices"));
}

TEST_F(Registering, ASecondCertificateOfADeviceIsRefusedOrReplacesTheFirst) {
  const auto first = connects();
  EXPECT_EQ(outcome(first), "activated");
  const auto second = connects();
  EXPECT_EQ(outcome(second), "refused");
  EXPECT_EQ(world.iot.active(), std::vector{first});
  reissue = Reissue::rotate;
  EXPECT_EQ(outcome(second), "activated");
  EXPECT_EQ(world.iot.active(), std::vector{second});
  EXPECT_TRUE(world.record().retiring.empty());
}

TEST_F(Registering, WhatAnOperatorTookOutOfUseStaysSo) {
  const auto id = connects();
  for (const char* status : {"INACTIVE", "REVOKED"}) {
    world.iot.set_status(id, status);
    EXPECT_EQ(outcome(id), "refused");
    EXPECT_EQ(world.iot.status_of(id), status);
  }
}

TEST_F(Registering, ANewCertificateDoesNotReplaceOneThatAnOperatorTookOutOfUse) {
  reissue = Reissue::rotate;
  const auto first = connects();
  EXPECT_EQ(outcome(first), "activated");
  const auto second = connects();
  for (const char* status : {"INACTIVE", "REVOKED"}) {
    world.iot.set_status(first, status);
    EXPECT_EQ(outcome(second), "refused") << status;
    EXPECT_EQ(world.iot.status_of(first), status);
    EXPECT_EQ(world.iot.status_of(second), "PENDING_ACTIVATION");
  }
  world.iot.forget(first);
  EXPECT_EQ(outcome(second), "activated") << "a deleted one says nothing of the device";
}

TEST_F(Registering, ADeviceOfAnotherRegionIsRefused) {
  world.change([](auto& record) { record.region = "us-east-1"; });
  EXPECT_EQ(outcome(connects()), "refused");
  world.change([](auto& record) { record.region = "eu-central-1"; });
  EXPECT_EQ(outcome(connects()), "activated");
}

TEST_F(Registering, AClaimInProgressIsWaitedForAndAnAbandonedOneIsTakenOver) {
  const auto left = world.iot.add("pem", "INACTIVE");
  world.change([&](auto& record) {
    record.apply_state = kInProgress;
    record.attempt = "somebody";
    record.claim_until = world.now + 30;
    record.pending_cert = left;
  });
  const auto id = connects();
  EXPECT_EQ(outcome(id), "Aws.Passing") << "Lambda tries again";
  EXPECT_EQ(world.iot.status_of(id), "PENDING_ACTIVATION");
  world.now += 30;
  EXPECT_EQ(outcome(id), "activated");
  EXPECT_EQ(world.iot.status_of(left), "");
  EXPECT_EQ(world.record().pending_cert, "");
  EXPECT_EQ(world.record().region, "eu-central-1");
}

TEST_F(Registering, ACommonNameThatIsNoThingNameIsRefused) {
  with_table = false;
  EXPECT_EQ(outcome(world.iot.add(test::make_certificate("no thing"), "PENDING_ACTIVATION")), "refused");
  EXPECT_EQ(outcome(world.iot.add(test::make_certificate(""), "PENDING_ACTIVATION")), "refused");
  EXPECT_EQ(outcome(world.iot.add(test::make_certificate("a", "b"), "PENDING_ACTIVATION")), "refused");
  EXPECT_EQ(outcome(world.iot.add("no certificate", "PENDING_ACTIVATION")), "refused");
}

TEST_F(Registering, CutAnywhereTheNextTryEndsWithTheCertificateInUse) {
  reissue = Reissue::rotate;
  for (const auto fault : {Fault::dies_before, Fault::dies_after, Fault::fails_before, Fault::fails_after}) {
    int step = 1;
    for (bool struck = true; struck && step < 40; ++step) {
      test::World fresh;
      const auto old = fresh.iot.add(test::make_certificate(kDevice), "PENDING_ACTIVATION");
      JitrHandler handler(fresh.iot, &fresh.table,
                          {.region = "eu-central-1", .policy = "devices", .reissue = reissue}, fresh.clock(),
                          fresh.log());
      ASSERT_TRUE(handler(json{{"certificateId", old}}.dump()));
      const auto id = fresh.iot.add(test::make_certificate(kDevice), "PENDING_ACTIVATION");
      const auto text = json{{"certificateId", id}}.dump();
      fresh.faults.arm(fault, step);
      try {
        (void)handler(text);
      } catch (const test::Died&) {
      }
      struck = fresh.faults.struck();
      fresh.faults.arm(Fault::none, 0);
      const auto answer = handler(text);
      ASSERT_TRUE(answer) << "step " << step << ": " << answer.error().message;
      EXPECT_EQ(fresh.iot.active(), std::vector{id}) << "step " << step;
      EXPECT_TRUE(fresh.iot.works(id, kDevice, "devices")) << "step " << step;
    }
    EXPECT_GT(step, 8);
    EXPECT_LT(step, 40);
  }
}

TEST_F(Registering, WhatIsNoEventIsAnErrorOfTheFunction) {
  JitrHandler handler(world.iot, nullptr, {.region = "eu-central-1", .policy = "devices"}, world.clock(),
                      world.log());
  for (const char* text : {"", "{}", "[]", R"({"certificateId":7})"}) EXPECT_FALSE(handler(text)) << text;
  EXPECT_EQ(outcome("there is no such certificate"), "Aws.Refused");
}

}  // namespace
}  // namespace sluice::lambda::jitr
