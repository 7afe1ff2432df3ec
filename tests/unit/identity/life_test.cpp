// From a name and a token to a lane of its own, and what comes between.
#include <gtest/gtest.h>

#include "tests/unit/identity/house.hpp"

namespace sluice::identity::test {
namespace {

using Kind = Admission::Kind;

TEST(Identity, TheGatewayGetsItsOwnFirst) {
  House house;
  house.start();
  ASSERT_TRUE(house.until([&] { return house.up(""); })) << house.shown("");
  ASSERT_TRUE(house.cloud.lanes.contains(kGatewayLane));
  const auto& lane = house.cloud.lanes[kGatewayLane];
  EXPECT_EQ(lane.thing, "gw-1");
  EXPECT_EQ(lane.endpoint, "data.example");
  EXPECT_EQ(lane.tls.ca_pem, house.cloud.ca.certificate);
  EXPECT_EQ(house.cloud.active("gw-1"), 1U);
  const auto access = house.room->credentials_source(Identities::gateway());
  ASSERT_TRUE(access) << access.error().text;
  EXPECT_EQ(access->role_alias, "gateway-role");
  EXPECT_EQ(access->endpoint, "credentials.example");
}

TEST(Identity, ADeviceWithTheRightTokenGetsALane) {
  House house;
  house.start();
  const auto admission = house.admit("m1", "token-m1");
  ASSERT_TRUE(admission);
  EXPECT_EQ(admission->kind, Kind::granted) << admission->text;
  ASSERT_TRUE(house.until([&] { return house.up("m1"); })) << house.shown("m1");
  ASSERT_TRUE(house.cloud.lanes.contains(house.lane("m1")));
  EXPECT_EQ(house.cloud.lanes[house.lane("m1")].thing, "m1");
  EXPECT_EQ(house.shown("m1")["certificate_id"], house.cloud.lane_certificate(house.lane("m1")).value());
  EXPECT_EQ(house.cloud.active("m1"), 1U);
}

TEST(Identity, LeavesASecondBetweenTheProofAndTheLane) {
  House house;
  house.start();
  ASSERT_TRUE(house.until([&] { return house.state("") == "active"; }));
  const auto proven = house.clock.now();
  EXPECT_FALSE(house.cloud.lanes.contains(kGatewayLane)) << "AWS takes one CONNECT a second from a client id";
  ASSERT_TRUE(house.until([&] { return house.up(""); }));
  EXPECT_GE(house.clock.now() - proven, 1s);
}

TEST(Identity, AWrongTokenIsRefusedAndWhatWaitedIsCounted) {
  House house;
  house.start();
  house.reading_waits("m1");
  const auto admission = house.admit("m1", "guessed");
  ASSERT_TRUE(admission);
  EXPECT_EQ(admission->kind, Kind::refused);
  EXPECT_NE(admission->text.find("refuses the productid or its token"), std::string::npos) << admission->text;
  EXPECT_EQ(house.ledger(LedgerReason::refused), 1U);
  ASSERT_EQ(house.turned_away.size(), 1U);
  EXPECT_EQ(house.turned_away[0].first, "m1");
  EXPECT_EQ(house.shown("m1")["state"], "refused");
  EXPECT_EQ(house.row("m1").find("key"), std::string::npos) << "its key is destroyed: " << house.row("m1");
}

TEST(Identity, ARefusedTokenIsNotAskedForAgainForAWhile) {
  House house;
  house.start();
  ASSERT_TRUE(house.until([&] { return house.up(""); }));
  ASSERT_EQ(house.admit("m1", "guessed")->kind, Kind::refused);
  const unsigned before = house.cloud.requests;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(house.admit("m1", "guessed")->kind, Kind::refused);
  EXPECT_EQ(house.cloud.requests, before);
  house.pass(11min);
  EXPECT_EQ(house.admit("m1", "guessed")->kind, Kind::refused);
  EXPECT_EQ(house.cloud.requests, before + 1);
  // The right one is another token: asked at once.
  EXPECT_EQ(house.admit("m1", "token-m1")->kind, Kind::granted);
}

TEST(Identity, AWrongTokenForAKnownDeviceNeverReachesTheService) {
  House house;
  house.start();
  ASSERT_EQ(house.admit("m1", "token-m1")->kind, Kind::granted);
  ASSERT_TRUE(house.until([&] { return house.up("m1"); }));
  const unsigned before = house.cloud.requests;
  EXPECT_EQ(house.admit("m1", "token-m2")->kind, Kind::refused);
  EXPECT_EQ(house.cloud.requests, before);
  EXPECT_EQ(house.state("m1"), "active");
}

TEST(Identity, HoldsADeviceWhileTheServiceIsAway) {
  House house;
  house.cloud.reachable = false;
  house.start();
  EXPECT_EQ(house.admit("m1", "token-m1")->kind, Kind::held);
  EXPECT_EQ(house.admit("m1", "other")->kind, Kind::refused) << "whoever comes later brings the same token";
  house.reading_waits("m1");
  house.cloud.reachable = true;
  ASSERT_TRUE(house.until([&] { return house.up("m1"); }, 30min)) << house.shown("m1");
  EXPECT_EQ(house.ledger(LedgerReason::refused), 0U);
  EXPECT_EQ(house.store.queued(house.lane("m1")), 1U);
}

TEST(Identity, SendsAHeldDeviceAwayWhenItsTokenTurnsOutWrong) {
  House house;
  house.cloud.reachable = false;
  house.start();
  EXPECT_EQ(house.admit("m1", "guessed")->kind, Kind::held);
  house.reading_waits("m1");
  house.cloud.reachable = true;
  ASSERT_TRUE(house.until([&] { return house.state("m1") == "refused"; }, 30min));
  EXPECT_EQ(house.turned_away.size(), 1U);
  EXPECT_EQ(house.ledger(LedgerReason::refused), 1U);
  EXPECT_EQ(house.store.queued(house.lane("m1")), 0U);
}

TEST(Identity, KeepsADeviceOutsideIfThePolicySaysSo) {
  House house;
  house.options.cloud.provisioning.refuse_unproven = true;
  house.cloud.reachable = false;
  house.start();
  const auto admission = house.admit("m1", "token-m1");
  EXPECT_EQ(admission->kind, Kind::unavailable);
  EXPECT_NE(admission->text.find("cannot be reached"), std::string::npos) << admission->text;
  house.cloud.reachable = true;
  ASSERT_TRUE(house.until([&] { return house.up("m1"); }, 30min));
  EXPECT_EQ(house.admit("m1", "token-m1")->kind, Kind::granted);
}

TEST(Identity, LetsOnlySoManyWaitForTheirFirstJudgement) {
  House house;
  house.options.cloud.provisioning.held_most = 2;
  house.cloud.reachable = false;
  house.start();
  EXPECT_EQ(house.admit("m1", "token-m1")->kind, Kind::held);
  EXPECT_EQ(house.admit("m2", "token-m2")->kind, Kind::held);
  EXPECT_EQ(house.admit("m3", "token-m3")->kind, Kind::full);
}

TEST(Identity, WaitsForAPlausibleClock) {
  House house;
  house.clock.set_plausible(false);
  house.start();
  house.pass(1min);
  EXPECT_EQ(house.cloud.requests, 0U);
  EXPECT_NE(house.shown("")["error"].get<std::string>().find("clock"), std::string::npos);
  house.clock.set_plausible(true);
  EXPECT_TRUE(house.until([&] { return house.up(""); }));
}

TEST(Identity, RefusesACertificateOfAnotherKeyAsABadAnswer) {
  House house;
  house.cloud.other_key = true;
  house.start();
  const auto admission = house.admit("m1", "token-m1");
  ASSERT_TRUE(admission);
  EXPECT_EQ(admission->kind, Kind::refused);
  EXPECT_NE(admission->text.find("not of our key"), std::string::npos) << admission->text;
}

TEST(Identity, RefusesAnAnswerThatNamesAnotherThing) {
  House house;
  house.cloud.thing_instead = "somebody";
  house.start();
  const auto admission = house.admit("m1", "token-m1");
  ASSERT_TRUE(admission);
  EXPECT_NE(admission->text.find("names the thing somebody"), std::string::npos) << admission->text;
}

TEST(Identity, SaysThatItIsRegisteredElsewhere) {
  House house;
  house.start();
  ASSERT_EQ(house.admit("m1", "token-m1")->kind, Kind::granted);
  ASSERT_TRUE(house.until([&] { return house.up("m1"); }));
  house.cloud.reissue = false;
  ASSERT_TRUE(house.told([&](Done done) { house.room->rotate("m1", done); }));
  ASSERT_TRUE(house.until([&] {
    return house.state("m1") == "active" && !house.shown("m1")["error"].empty() &&
           house.shown("m1")["error"] != "";
  }));
  EXPECT_NE(house.shown("m1")["error"].get<std::string>().find("registered already"), std::string::npos);
  EXPECT_EQ(house.cloud.active("m1"), 1U) << "the present one stays";
}

TEST(Identity, HonoursRetryAfterForEverybody) {
  House house;
  house.cloud.will_answer(429, R"({"error":{"code":"TooManyRequests","message":"slow down"}})");
  house.cloud.retry_after = "120";
  house.start();
  house.until([&] { return house.cloud.requests == 1; });
  house.knock("m1", "token-m1");
  house.pass(100s);
  EXPECT_EQ(house.cloud.requests, 1U);
  EXPECT_TRUE(house.until([&] { return house.up("") && house.up("m1"); }, 10min));
}

TEST(Identity, BacksOffWhileTheServiceFails) {
  House house;
  for (int i = 0; i < 8; ++i) house.cloud.will_answer(503, "");
  house.start();
  ASSERT_TRUE(house.until([&] { return house.up(""); }, 1h));
  EXPECT_EQ(house.cloud.requests, 9U);
}

TEST(Identity, FiveHundredAtOnceKeepToTheRate) {
  House house;
  house.options.cloud.provisioning.at_once = 4;
  house.options.cloud.provisioning.per_second = 10;
  for (int i = 0; i < 500; ++i) house.cloud.tokens["d" + std::to_string(i)] = "t" + std::to_string(i);
  house.start();
  const auto begun = house.clock.now();
  for (int i = 0; i < 500; ++i) house.knock("d" + std::to_string(i), "t" + std::to_string(i));
  ASSERT_TRUE(house.until([&] { return house.cloud.lanes.size() == 501; }, 10min)) << house.room->status();
  const auto took = std::chrono::duration<double>(house.clock.now() - begun).count();
  EXPECT_GE(took, 49.0);
  EXPECT_EQ(house.cloud.requests, 501U) << "one each, and the gateway's";
  EXPECT_EQ(house.admissions.size(), 500U);
}

TEST(Identity, AFailingRegistryStopsTheLifeBeforeItsNextStep) {
  House house;
  house.start();
  ASSERT_TRUE(house.until([&] { return house.up(""); }));
  house.registry.broken = true;
  const unsigned before = house.cloud.requests;
  house.knock("m1", "token-m1");
  house.pass(30s);
  EXPECT_EQ(house.cloud.requests, before) << "nobody is asked with a key that is not on disk";
  house.registry.broken = false;
  EXPECT_TRUE(house.until([&] { return house.up("m1"); }));
}

TEST(Identity, NeitherKeysNorTokensAreInTheRegistryOrTheLogInClear) {
  for (const auto method : {ProvisioningOptions::Method::cvm, ProvisioningOptions::Method::awslabs,
                            ProvisioningOptions::Method::fleet, ProvisioningOptions::Method::own_ca}) {
    House house;
    house.use(method);
    house.start();
    house.knock("m1", "token-m1", true);
    ASSERT_TRUE(house.until([&] { return house.up("") && house.up("m1"); })) << house.room->status();
    std::string everything;
    for (const auto& [key, row] : house.registry.rows) everything += row;
    for (const auto& line : house.log) everything += line;
    everything += house.room->status().dump() + house.room->identities().dump();
    for (const auto* secret : {"PRIVATE KEY", "token-m1", "gateway-token", "ownership-of-"})
      EXPECT_EQ(everything.find(secret), std::string::npos) << secret << " " << static_cast<int>(method);
  }
}

}  // namespace
}  // namespace sluice::identity::test
