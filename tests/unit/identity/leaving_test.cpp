// Decommissioned and forgotten: nothing of the device stays here, nothing in use in AWS, and it stays out.
#include <gtest/gtest.h>

#include "tests/unit/identity/house.hpp"

namespace sluice::identity::test {
namespace {

using Kind = Admission::Kind;

class Leaving : public InHouse {};

TEST_F(Leaving, TheCertificateOfADecommissionedDeviceIsTakenOutOfUseEvenIfTheServiceIsAwayForDays) {
  ASSERT_NO_FATAL_FAILURE(active("m1"));
  const auto before = certificate("m1");
  house.reading_waits("m1");
  house.cloud.reachable = false;
  ASSERT_TRUE(house.told([&](Done done) { house.room->revoke("m1", done); }));
  ASSERT_TRUE(house.until([&] { return house.state("m1") == "withdrawing"; }));
  EXPECT_FALSE(house.cloud.lanes.contains(house.lane("m1")));
  EXPECT_EQ(house.row("m1").find("\"key\""), std::string::npos) << house.row("m1");
  EXPECT_EQ(house.ledger(LedgerReason::refused), 1U);
  EXPECT_EQ(certificate("m1"), before) << "which one is to be taken out of use";
  EXPECT_EQ(house.admit("m1", "token-m1")->kind, Kind::refused);
  house.options.cloud.provisioning.backoff_most = 1h;
  house.room->reload(house.options);
  house.pass(72h);
  house.restart();
  EXPECT_EQ(house.state("m1"), "withdrawing");
  EXPECT_TRUE(house.cloud.is_active(before));
  EXPECT_EQ(house.room->provision_all(), 0U) << "it stays out";
  house.cloud.reachable = true;
  ASSERT_TRUE(house.until([&] { return house.state("m1") == "gone"; }, 3h));
  EXPECT_FALSE(house.cloud.is_active(before));
  EXPECT_EQ(house.row("m1").find("\"token\""), std::string::npos) << house.row("m1");
}

TEST_F(Leaving, ACertificateThatTheServiceDoesNotTakeOutOfUseIsNamed) {
  house.options.cloud.provisioning.backoff_most = 5s;
  for (const unsigned status : {401U, 503U}) {
    SCOPED_TRACE(status);
    if (house.room) house.restart();
    ASSERT_NO_FATAL_FAILURE(active(status == 401 ? "m1" : "m2"));
    const std::string id = status == 401 ? "m1" : "m2";
    const auto before = certificate(id);
    for (int i = 0; i < (status == 401 ? 1 : 60); ++i)
      house.cloud.will_answer(status, R"({"error":{"code":"No","message":"no"}})");
    ASSERT_TRUE(house.told([&](Done done) { house.room->revoke(id, done); }));
    ASSERT_TRUE(house.until([&] { return house.state(id) == "gone"; }, 3h));
    EXPECT_NE(error(id).find(before), std::string::npos) << error(id);
    EXPECT_NE(error(id).find("deactivate it in AWS"), std::string::npos) << error(id);
    EXPECT_NE(error(id).find("decommissioned by command"), std::string::npos) << error(id);
  }
}

TEST_F(Leaving, ADeviceWhoseTokenWasNeverRightLeavesNoTrouble) {
  ASSERT_NO_FATAL_FAILURE(active(""));
  house.cloud.reachable = false;
  EXPECT_EQ(house.admit("m1", "guessed")->kind, Kind::held);
  ASSERT_TRUE(house.told([&](Done done) { house.room->revoke("m1", done); }));
  house.cloud.reachable = true;
  ASSERT_TRUE(house.until([&] { return house.state("m1") == "gone"; }, 1h));
  EXPECT_EQ(error("m1"), "decommissioned by command");
}

TEST_F(Leaving, AnotherMethodNamesTheCertificateThatItCannotTakeOutOfUse) {
  house.use(ProvisioningOptions::Method::fleet);
  ASSERT_NO_FATAL_FAILURE(active("m1"));
  const auto before = certificate("m1");
  ASSERT_TRUE(house.told([&](Done done) { house.room->revoke("m1", done); }));
  ASSERT_TRUE(house.until([&] { return house.state("m1") == "gone"; }));
  EXPECT_NE(error("m1").find(before + " may still be active, deactivate it in AWS"), std::string::npos)
      << error("m1");
}

TEST_F(Leaving, AForgottenDeviceMayComeAgainBeforeTheServiceHasHeardOfIt) {
  ASSERT_NO_FATAL_FAILURE(active("m1"));
  house.cloud.reachable = false;
  house.room->forget("m1");
  ASSERT_TRUE(house.until([&] { return house.state("m1") == "withdrawing"; }));
  EXPECT_EQ(house.admit("m1", "token-m1")->kind, Kind::held);
  house.cloud.reachable = true;
  ASSERT_TRUE(house.until([&] { return house.up("m1"); }, 1h));
  EXPECT_TRUE(house.cloud.is_active(certificate("m1")));
}

TEST_F(Leaving, AForgottenDeviceIsForgottenAlsoAfterARestart) {
  ASSERT_NO_FATAL_FAILURE(active("m1"));
  house.cloud.reachable = false;
  house.room->forget("m1");
  ASSERT_TRUE(house.until([&] { return house.state("m1") == "withdrawing"; }));
  house.restart();
  house.cloud.reachable = true;
  ASSERT_TRUE(house.until([&] { return house.row("m1").empty(); }, 1h));
  EXPECT_TRUE(house.state("m1").empty());
  EXPECT_EQ(house.cloud.active("m1"), 0U);
}

TEST_F(Leaving, ADecommissionedDeviceStaysOutUntilItIsLetInAgain) {
  ASSERT_NO_FATAL_FAILURE(active("m1"));
  house.reading_waits("m1");
  ASSERT_TRUE(house.told([&](Done done) { house.room->revoke("m1", done); }));
  ASSERT_TRUE(house.until([&] { return house.state("m1") == "gone"; }));
  EXPECT_FALSE(house.cloud.lanes.contains(house.lane("m1")));
  EXPECT_EQ(house.ledger(LedgerReason::refused), 1U);
  EXPECT_EQ(house.row("m1").find("key"), std::string::npos) << house.row("m1");
  ASSERT_EQ(house.turned_away.size(), 1U);
  EXPECT_EQ(house.admit("m1", "token-m1")->kind, Kind::refused);
  house.restart();
  EXPECT_EQ(house.admit("m1", "token-m1")->kind, Kind::refused);
  ASSERT_TRUE(house.told([&](Done done) { house.room->provision("m1", true, done); }));
  EXPECT_EQ(house.admit("m1", "token-m1")->kind, Kind::granted);
}

TEST_F(Leaving, ARemovedDeviceIsForgotten) {
  ASSERT_NO_FATAL_FAILURE(active("m1"));
  house.room->forget("m1");
  ASSERT_TRUE(house.until([&] { return house.row("m1").empty(); }));
  EXPECT_TRUE(house.state("m1").empty());
  EXPECT_EQ(house.admit("m1", "token-m1")->kind, Kind::granted);
}

TEST_F(Leaving, TheGatewayDoesNotDecommissionItself) {
  ASSERT_NO_FATAL_FAILURE(active(""));
  EXPECT_FALSE(house.told([&](Done done) { house.room->revoke(Identities::gateway(), done); }));
  EXPECT_EQ(house.state(""), "active");
}

}  // namespace
}  // namespace sluice::identity::test
