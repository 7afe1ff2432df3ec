// POST /certificates/retire: what it takes out of use, and who gets a certificate afterwards.
#include <gtest/gtest.h>

#include "cloud/lambda/cvm/handler.hpp"
#include "tests/unit/lambda/keys.hpp"
#include "tests/unit/lambda/world.hpp"

namespace sluice::lambda::cvm {
namespace {

using test::kDevice;
using test::kToken;

class Retiring : public ::testing::Test {
 protected:
  ApiResponse post(const std::string& path, const std::string& body) {
    ApiRequest request;
    request.method = "POST", request.path = path, request.body = body;
    CvmHandler handler(world().iot, world().table, settings, world().clock(), world().log());
    return handler.respond(request);
  }
  std::string vended(const std::string& csr) {
    const auto response =
        post("/certificates", aws::cvm::to_json(aws::cvm::Request{kDevice, kToken, csr, ""}));
    const auto read = aws::cvm::parse_response(response.status, response.body, "");
    return read ? read->certificate_id : std::to_string(response.status) + " " + read.error().code;
  }
  aws::result<std::vector<std::string>> retire(const std::string& keep, const std::string& token = kToken) {
    const auto response =
        post("/base/certificates/retire/", aws::cvm::to_json(aws::cvm::RetireRequest{kDevice, token, keep}));
    return aws::cvm::parse_retire_response(response.status, response.body, "");
  }
  void SetUp() override { settings.reissue = Reissue::rotate; }
  void begin_anew() { world_ = std::make_unique<test::World>(); }

 private:
  std::unique_ptr<test::World> world_ = std::make_unique<test::World>();

 protected:
  test::World& world() { return *world_; }
  Settings settings = world_->settings();
};

TEST_F(Retiring, KeepsTheOneThatIsNamedAndMayBeRepeated) {
  const auto first = vended(test::make_csr()), second = vended(test::make_csr());
  ASSERT_EQ(world().iot.active().size(), 2U);
  const auto retired = retire(second);
  ASSERT_TRUE(retired) << retired.error().text;
  EXPECT_EQ(*retired, std::vector{first});
  EXPECT_EQ(world().iot.active(), std::vector{second});
  const auto again = retire(second);
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_TRUE(again->empty());
  EXPECT_TRUE(world().iot.works(second, kDevice, "devices"));
}

TEST_F(Retiring, WithoutOneToKeepTheDeviceHasNone) {
  const auto csr = test::make_csr();
  const auto first = vended(csr);
  const auto retired = retire("");
  ASSERT_TRUE(retired) << retired.error().text;
  EXPECT_EQ(*retired, std::vector{first});
  EXPECT_EQ(world().iot.status_of(first), "");
  EXPECT_EQ(world().record().cert_id, "");
  // It moved to another gateway, say: with `rotate` the token gets another, also for the key that it had.
  const auto next = vended(csr);
  EXPECT_NE(next, first);
  EXPECT_EQ(world().iot.active(), std::vector{next});
}

TEST_F(Retiring, UnderRefuseTheTokenIsSpentUntilAnOperatorResetsIt) {
  settings.reissue = Reissue::refuse;
  const auto first = vended(test::make_csr());
  ASSERT_EQ(first.size(), 64U);
  ASSERT_TRUE(retire(""));
  const auto answer =
      post("/certificates", aws::cvm::to_json(aws::cvm::Request{kDevice, kToken, test::make_csr(), ""}));
  EXPECT_EQ(answer.status, 409U);
  EXPECT_NE(answer.body.find("was retired; an operator has to set applyState to 0"), std::string::npos)
      << answer.body;
  world().change([](auto& record) { record.apply_state = kNew; });
  EXPECT_EQ(vended(test::make_csr()).size(), 64U);
}

TEST_F(Retiring, ADeviceThatNeverCameIsAsNewAsBefore) {
  const auto retired = retire("");
  ASSERT_TRUE(retired) << retired.error().text;
  EXPECT_TRUE(retired->empty());
  EXPECT_EQ(world().record().apply_state, kNew);
  settings.reissue = Reissue::refuse;
  EXPECT_EQ(vended(test::make_csr()).size(), 64U);
}

TEST_F(Retiring, AStaleWishToKeepIsRefusedAndRetiresNothing) {
  const auto first = vended(test::make_csr());
  ASSERT_EQ(vended(test::make_csr()).size(), 64U);
  const auto answer = retire(first);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, aws::Error::Kind::conflict);
  EXPECT_EQ(answer.error().code, "NotRegistered");
  EXPECT_EQ(world().iot.active().size(), 2U);
}

TEST_F(Retiring, AWrongTokenRetiresNothing) {
  const auto first = vended(test::make_csr());
  const auto answer = retire("", "guess");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, aws::Error::Kind::denied);
  EXPECT_EQ(world().iot.active(), std::vector{first});
}

TEST_F(Retiring, WhileARedemptionHasTheClaimItIsAskedToComeAgain) {
  const auto first = vended(test::make_csr());
  world().change([&](auto& record) {
    record.apply_state = kInProgress;
    record.claim_until = world().now + 20;
  });
  const auto answer = retire("");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "InProgress");
  world().now += 30;
  ASSERT_TRUE(retire(""));
  EXPECT_TRUE(world().iot.active().empty());
  EXPECT_EQ(world().record().apply_state, kRegistered);
}

// Cut at every step, then asked again: what is to be kept is kept, and nothing else is in use or listed.
TEST_F(Retiring, IsFinishedByTheNextRequestWhereverTheFirstWasCut) {
  using test::Fault;
  constexpr int kMostSteps = 60;
  for (const auto fault : {Fault::dies_before, Fault::dies_after, Fault::fails_before, Fault::fails_after}) {
    for (const bool all : {false, true}) {
      int steps = 0;
      for (bool struck = true; struck && steps < kMostSteps; steps += struck ? 1 : 0) {
        SCOPED_TRACE("cut at step " + std::to_string(steps + 1) + (all ? ", all" : ", all but one"));
        begin_anew();
        (void)vended(test::make_csr());
        const auto kept = all ? std::string() : vended(test::make_csr());
        world().faults.arm(fault, steps + 1);
        try {
          (void)retire(kept);
        } catch (const test::Died&) {
          // The next request comes to a process that knows nothing of this.
        }
        struck = world().faults.struck();
        world().faults.arm(Fault::none, 0);
        const auto again = retire(kept);
        ASSERT_TRUE(again) << again.error().text;
        EXPECT_EQ(world().iot.active(), all ? std::vector<std::string>() : std::vector{kept});
        EXPECT_EQ(world().record().cert_id, kept);
        EXPECT_TRUE(world().record().retiring.empty());
        EXPECT_EQ(world().record().apply_state, kRegistered);
      }
      EXPECT_GE(steps, 6) << "the cuts do not reach the steps of a retirement";
      EXPECT_LT(steps, kMostSteps);
    }
  }
}

TEST_F(Retiring, AThrottlingAwsIsPassedOnAndTheNextRequestFinishes) {
  const auto first = vended(test::make_csr());
  world().faults.arm(test::Fault::fails_before, 4);
  const auto answer = retire("");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, aws::Error::Kind::unavailable) << answer.error().text;
  world().faults.arm(test::Fault::none, 0);
  ASSERT_TRUE(retire(""));
  EXPECT_EQ(world().iot.status_of(first), "");
  EXPECT_TRUE(world().record().retiring.empty());
}

}  // namespace
}  // namespace sluice::lambda::cvm
