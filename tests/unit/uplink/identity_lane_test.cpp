// A lane and its certificate: rotation, and noticing that the cloud takes it no more.
#include "tests/unit/uplink/uplink_fixture.hpp"
#include "uplink/cloud_link.hpp"

namespace sluice::test {
namespace {

using uplink::ConnectFailure;
using Kind = ConnectFailure::Kind;

ConnectFailure failure(Kind kind, errc code) { return {kind, 0, {code, "so says the script"}}; }

class IdentityLane : public UplinkTest {
 protected:
  void start_with(const std::string& certificate) {
    uplink = uplink::make_uplink(options, loop, clock, store, commands, log, cloud.links());
    uplink->on_identity_trouble([this](LaneId lane, errc code, const std::string& words) {
      EXPECT_FALSE(words.empty());
      troubles.emplace_back(lane, code);
    });
    uplink->add_lane(kGatewayLane, identity("gw", certificate));
    settle();
    ASSERT_EQ(state(), "connected");
  }
  void rotate(const std::string& certificate) {
    outcome.reset();
    uplink->try_identity(kGatewayLane, pem(certificate), [this](result<void> r) {
      EXPECT_FALSE(outcome) << "answered twice";
      outcome = r.has_error() ? r.error().code : errc{};
    });
  }
  // The cloud's answer to each certificate; those not named are let in.
  void refuse(const std::string& certificate, ConnectFailure how) {
    refusals[certificate] = std::move(how);
    cloud.refuse = [this](const uplink::LinkOptions& o) -> std::optional<ConnectFailure> {
      const auto it = refusals.find(o.tls.certificate_pem);
      return it == refusals.end() ? std::nullopt : std::optional(it->second);
    };
  }
  void wait_for_outcome() {
    pass_until([this] { return outcome.has_value(); }, 5min);
  }
  std::string certificate() const { return cloud.connects.back().options.tls.certificate_pem; }

