// What a token gets, and what it does not.
#include "cloud/lambda/cvm/redemption.hpp"

#include <gtest/gtest.h>

#include "tests/unit/lambda/world.hpp"

namespace sluice::lambda::cvm {
namespace {

using test::kDevice;
using test::kToken;

class Redeeming : public ::testing::Test {
 protected:
  Redeemed ask(const std::string& key, Reissue reissue = Reissue::refuse, const std::string& token = kToken) {
    Redemption redemption(world.iot, world.table, settings, world.clock(), world.log());
    return redemption.redeem({.productid = kDevice,
                              .access_token = token,
                              .csr = "csr of " + key,
                              .key_hash = key,
                              .reissue = reissue});
  }
  RetiredIds retire(const std::string& keep) {
    Redemption redemption(world.iot, world.table, settings, world.clock(), world.log());
    return redemption.retire({.productid = kDevice, .access_token = kToken, .keep = keep});
  }
  test::World world;
  Settings settings = world.settings();
};

template <typename Answered>
std::string refusal(const Answered& answered) {
  return answered ? "done" : std::to_string(answered.error().status) + " " + answered.error().code;
}

TEST_F(Redeeming, ANewDeviceGetsAnActiveCertificateWithItsThingAndPolicy) {
  const auto issued = ask("key-1");
  ASSERT_TRUE(issued) << refusal(issued);
  EXPECT_TRUE(world.iot.works(issued->certificate.id, kDevice, "devices"));
  EXPECT_EQ(world.iot.things.at(kDevice).type, "thermo");
  const auto record = world.record();
  EXPECT_EQ(record.apply_state, kRegistered);
  EXPECT_EQ(record.cert_id, issued->certificate.id);
  EXPECT_EQ(record.timestamp, world.now);
  EXPECT_EQ(record.region, "eu-central-1");
  EXPECT_EQ(record.pending_cert, "");
}

TEST_F(Redeeming, AGatewayGetsThePolicyOfGatewaysAndADeviceThatOfDevices) {
  settings.gateways.name = "gateways";
  const auto device = ask("key-1");
  ASSERT_TRUE(device);
  EXPECT_EQ(*world.iot.attached_policies(device->certificate.arn), std::vector<std::string>{"devices"});
  world.change([](auto& record) { record.apply_state = kNew, record.product = "gateway"; });
  const auto gateway = ask("key-2");
  ASSERT_TRUE(gateway);
  EXPECT_EQ(*world.iot.attached_policies(gateway->certificate.arn), std::vector<std::string>{"gateways"});
}

TEST_F(Redeeming, TheSameKeyGetsTheSameCertificateAgain) {
  const auto first = ask("key-1");
  const auto second = ask("key-1");
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->certificate.id, second->certificate.id);
  EXPECT_EQ(first->certificate.pem, second->certificate.pem);
  EXPECT_EQ(world.iot.certificates(), 1U);
}

TEST_F(Redeeming, AnotherKeyIsRefusedByPolicyRefuse) {
  ASSERT_TRUE(ask("key-1"));
  EXPECT_EQ(refusal(ask("key-2")), "409 AlreadyRegistered");
  EXPECT_EQ(world.iot.certificates(), 1U);
}

TEST_F(Redeeming, ARotationLeavesTheOldCertificateInUseUntilTheDeviceRetiresIt) {
  const auto first = ask("key-1");
  const auto second = ask("key-2", Reissue::rotate);
  ASSERT_TRUE(second) << refusal(second);
  EXPECT_TRUE(world.iot.works(first->certificate.id, kDevice, "devices")) << "the new one may not work";
  EXPECT_TRUE(world.iot.works(second->certificate.id, kDevice, "devices"));
  EXPECT_EQ(world.record().retiring, std::vector{first->certificate.id});
  const auto repeated = ask("key-2", Reissue::rotate);
  ASSERT_TRUE(repeated) << refusal(repeated);
  EXPECT_EQ(repeated->certificate.id, second->certificate.id);
  EXPECT_EQ(world.iot.active().size(), 2U) << "the first answer may have been lost";
  const auto retired = retire(second->certificate.id);
  ASSERT_TRUE(retired) << refusal(retired);
  EXPECT_EQ(*retired, std::vector{first->certificate.id});
  EXPECT_EQ(world.iot.status_of(first->certificate.id), "");
  EXPECT_EQ(world.iot.active(), std::vector{second->certificate.id});
  EXPECT_TRUE(world.record().retiring.empty());
}

TEST_F(Redeeming, AtMostOneFormerCertificateIsInUse) {
  const auto first = ask("key-1");
  const auto second = ask("key-2", Reissue::rotate);
  const auto third = ask("key-3", Reissue::rotate);
  ASSERT_TRUE(first && second && third);
  EXPECT_EQ(world.iot.status_of(first->certificate.id), "");
  EXPECT_EQ(world.iot.active().size(), 2U);
  EXPECT_EQ(world.record().retiring, std::vector{second->certificate.id});
  EXPECT_EQ(refusal(ask("key-1")), "409 AlreadyRegistered") << "the former key is nobody's";
}

TEST_F(Redeeming, KeysMadeByAwsReplaceTheOldCertificateAtOnce) {
  ASSERT_TRUE(ask("key-1"));
  Redemption redemption(world.iot, world.table, settings, world.clock(), world.log());
  const auto made = redemption.redeem(
      {.productid = kDevice, .access_token = kToken, .csr = {}, .key_hash = {}, .reissue = Reissue::rotate});
  ASSERT_TRUE(made) << refusal(made);
  EXPECT_EQ(world.iot.active(), std::vector{made->certificate.id});
  EXPECT_TRUE(world.record().retiring.empty());
}

TEST_F(Redeeming, TheOldCertificateIsKeptInactiveAndDetachedIfSoSet) {
  settings.retired = Retired::keep;
  const auto first = ask("key-1");
  const auto second = ask("key-2", Reissue::rotate);
  ASSERT_TRUE(second);
  ASSERT_TRUE(retire(second->certificate.id)) << "the new one has proven itself";
  EXPECT_EQ(world.iot.status_of(first->certificate.id), "INACTIVE");
  EXPECT_TRUE(world.iot.principal_things(first->certificate.arn)->empty());
  EXPECT_TRUE(world.iot.attached_policies(first->certificate.arn)->empty());
}

TEST_F(Redeeming, AFailingRotationLeavesTheOldCertificateInUse) {
  const auto first = ask("key-1");
  settings.policy = "there is no such policy";
  EXPECT_EQ(refusal(ask("key-2", Reissue::rotate)), "503 Unavailable");
  EXPECT_EQ(world.iot.active(), std::vector{first->certificate.id});
}

TEST_F(Redeeming, AWrongTokenAnUnknownDeviceAndABlockedOneAreRefusedAlike) {
  const auto wrong = ask("key-1", Reissue::refuse, "guess");
  Redemption redemption(world.iot, world.table, settings, world.clock(), world.log());
  const auto unknown =
      redemption.redeem({.productid = "nobody", .access_token = kToken, .csr = "c", .key_hash = "k"});
  world.change([](auto& record) { record.apply_state = 7; });
  const auto blocked = ask("key-1");
  for (const auto* answer : {&wrong, &unknown, &blocked}) {
    ASSERT_FALSE(*answer);
    EXPECT_EQ(answer->error().status, 401U);
    EXPECT_EQ(answer->error().message, wrong.error().message);
  }
  EXPECT_EQ(world.iot.certificates(), 0U);
}

TEST_F(Redeeming, ACertificateThatAnOperatorTookOutOfUseIsNotReplaced) {
  const auto first = ask("key-1");
  for (const char* status : {"INACTIVE", "REVOKED"}) {
    world.iot.set_status(first->certificate.id, status);
    EXPECT_EQ(refusal(ask("key-1")), "409 AlreadyRegistered");
    EXPECT_EQ(refusal(ask("key-2", Reissue::rotate)), "409 AlreadyRegistered");
    EXPECT_EQ(world.iot.status_of(first->certificate.id), status);
  }
  world.change([](auto& record) { record.apply_state = kNew; });
  const auto another = ask("key-2");
  ASSERT_TRUE(another) << "applyState 0 allows another";
  EXPECT_EQ(world.iot.status_of(first->certificate.id), "");
  EXPECT_TRUE(world.iot.works(another->certificate.id, kDevice, "devices"));
}

TEST_F(Redeeming, AnOperatorsResetReplacesACertificateThatIsInUse) {
  const auto first = ask("key-1");
  for (const char* key : {"key-1", "key-2"}) {
    world.change([](auto& record) { record.apply_state = kNew; });
    const auto next = ask(key);
    ASSERT_TRUE(next);
    EXPECT_NE(next->certificate.id, first->certificate.id);
    EXPECT_EQ(world.iot.active(), std::vector{next->certificate.id});
  }
}

TEST_F(Redeeming, ACertificateThatFleetProvisioningNeverActivatedIsReplaced) {
  for (const char* key : {"key-1", "key-2"}) {
    const auto left = world.iot.add("pem", "PENDING_ACTIVATION");
    world.change([&](auto& record) {
      record.apply_state = kRegistered;
      record.cert_id = left;
      record.key_hash = "key-1";
    });
    const auto issued = ask(key);
    ASSERT_TRUE(issued) << refusal(issued);
    EXPECT_EQ(world.iot.status_of(left), "");
    EXPECT_EQ(world.iot.active(), std::vector{issued->certificate.id});
    world.iot.forget(issued->certificate.id);
  }
}

TEST_F(Redeeming, ARegistrationWithoutACertificateIsKeptAsItIs) {
  world.change([](auto& record) { record.apply_state = kRegistered; });
  EXPECT_EQ(refusal(ask("key-1")), "409 AlreadyRegistered");
  EXPECT_TRUE(ask("key-1", Reissue::rotate));
}

TEST_F(Redeeming, ADeletedCertificateIsReplacedOnlyByPolicyRotate) {
  const auto first = ask("key-1");
  world.iot.forget(first->certificate.id);
  EXPECT_EQ(refusal(ask("key-1")), "409 AlreadyRegistered");
  EXPECT_TRUE(ask("key-1", Reissue::rotate));
}

TEST_F(Redeeming, WhileAnotherRequestHasTheClaimTheAnswerIsToAskAgain) {
  world.change([&](auto& record) {
    record.apply_state = kInProgress;
    record.attempt = "somebody";
    record.claim_until = world.now + 30;
  });
  const auto answer = ask("key-1");
  ASSERT_EQ(refusal(answer), "409 InProgress");
  EXPECT_GE(answer.error().retry_after_s.value_or(0), 1U);
  world.now += 30;
  EXPECT_TRUE(ask("key-1")) << "the claim is over";
}

TEST_F(Redeeming, ADeviceOfAnotherRegionIsToldWhereItBelongs) {
  world.change([](auto& record) { record.region = "us-east-1"; });
  const auto answer = ask("key-1");
  EXPECT_EQ(refusal(answer), "400 BadRequest");
  EXPECT_NE(answer.error().message.find("us-east-1"), std::string::npos);
}

TEST_F(Redeeming, AMissingThingTypeDoesNotKeepADeviceOut) {
  world.iot.thing_types.clear();
  ASSERT_TRUE(ask("key-1"));
  EXPECT_EQ(world.iot.things.at(kDevice).type, "");
  EXPECT_EQ(world.iot.things.at(kDevice).attributes.at("product"), "thermo");
}

TEST_F(Redeeming, AnExistingThingStaysAsAnOperatorMadeIt) {
  world.iot.things.emplace(kDevice, aws::Thing{kDevice, "arn", "special", {{"floor", "3"}}});
  ASSERT_TRUE(ask("key-1"));
  EXPECT_EQ(world.iot.things.at(kDevice).type, "special");
}

TEST_F(Redeeming, AThrottlingAwsIsPassedOnAsTooManyRequests) {
  struct Throttled final : DeviceTable {
    aws::result<std::optional<DeviceRecord>> find(std::string_view) override {
      return aws::Error{aws::Error::Kind::throttled, 400, "ThrottlingException", "slow",
                        std::chrono::seconds(9)};
    }
    aws::result<bool> replace(const DeviceRecord&, const DeviceRecord&) override { return false; }
    aws::result<void> put(const DeviceRecord&) override { return {}; }
  } table;
  Redemption redemption(world.iot, table, settings, world.clock(), world.log());
  const auto answer =
      redemption.redeem({.productid = kDevice, .access_token = kToken, .csr = "c", .key_hash = "k"});
  ASSERT_EQ(refusal(answer), "429 TooManyRequests");
  EXPECT_EQ(answer.error().retry_after_s, 9U);
}

TEST_F(Redeeming, ASlowAttemptThatLostItsClaimTakesItsCertificateBack) {
  // The claim runs out while the certificate is made: the clock jumps at the thing.
  struct Slow final : DeviceTable {
    explicit Slow(test::World& in) : world(in) {}
    aws::result<std::optional<DeviceRecord>> find(std::string_view id) override {
      return world.table.find(id);
    }
    aws::result<bool> replace(const DeviceRecord& seen, const DeviceRecord& next) override {
      auto done = world.table.replace(seen, next);
      if (!next.pending_cert.empty() && next.apply_state == kInProgress) world.now += 60;
      return done;
    }
    aws::result<void> put(const DeviceRecord& record) override { return world.table.put(record); }
    test::World& world;
  } slow(world);
  Redemption redemption(world.iot, slow, settings, world.clock(), world.log());
  const auto late =
      redemption.redeem({.productid = kDevice, .access_token = kToken, .csr = "c", .key_hash = "key-1"});
  EXPECT_EQ(refusal(late), "409 InProgress");
  EXPECT_TRUE(world.iot.active().empty()) << "nothing is activated without a claim";
  const auto next = ask("key-2");
  ASSERT_TRUE(next) << refusal(next);
  EXPECT_EQ(world.iot.active(), std::vector{next->certificate.id});
  EXPECT_EQ(world.iot.certificates(), 1U);
}

TEST_F(Redeeming, NoTokenIsLogged) {
  (void)ask("key-1");
  (void)ask("key-2");
  (void)ask("key-1", Reissue::refuse, "a-wrong-secret");
  world.faults.arm(test::Fault::fails_before, 2);
  (void)ask("key-1");
  ASSERT_FALSE(world.logged.empty());
  EXPECT_EQ(world.logged.find(kToken), std::string::npos);
  EXPECT_EQ(world.logged.find("a-wrong-secret"), std::string::npos);
  EXPECT_EQ(world.logged.find("scrypt"), std::string::npos);
}

}  // namespace
}  // namespace sluice::lambda::cvm
