// Killed at every write, in two ways: the row did not reach the disk, or it did and nothing after it
// happened. What the service had done by then stays done. After the restart there is one active certificate,
// and the lane has it.
#include <gtest/gtest.h>

#include "identity/table.hpp"
#include "tests/unit/identity/house.hpp"

namespace sluice::identity::test {
namespace {

using Method = ProvisioningOptions::Method;

struct Case {
  Method method;
  const char* name;
};

class Crash : public testing::TestWithParam<Case> {};

// Runs `life` with a kill at each write in turn, until it gets by with fewer writes.
template <typename Life, typename After>
void at_every_write(Method method, Life life, After after) {
  int writes = 0;
  for (const bool before : {true, false}) {
    for (int n = 1;; ++n) {
      House house;
      house.use(method);
      house.registry.dies_at = n;
      house.registry.dies_before = before;
      SCOPED_TRACE("killed at write " + std::to_string(n) + (before ? ", before it" : ", after it"));
      house.start();
      life(house);
      const bool died = house.registry.dead();
      house.kill();
      house.start();
      life(house);
      after(house);
      if (testing::Test::HasFatalFailure()) return;
      if (!died) break;
      writes = std::max(writes, n);
    }
  }
  EXPECT_GE(writes, 5) << "the way has more steps than that";
}

void one_certificate(House& house, const std::string& id) {
  const auto thing = id.empty() ? "gw-1" : id;
  ASSERT_EQ(house.state(id), "active") << house.shown(id);
  EXPECT_EQ(house.cloud.active(thing), 1U);
  const auto in_lane = house.cloud.lane_certificate(house.lane(id));
  ASSERT_TRUE(in_lane);
  EXPECT_TRUE(house.cloud.is_active(*in_lane)) << "the lane has the one that is active";
  EXPECT_EQ(house.row(id).find("\"next\""), std::string::npos) << "nothing is left over: " << house.row(id);
}

TEST_P(Crash, TheGatewayAndADeviceEndWithOneCertificateEach) {
  at_every_write(
      GetParam().method,
      [](House& house) {
        house.knock("m1", "token-m1", true);
        house.until([&] { return house.up("") && house.up("m1"); }, 5min);
      },
      [](House& house) {
        ASSERT_NO_FATAL_FAILURE(one_certificate(house, ""));
        ASSERT_NO_FATAL_FAILURE(one_certificate(house, "m1"));
      });
}

TEST_P(Crash, ARotationEndsWithOneCertificate) {
  at_every_write(
      GetParam().method,
      [](House& house) {
        house.knock("m1", "token-m1", true);
        house.until([&] { return house.up("m1"); }, 5min);
        if (house.registry.dead()) return;
        const auto first = house.shown("m1").value("certificate_id", "");
        house.room->rotate("m1", [](const result<void>&) {});
        house.until(
            [&] {
              return house.state("m1") == "active" && house.shown("m1").value("certificate_id", "") != first;
            },
            5min);
      },
      [](House& house) { ASSERT_NO_FATAL_FAILURE(one_certificate(house, "m1")); });
}

TEST_P(Crash, ADecommissionedDeviceLeavesNoKeyAndNoReadings) {
  at_every_write(
      GetParam().method,
      [](House& house) {
        const auto state = state_named(house.state("m1"));
        if (!state || !leaves(*state)) {
          house.knock("m1", "token-m1", true);
          house.until([&] { return house.up("m1"); }, 5min);
          if (house.registry.dead()) return;
          house.reading_waits("m1");
          house.room->revoke("m1", [](const result<void>&) {});
        }
        house.until([&] { return house.state("m1") == "gone"; }, 5min);
      },
      [](House& house) {
        ASSERT_EQ(house.state("m1"), "gone");
        EXPECT_FALSE(house.cloud.lanes.contains(house.lane("m1")));
        for (const auto* left : {"\"key\"", "\"token\"", "BEGIN CERTIFICATE"})
          EXPECT_EQ(house.row("m1").find(left), std::string::npos) << house.row("m1");
        if (GetParam().method == Method::cvm) EXPECT_EQ(house.cloud.active("m1"), 0U);
        house.pass(1s);
        EXPECT_EQ(house.store.queued(house.lane("m1")), 0U);
      });
}

INSTANTIATE_TEST_SUITE_P(EachMethod, Crash,
                         testing::Values(Case{Method::cvm, "cvm"}, Case{Method::awslabs, "awslabs"},
                                         Case{Method::fleet, "fleet"}, Case{Method::own_ca, "own_ca"}),
                         [](const auto& info) { return std::string(info.param.name); });

// The service has issued, and the answer is lost on the way.
TEST(LostAnswer, OfTheCvmIsAskedForAgainWithTheSameKey) {
  House house;
  house.cloud.lose_answers = true;
  house.start();
  ASSERT_TRUE(house.until([&] { return house.cloud.active("gw-1") == 1; }));
  house.restart();
  house.pass(10s);
  house.cloud.lose_answers = false;
  ASSERT_TRUE(house.until([&] { return house.up(""); }, 30min));
  EXPECT_EQ(house.cloud.issued(), 1U) << "the key is known again";
}

TEST(LostAnswer, OfFleetsRegistrationIsFoundOutByConnecting) {
  House house;
  house.use(Method::fleet);
  house.failpoints = "";
  house.start();
  ASSERT_TRUE(house.until([&] { return house.state("") == "promised"; }));
  house.cloud.lose_answers = true;
  ASSERT_TRUE(house.until([&] { return house.cloud.active("gw-1") == 1; }));
  house.kill();
  house.cloud.lose_answers = false;
  house.start();
  ASSERT_TRUE(house.until([&] { return house.up(""); }, 30min)) << house.shown("");
  EXPECT_EQ(house.cloud.active("gw-1"), 1U);
  EXPECT_EQ(house.cloud.issued(), 1U);
}

TEST(LostAnswer, OfAClaimThatHasLapsedIsAskedForAnew) {
  House house;
  house.use(Method::fleet);
  house.start();
  ASSERT_TRUE(house.until([&] { return house.state("") == "promised"; }));
  house.kill();
  house.cloud.forget_claims();
  house.start();
  ASSERT_TRUE(house.until([&] { return house.up(""); }, 30min)) << house.shown("");
  EXPECT_EQ(house.cloud.active("gw-1"), 1U);
}

const char* const kSteps[] = {"new", "key-made", "requested", "issued", "proving", "active"};

TEST(Failpoint, BeforeAWriteMakesItFailAndTheStepIsTakenAgain) {
  for (const auto* state : kSteps) {
    House house;
    house.failpoints = std::string("identity-before-") + state + ":1:err";
    house.start();
    EXPECT_TRUE(house.until([&] { return house.up(""); }, 5min)) << state;
  }
}

TEST(Failpoint, AfterAWriteKillsTheProcess) {
  for (const auto* state : kSteps) {
    EXPECT_EXIT(
        {
          House house;
          house.failpoints = std::string("identity-after-") + state + ":1:kill";
          house.start();
          house.until([&] { return house.up(""); }, 5min);
          std::exit(0);
        },
        testing::KilledBySignal(SIGKILL), "")
        << state;
  }
}

}  // namespace
}  // namespace sluice::identity::test