  std::map<std::string, ConnectFailure> refusals;
  std::optional<errc> outcome;
  std::vector<std::pair<LaneId, errc>> troubles;
};

TEST_F(IdentityLane, GoesWhereItsIdentitySays) {
  uplink = uplink::make_uplink(options, loop, clock, store, commands, log, cloud.links());
  auto own = identity("gw", "own");
  own.endpoint = "elsewhere.example:443";
  own.tls.ca_pem = "own roots";
  uplink->add_lane(kGatewayLane, own);
  settle();
  EXPECT_EQ(cloud.connects[0].options.host, "elsewhere.example");
  EXPECT_EQ(cloud.connects[0].options.port, 443);
  EXPECT_EQ(cloud.connects[0].options.tls, own.tls);
  EXPECT_EQ(lane()["endpoint"], "elsewhere.example:443");
}

TEST_F(IdentityLane, TakesTheGatewaysRootsWhereItHasNone) {
  options.cloud.tls.ca = "/etc/roots.pem";
  start_with("one");
  EXPECT_EQ(cloud.connects[0].options.tls.files.ca, "/etc/roots.pem");
}

TEST_F(IdentityLane, StaysWithANewCertificateThatIsTaken) {
  start_with("old");
  rotate("new");
  wait_for_outcome();
  EXPECT_EQ(*outcome, errc{});
  pass(1s);
  EXPECT_EQ(state(), "connected");
  EXPECT_EQ(certificate(), "new");
  // Whoever keeps identities makes it the lane's: nothing more happens.
  uplink->add_lane(kGatewayLane, identity("gw", "new"));
  pass(5s);
  EXPECT_EQ(cloud.connects.size(), 2U);
}

TEST_F(IdentityLane, NeverHasTwoConnectionsAndLosesNothingInFlight) {
  options.cloud.quotas.enforce = false;
  cloud.ack_after = 5s;
  start_with("old");
  say_many(30);
  pass(1s);
  ASSERT_EQ(cloud.in_flight("gw"), 30U);
  rotate("new");
  EXPECT_EQ(cloud.closed, 1U) << "the old connection is closed before a new one begins";
  EXPECT_EQ(cloud.connects.size(), 1U);
  wait_for_outcome();
  EXPECT_EQ(*outcome, errc{});
  pass_until([this] { return delivered() == 30; });
  EXPECT_EQ(queued(), 0U);
}

TEST_F(IdentityLane, GoesBackWhenTheNewCertificateIsRefused) {
  start_with("old");
  refuse("new", failure(Kind::certificate_refused, errc::tls));
  rotate("new");
  wait_for_outcome();
  EXPECT_EQ(*outcome, errc::tls);
  pass_until([this] { return state() == "connected"; }, 5s);
  EXPECT_EQ(certificate(), "old");
  EXPECT_TRUE(troubles.empty()) << "the answer has told it";
}

TEST_F(IdentityLane, GivesANewCertificateAMomentToBecomeKnown) {
  start_with("old");
  refuse("new", failure(Kind::refused, errc::unauthorized));
  rotate("new");
  pass_until([this] { return cloud.connects.size() == 3; }, 10s);
  refusals.clear();
  wait_for_outcome();
  EXPECT_EQ(*outcome, errc{});
  EXPECT_EQ(certificate(), "new");
}

TEST_F(IdentityLane, GoesBackAtOnceWhenTheNewCertificateIsBroken) {
  start_with("old");
  refuse("new", failure(Kind::own_certificate, errc::tls));
  rotate("new");
  wait_for_outcome();
  EXPECT_EQ(*outcome, errc::tls);
  EXPECT_EQ(cloud.connects.size(), 2U);
}

TEST_F(IdentityLane, SaysUnreachableWhenNothingIsKnownOfTheNewCertificate) {
  start_with("old");
  refuse("new", failure(Kind::dns, errc::timeout));
  rotate("new");
  wait_for_outcome();
  EXPECT_EQ(*outcome, errc::unreachable);
  pass_until([this] { return state() == "connected"; }, 5s);
  EXPECT_EQ(certificate(), "old");
}

TEST_F(IdentityLane, ATrialEndsInTimeWhateverTheLinkDoes) {
  start_with("old");
  cloud.answers_connect = false;
  rotate("new");
  const auto took = pass_until([this] { return outcome.has_value(); }, 10min, 100ms);
  EXPECT_EQ(*outcome, errc::timeout);
  EXPECT_LE(took, 2min);
  cloud.answers_connect = true;
  pass_until([this] { return state() == "connected"; }, 10min, 100ms);
  EXPECT_EQ(certificate(), "old");
}

TEST_F(IdentityLane, OneTrialAtATimeAndOnlyOfALaneThatIsThere) {
  start_with("old");
  cloud.answers_connect = false;
  rotate("new");
  std::vector<errc> answers;
  const auto note = [&](result<void> r) { answers.push_back(r.has_error() ? r.error().code : errc{}); };
  uplink->try_identity(kGatewayLane, pem("other"), note);
  uplink->try_identity(77, pem("other"), note);
  EXPECT_EQ(answers, (std::vector<errc>{errc::exists, errc::not_found}));
  uplink->remove_lane(kGatewayLane);
  EXPECT_EQ(outcome, errc::closed);
}

TEST_F(IdentityLane, AReloadDuringATrialDoesNotDisturbIt) {
  start_with("old");
  rotate("new");
  uplink->reload(options);
  uplink->add_lane(kGatewayLane, identity("gw", "old"));
  wait_for_outcome();
  EXPECT_EQ(*outcome, errc{});
  pass(1s);
  EXPECT_EQ(certificate(), "new");
}

TEST_F(IdentityLane, TellsOnceThatTheCloudTakesTheCertificateNoMore) {
  start_with("revoked");
  refuse("revoked", failure(Kind::certificate_refused, errc::tls));
  cloud.lose_all({0, ""});
  pass(5min, 100ms);
  EXPECT_EQ(troubles, (std::vector<std::pair<LaneId, errc>>{{kGatewayLane, errc::tls}}));
  refusals.clear();
  pass_until([this] { return state() == "connected"; }, 10min, 100ms);
  refuse("revoked", failure(Kind::refused, errc::unauthorized));
  cloud.lose_all({0, ""});
  pass(5min, 100ms);
  ASSERT_EQ(troubles.size(), 2U);
  EXPECT_EQ(troubles[1].second, errc::unauthorized);
}

TEST_F(IdentityLane, TellsThatTheCloudClosesEachTimeButNotThatItDidOnce) {
  start_with("revoked");
  refuse("revoked", failure(Kind::closed, errc::closed));
  cloud.lose_all({0, ""});
  pass_until([this] { return cloud.connects.size() == 3; }, 1min);
  EXPECT_TRUE(troubles.empty());
  pass(5min, 100ms);
  EXPECT_EQ(troubles, (std::vector<std::pair<LaneId, errc>>{{kGatewayLane, errc::closed}}));
}

TEST_F(IdentityLane, TellsAgainAfterATrialThatCameToNothing) {
  start_with("revoked");
  refuse("revoked", failure(Kind::refused, errc::unauthorized));
  refuse("new", failure(Kind::refused, errc::unauthorized));
  cloud.lose_all({0, ""});
  pass(1min, 100ms);
  ASSERT_EQ(troubles.size(), 1U);
  rotate("new");
  pass_until([this] { return outcome.has_value(); }, 5min, 100ms);
  EXPECT_EQ(*outcome, errc::unauthorized);
  pass(5min, 100ms);
  EXPECT_EQ(troubles.size(), 2U) << "whoever kept the first to himself meanwhile must hear it";
}

TEST_F(IdentityLane, DoesNotBlameTheCertificateForTheNetworkNorForAThrottle) {
  start_with("good");
  refuse("good", failure(Kind::tcp, errc::unreachable));
  cloud.lose_all({0, ""});
  pass(2min, 100ms);
  refuse("good", failure(Kind::refused, errc::throttled));
  pass(2min, 100ms);
  EXPECT_TRUE(troubles.empty());
}

TEST_F(IdentityLane, TheOneWhoIsToldMayRemoveTheLane) {
  start_with("revoked");
  uplink->on_identity_trouble([this](LaneId lane, errc, const std::string&) { uplink->remove_lane(lane); });
  refuse("revoked", failure(Kind::certificate_refused, errc::tls));
  cloud.lose_all({0, ""});
  pass(1min, 100ms);
  EXPECT_TRUE(uplink->status()["lanes"].empty());
}

}  // namespace
}  // namespace sluice::test
