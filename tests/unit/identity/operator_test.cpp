// Rotation, revocation, import: what time, AWS and operators do to an identity.
#include <gtest/gtest.h>

#include <optional>

#include "tests/unit/identity/house.hpp"

namespace sluice::identity::test {
namespace {

using Kind = Admission::Kind;

class Operator : public InHouse {};

TEST_F(Operator, RotatesByCommandAndKeepsTheLaneOpenAllTheWhile) {
  ASSERT_NO_FATAL_FAILURE(active("m1"));
  const auto before = certificate("m1");
  const auto lane = house.lane("m1");
  house.cloud.closed_lanes.clear();
  ASSERT_TRUE(house.told([&](Done done) { house.room->rotate("m1", done); }));
  ASSERT_TRUE(house.until([&] { return house.up("m1"); }));
  EXPECT_NE(certificate("m1"), before);
  EXPECT_EQ(house.cloud.lane_certificate(lane), certificate("m1"));
  EXPECT_TRUE(house.cloud.closed_lanes.empty());
  EXPECT_EQ(house.cloud.active("m1"), 1U);
}

TEST_F(Operator, TheFormerCertificateIsRetiredOnceTheNextOneIsProven) {
  ASSERT_NO_FATAL_FAILURE(active("m1"));
  const auto before = certificate("m1");
  house.cloud.takes_certificates = false;
  ASSERT_TRUE(house.told([&](Done done) { house.room->rotate("m1", done); }));
  ASSERT_TRUE(house.until([&] { return house.state("m1") == "rotating-proving"; }));
  EXPECT_TRUE(house.cloud.is_active(before));
  house.cloud.takes_certificates = true;
  ASSERT_TRUE(house.until([&] { return house.state("m1") == "retiring"; }));
  EXPECT_NE(certificate("m1"), before);
  EXPECT_EQ(house.cloud.lane_certificate(house.lane("m1")), certificate("m1"));
  EXPECT_EQ(house.cloud.active("m1"), 2U) << "the lane has the next one, and nobody was told";
  ASSERT_TRUE(house.until([&] { return house.state("m1") == "active"; }));
  EXPECT_FALSE(house.cloud.is_active(before));
  EXPECT_EQ(house.row("m1").find("csr"), std::string::npos) << house.row("m1");
  EXPECT_EQ(error("m1"), "");
}

TEST_F(Operator, AServiceThatRetiresAtOnceIsAskedOnceMoreWithoutHarm) {
  house.cloud.retires_at_once = true;
  ASSERT_NO_FATAL_FAILURE(active("m1"));
  ASSERT_TRUE(house.told([&](Done done) { house.room->rotate("m1", done); }));
  ASSERT_TRUE(house.until([&] { return house.up("m1"); }));
  EXPECT_EQ(error("m1"), "");
  EXPECT_EQ(house.cloud.lane_certificate(house.lane("m1")), certificate("m1"));
  EXPECT_EQ(house.cloud.active("m1"), 1U);
  EXPECT_EQ(house.cloud.issued(), 3U) << "the gateway's, and two";
}

TEST_F(Operator, AFormerCertificateThatTheServiceDoesNotRetireIsNamedInTheStatus) {
  house.options.cloud.provisioning.backoff_most = 5s;
  ASSERT_NO_FATAL_FAILURE(active("m1"));
  const auto before = certificate("m1");
  ASSERT_TRUE(house.told([&](Done done) { house.room->rotate("m1", done); }));
  ASSERT_TRUE(house.until([&] { return house.state("m1") == "retiring"; }));
  house.cloud.reachable = false;
  const unsigned asked = house.cloud.requests;
  house.pass(30s);
  house.restart();
  EXPECT_EQ(house.state("m1"), "retiring");
  ASSERT_TRUE(house.until([&] { return house.state("m1") == "active"; }, 1h));
  EXPECT_LT(house.cloud.requests - asked, 100U);
  EXPECT_NE(error("m1").find(before), std::string::npos) << error("m1");
  EXPECT_NE(house.room->status()["troubles"].dump().find(before), std::string::npos);
  EXPECT_EQ(house.row("m1").find("csr"), std::string::npos) << house.row("m1");
  house.cloud.reachable = true;
  ASSERT_TRUE(house.told([&](Done done) { house.room->rotate("m1", done); }));
  ASSERT_TRUE(house.until([&] { return house.up("m1"); }));
  EXPECT_EQ(error("m1"), "");
}

TEST_F(Operator, TroubleWhileTheFormerCertificateIsRetiredCountsAfterwards) {
  ASSERT_NO_FATAL_FAILURE(active("m1"));
  ASSERT_TRUE(house.told([&](Done done) { house.room->rotate("m1", done); }));
  ASSERT_TRUE(house.until([&] { return house.state("m1") == "retiring"; }));
  house.cloud.takes_certificates = false;
  house.room->trouble(house.lane("m1"), errc::unauthorized, "not authorized");
  ASSERT_TRUE(house.until([&] { return house.state("m1") == "revoked"; }));
  EXPECT_EQ(house.cloud.active("m1"), 1U);
}

TEST_F(Operator, AnotherMethodDoesNotRetireWhatTheOneBeforeHasReplaced) {
  ASSERT_NO_FATAL_FAILURE(active("m1"));
  ASSERT_TRUE(house.told([&](Done done) { house.room->rotate("m1", done); }));
  ASSERT_TRUE(house.until([&] { return house.state("m1") == "retiring"; }));
  house.kill();
  house.use(ProvisioningOptions::Method::fleet);
  house.start();
  ASSERT_TRUE(house.until([&] { return house.up("m1"); }));
  EXPECT_NE(error("m1").find("may still be active"), std::string::npos) << error("m1");
}

TEST_F(Operator, RotatesBeforeExpiry) {
  ASSERT_NO_FATAL_FAILURE(active(""));
  const auto before = certificate("");
  house.clock.set_wall(WallTime(std::chrono::seconds(2'500'000'000 - 86'400 * 40)));
  house.pass(30min);
  EXPECT_EQ(certificate(""), before) << "40 days are left";
  house.clock.set_wall(WallTime(std::chrono::seconds(2'500'000'000 - 86'400 * 20)));
  EXPECT_TRUE(house.until([&] { return certificate("") != before && house.state("") == "active"; }, 30min));
}

TEST_F(Operator, RotatesByAge) {
  house.options.cloud.provisioning.rotate_after = 24h * 90;
  ASSERT_NO_FATAL_FAILURE(active(""));
  const auto before = certificate("");
  house.pass(30min);
  EXPECT_EQ(certificate(""), before);
  house.clock.set_wall(house.clock.wall() + 24h * 91);
  EXPECT_TRUE(house.until([&] { return certificate("") != before && house.state("") == "active"; }, 30min));
}

TEST_F(Operator, ARotationThatAwsDoesNotTakeLeavesThePresentCertificate) {
  house.cloud.reissue = true;
  ASSERT_NO_FATAL_FAILURE(active("m1"));
  const auto before = certificate("m1");
  house.options.cloud.provisioning.backoff_most = 5s;
  house.room->reload(house.options);
  ASSERT_TRUE(house.told([&](Done done) { house.room->rotate("m1", done); }));
  house.cloud.takes_certificates = false;
  ASSERT_TRUE(house.until([&] { return house.up("m1"); }, 2h)) << house.shown("m1");
  EXPECT_EQ(certificate("m1"), before);
  EXPECT_NE(error("m1").find("does not take its certificate"), std::string::npos) << error("m1");
}

// With all that a lane tells: a bare close is the only word that AWS has for some.
TEST_F(Operator, NoticesARevokedCertificateAndComesBackWhenAwsTakesItAgain) {
  ASSERT_NO_FATAL_FAILURE(active("m1"));
  for (const auto code : {errc::unauthorized, errc::tls, errc::denied, errc::refused, errc::closed}) {
    SCOPED_TRACE(static_cast<int>(code));
    house.cloud.takes_certificates = false;
    house.room->trouble(house.lane("m1"), code, "CONNECT came to nothing");
    ASSERT_TRUE(house.until([&] { return house.state("m1") == "revoked"; }));
    EXPECT_NE(error("m1").find("came to nothing"), std::string::npos);
    EXPECT_FALSE(house.cloud.lanes.contains(house.lane("m1")));
    house.pass(10min);
    EXPECT_EQ(house.state("m1"), "revoked");
    house.cloud.takes_certificates = true;
    ASSERT_TRUE(house.until([&] { return house.up("m1"); }, 1h));
    EXPECT_TRUE(house.cloud.lanes.contains(house.lane("m1")));
  }
}

TEST_F(Operator, NetworkTroubleIsNoRevocation) {
  ASSERT_NO_FATAL_FAILURE(active("m1"));
  house.room->trouble(house.lane("m1"), errc::unreachable, "no network");
  house.settle();
  EXPECT_EQ(house.state("m1"), "active");
}

TEST_F(Operator, ARevokedIdentityIsAskedForAnewByCommand) {
  ASSERT_NO_FATAL_FAILURE(active("m1"));
  const auto before = certificate("m1");
  house.cloud.set_active(before, false);
  house.room->trouble(house.lane("m1"), errc::tls, "certificate revoked");
  ASSERT_TRUE(house.until([&] { return house.state("m1") == "revoked"; }));
  const auto no = house.told([&](Done done) { house.room->provision("m1", false, done); });
  ASSERT_FALSE(no);
  EXPECT_NE(no.error().text.find("--again"), std::string::npos);
  ASSERT_TRUE(house.told([&](Done done) { house.room->provision("m1", true, done); }));
  ASSERT_TRUE(house.until([&] { return house.up("m1"); }));
  EXPECT_NE(certificate("m1"), before);
  EXPECT_EQ(house.cloud.active("m1"), 1U);
}

TEST_F(Operator, ARevokedIdentityThatGetsNoOtherIsWhereItWas) {
  ASSERT_NO_FATAL_FAILURE(active("m1"));
  const auto before = certificate("m1");
  house.reading_waits("m1");
  house.cloud.set_active(before, false);
  house.room->trouble(house.lane("m1"), errc::unauthorized, "not authorized");
  ASSERT_TRUE(house.until([&] { return house.state("m1") == "revoked"; }));
  house.cloud.will_answer(409, R"({"error":{"code":"AlreadyRegistered","message":"no"}})");
  ASSERT_TRUE(house.told([&](Done done) { house.room->provision("m1", true, done); }));
  ASSERT_TRUE(house.until([&] { return house.cloud.has_answered_all() && house.state("m1") == "revoked"; }));
  EXPECT_NE(error("m1").find("registered already"), std::string::npos) << error("m1");
  EXPECT_EQ(certificate("m1"), before);
  EXPECT_EQ(house.store.queued(house.lane("m1")), 1U);
  EXPECT_EQ(house.ledger(LedgerReason::refused), 0U);
  EXPECT_TRUE(house.turned_away.empty());
  house.cloud.set_active(before, true);
  ASSERT_TRUE(house.until([&] { return house.up("m1"); }, 1h)) << "with the key that it has kept";
  EXPECT_EQ(house.cloud.lane_certificate(house.lane("m1")), before);
}

TEST_F(Operator, ATokenThatIsImportedForARevokedIdentityGetsItAnotherCertificate) {
  ASSERT_NO_FATAL_FAILURE(active("m1"));
  const auto before = certificate("m1");
  house.cloud.set_active(before, false);
  house.room->trouble(house.lane("m1"), errc::unauthorized, "not authorized");
  ASSERT_TRUE(house.until([&] { return house.state("m1") == "revoked"; }));
  house.cloud.tokens["m1"] = "another";
  std::vector<Import> devices = {{"m1", "meter", Secret(std::string_view("another"))}};
  ASSERT_TRUE(house.told([&](Done done) { house.room->import(devices, done); }));
  ASSERT_TRUE(house.until([&] { return house.up("m1"); }));
  EXPECT_NE(certificate("m1"), before);
}

TEST_F(Operator, TroubleWhileANextCertificateIsOnItsWayCountsOnlyIfItDoesNotCome) {
  ASSERT_NO_FATAL_FAILURE(active("m1"));
  for (const bool comes : {true, false}) {
    house.cloud.reachable = false;
    ASSERT_TRUE(house.told([&](Done done) { house.room->rotate("m1", done); }));
    house.room->trouble(house.lane("m1"), errc::unauthorized, "not authorized");
    house.pass(1s);
    EXPECT_TRUE(house.state("m1").starts_with("rotating")) << house.state("m1");
    if (!comes) {
      house.cloud.set_all_active(false);
      house.cloud.will_answer(401, R"({"error":{"code":"Unauthorized","message":"no"}})");
    }
    house.cloud.reachable = true;
    ASSERT_TRUE(house.until([&] { return house.state("m1") == (comes ? "active" : "revoked"); }))
        << house.shown("m1");
  }
  EXPECT_NE(error("m1").find("not authorized; "), std::string::npos) << error("m1");
}

TEST_F(Operator, ALostAnswerOfARotationLeavesTheFormerCertificateUntilTheNextIsProven) {
  ASSERT_NO_FATAL_FAILURE(active("m1"));
  const auto before = certificate("m1");
  house.cloud.takes_certificates = false;
  house.cloud.lose_answers = true;
  ASSERT_TRUE(house.told([&](Done done) { house.room->rotate("m1", done); }));
  ASSERT_TRUE(house.until([&] { return house.cloud.active("m1") == 2; }));
  house.pass(1min);
  house.cloud.lose_answers = false;
  ASSERT_TRUE(house.until([&] { return house.state("m1") == "rotating-proving"; }));
  EXPECT_TRUE(house.cloud.is_active(before)) << "the request was sent again, and nothing has proven itself";
  house.cloud.takes_certificates = true;
  ASSERT_TRUE(house.until([&] { return house.up("m1"); }));
  EXPECT_EQ(house.cloud.active("m1"), 1U);
}

TEST_F(Operator, ImportsDevicesWithTheirTokensAndAsksForThemAtOnce) {
  ASSERT_NO_FATAL_FAILURE(active(""));
  std::vector<Import> devices;
  for (const auto* id : {"m1", "m2", "m3"})
    devices.push_back({id, "meter", Secret(std::string_view(house.cloud.tokens[id]))});
  ASSERT_TRUE(house.told([&](Done done) { house.room->import(devices, done); }));
  EXPECT_EQ(house.room->product_of("m2"), "meter");
  ASSERT_TRUE(house.until([&] { return house.up("m3"); }));
  EXPECT_EQ(house.admit("m2", "token-m2")->kind, Kind::granted);
  EXPECT_EQ(house.admit("m2", "guessed")->kind, Kind::refused);
}

TEST_F(Operator, AnImportIsDoneWhenTheTokensOfKnownDevicesAreOnDiskToo) {
  ASSERT_NO_FATAL_FAILURE(active("m1"));
  house.registry.broken = true;
  const auto before = house.row("m1");
  std::optional<result<void>> told;
  house.room->import({{"m1", "meter", Secret(std::string_view("another"))}},
                     [&told](result<void> done) { told = std::move(done); });
  house.pass(1min);
  EXPECT_FALSE(told) << "the operator would delete the file";
  house.registry.broken = false;
  ASSERT_TRUE(house.until([&] { return told.has_value(); }, 1min));
  EXPECT_TRUE(*told);
  EXPECT_NE(house.row("m1"), before);
  house.restart();
  EXPECT_EQ(house.admit("m1", "another")->kind, Kind::granted);
}

TEST_F(Operator, AnImportWithAMistakeTakesNothing) {
  ASSERT_NO_FATAL_FAILURE(active(""));
  std::vector<Import> devices;
  devices.push_back({"m1", "meter", Secret(std::string_view("t"))});
  devices.push_back({"m 2", "meter", Secret(std::string_view("t"))});
  devices.push_back({"m3", "nothing", Secret(std::string_view("t"))});
  devices.push_back({"m4", "plain", Secret(std::string_view("t"))});
  devices.push_back({"m5", "meter", Secret()});
  const auto told = house.told([&](Done done) { house.room->import(devices, done); });
  ASSERT_FALSE(told);
  for (const auto* words : {"`m 2`", "no product `nothing`", "no identity of its own", "`m5`"})
    EXPECT_NE(told.error().text.find(words), std::string::npos) << told.error().text;
  EXPECT_EQ(house.room->product_of("m1"), "");
}

TEST_F(Operator, ANewTokenOfAKnownDeviceIsTheOneThatIsAskedWith) {
  ASSERT_NO_FATAL_FAILURE(active(""));
  house.cloud.reachable = false;
  EXPECT_EQ(house.admit("m1", "old-token", true)->kind, Kind::held);
  house.pass(30s);
  EXPECT_EQ(house.admit("m1", "token-m1", true)->kind, Kind::held) << "proven here: sluicectl devices token";
  house.cloud.reachable = true;
  EXPECT_TRUE(house.until([&] { return house.up("m1"); }, 30min)) << house.shown("m1");
}

TEST_F(Operator, ProvisionAllAsksNowInsteadOfLater) {
  house.cloud.reachable = false;
  house.options.cloud.provisioning.backoff_first = 1h;
  house.options.cloud.provisioning.backoff_most = 24h;
  house.start();
  house.knock("m1", "token-m1");
  house.pass(3min);
  house.cloud.reachable = true;
  EXPECT_EQ(house.room->provision_all(), 2U);
  EXPECT_TRUE(house.until([&] { return house.up("m1"); }, 1min));
}

TEST_F(Operator, AnotherSealingKeyIsNoticedAtTheStart) {
  ASSERT_NO_FATAL_FAILURE(active("m1"));
  house.kill();
  std::filesystem::remove(house.scratch.path() / "seal.key");
  auto started = house.try_start();
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().text.find("bring it back"), std::string::npos) << started.error().text;
  house.write("seal.key", std::string(64, 'a'));
  started = house.try_start();
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().text.find("another sealing key"), std::string::npos) << started.error().text;
}

TEST_F(Operator, ADamagedRowKeepsItsDeviceOutAndSaysSo) {
  ASSERT_NO_FATAL_FAILURE(active("m1"));
  house.kill();
  house.registry.rows[{18, "m1"}] = R"({"v":1,"state":"somewhere"})";
  house.start();
  EXPECT_TRUE(house.logged("does not know"));
  EXPECT_FALSE(house.room->status()["troubles"].empty());
}

}  // namespace
}  // namespace sluice::identity::test
