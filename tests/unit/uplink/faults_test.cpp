#include <set>

#include "tests/unit/uplink/uplink_fixture.hpp"

namespace sluice::test {
namespace {

using Kind = uplink::ConnectFailure::Kind;

uplink::ConnectFailure failure(Kind kind, std::string words, std::uint8_t reason = 0) {
  return {kind, reason, {errc::unreachable, std::move(words)}};
}

using F9Clock = UplinkTest;

TEST_F(F9Clock, WaitsForThePlausibleTimeWithoutSpinningAndSaysSo) {
  clock.set_plausible(false);
  start();
  say("1");
  pass(60min, 1s);
  EXPECT_TRUE(cloud.connects.empty());
  EXPECT_EQ(state(), "waiting for time");
  EXPECT_NE(error().find("clock"), std::string::npos);
  EXPECT_LE(clock.timers(), 4U);
  clock.set_plausible(true);
  EXPECT_LE(pass_until([&] { return delivered() == 1; }), 6s) << "no back-off has piled up";
}

TEST_F(F9Clock, AJumpOfTheWallClockLeavesPacingAndBackOffAlone) {
  start();
  clock.set_wall(clock.wall() - std::chrono::hours(24 * 3650));
  say_many(80);
  EXPECT_LE(pass_until([&] { return delivered() == 80; }), 3s);
  clock.set_wall(clock.wall() + std::chrono::hours(24 * 7300));
  say_many(80);
  EXPECT_LE(pass_until([&] { return delivered() == 160; }), 3s);
}

using F11Dns = UplinkTest;

TEST_F(F11Dns, RetriesWithFullJitterUpToItsCapAndTellsTheWords) {
  options.cloud.backoff_most = 60s;
  cloud.refuse = [](const auto&) { return failure(Kind::dns, "the name cloud.example does not resolve"); };
  start();
  pass(60min, 100ms);
  EXPECT_EQ(state(), "waiting");
  EXPECT_NE(error().find("does not resolve"), std::string::npos);
  EXPECT_GT(cloud.connects.size(), 60U) << "half of the cap on average";
  EXPECT_LT(cloud.connects.size(), 400U);
  std::set<Duration::rep> gaps;
  Duration longest{};
  for (std::size_t i = 1; i < cloud.connects.size(); ++i) {
    const auto gap = cloud.connects[i].at - cloud.connects[i - 1].at;
    gaps.insert(gap.count());
    longest = std::max(longest, gap);
    EXPECT_GE(gap, 1s) << "AWS: one CONNECT per second and client id";
  }
  EXPECT_LE(longest, 61s);
  EXPECT_GT(gaps.size(), 20U) << "jitter";
  cloud.refuse = nullptr;
  say("1");
  EXPECT_LE(pass_until([&] { return delivered() == 1; }), 61s);
}

using F12Cut = UplinkTest;

TEST_F(F12Cut, LosesNothingWhenTheConnectionIsCutAgainAndAgain) {
  cloud.ack_after = 200ms;
  start();
  int said = 0;
  for (int cut = 0; cut < 20; ++cut) {
    for (int i = 0; i < 25; ++i) say(std::to_string(said++));
    pass(std::chrono::milliseconds(100 + 137 * cut % 900));
    cloud.lose("gw", {0, "cut"});
  }
  pass_until([&] { return queued() == 0; }, 10min);
  EXPECT_EQ(delivered(), 500U);
  EXPECT_EQ(dead_letters(), 0U);
  std::set<std::string> got;
  for (const auto& p : payloads()) got.insert(p);
  EXPECT_EQ(got.size(), 500U);
}

using F13HalfOpen = UplinkTest;

TEST_F(F13HalfOpen, AConnectionThatAcknowledgesNothingIsGivenUpAndEverythingSentAgain) {
  start();
  cloud.blackhole = true;
  say_many(10);
  pass(29s);
  EXPECT_EQ(state(), "connected");
  pass(3s);
  EXPECT_NE(state(), "connected");
  EXPECT_NE(error().find("no PUBACK"), std::string::npos);
  cloud.blackhole = false;
  pass_until([&] { return delivered() == 10; });
  EXPECT_EQ(dead_letters(), 0U);
}

TEST_F(F13HalfOpen, AnIdleConnectionIsLeftAlone) {
  start();
  pass(60min, 1s);
  EXPECT_EQ(cloud.connects.size(), 1U);
}

using F15Storm = UplinkTest;

TEST_F(F15Storm, ManyLanesComeBackAtMostFiftyPerSecond) {
  start();
  for (LaneId id = 1; id <= 500; ++id) uplink->add_lane(id, identity("dev" + std::to_string(id)));
  pass(20s);
  EXPECT_EQ(uplink->status()["connected"], 501);
  cloud.connects.clear();
  cloud.lose_all({0, "everything goes down"});
  pass(60s);
  EXPECT_EQ(uplink->status()["connected"], 501);
  for (std::size_t i = 50; i < cloud.connects.size(); ++i) {
    EXPECT_GE(cloud.connects[i].at - cloud.connects[i - 50].at, 990ms);
  }
}

using F16Tls = UplinkTest;

TEST_F(F16Tls, KeepsReadingsAndTellsTheReasonAndConnectsWhenItIsMended) {
  for (const auto kind : {Kind::own_certificate, Kind::peer, Kind::tls}) {
    cloud.refuse = [kind](const auto&) {
      return failure(kind, "the certificate /x.pem has expired on 2026-01-01");
    };
    if (!uplink) start();
    cloud.lose("gw", {});
    say("1");
    pass(5min, 100ms);
    EXPECT_NE(error().find("has expired"), std::string::npos);
    EXPECT_EQ(queued(), 1U);
    cloud.refuse = nullptr;
    pass_until([&] { return queued() == 0; }, 3min);
    EXPECT_EQ(error(), "");
  }
}

TEST_F(F16Tls, WarnsThirtySevenAndOneDaysBeforeItsCertificateExpires) {
  std::vector<std::string> warnings;
  log = Log(std::make_shared<const Log::Sink>([&](Level level, std::string_view, std::string_view line) {
              if (level == Level::warning) warnings.emplace_back(line);
            }),
            "uplink");
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(clock.wall().time_since_epoch()).count();
  cloud.granted.certificate_expires = now + 40 * 86'400;
  start();
  pass(std::chrono::hours(24 * 39 + 12), 10min);
  ASSERT_EQ(warnings.size(), 3U);
  EXPECT_NE(warnings[0].find("expires in 29 days"), std::string::npos) << warnings[0];
  EXPECT_NE(warnings[1].find("expires in 6 days"), std::string::npos) << warnings[1];
  EXPECT_NE(warnings[2].find("expires in 0 days"), std::string::npos) << warnings[2];
}

using F17Throttle = UplinkTest;

TEST_F(F17Throttle, NeverSendsMoreThanTheQuotaWithItsReserve) {
  start();
  say_many(2000);
  pass_until([&] { return delivered() == 2000; });
  const auto& all = cloud.received;
  for (std::size_t i = 82; i < all.size(); ++i) EXPECT_GT(all[i].at - all[i - 82].at, 1s) << i;
  const auto took = all.back().at - all.front().at;
  EXPECT_GT(took, 24s);
  EXPECT_LT(took, 28s) << "and it uses the 80 per second that it may";
}

TEST_F(F17Throttle, KeepsAtMostTheGrantedReceiveMaximumInFlight) {
  cloud.granted.receive_maximum = 10;
  cloud.ack_after = 5s;
  start();
  say_many(100);
  pass_until([&] { return delivered() == 100; });
  EXPECT_LE(cloud.most_in_flight, 8U) << "a fifth is kept for others";
  EXPECT_GE(cloud.most_in_flight, 7U);
}

TEST_F(F17Throttle, SendsLessWhenTheCloudSaysQuotaExceededAndLosesNothing) {
  start();
  int refused = 0;
  cloud.answer = [&](const auto&) { return std::optional<std::uint8_t>(refused++ < 40 ? 0x97 : 0); };
  say_many(300);
  pass(2s);
  EXPECT_LT(lane()["pacing"]["share"].get<double>(), 1.0);
  pass_until([&] { return delivered() == 300; });
  EXPECT_EQ(dead_letters(), 0U);
  pass(3min, 1s);
  EXPECT_EQ(lane()["pacing"]["share"].get<double>(), 1.0) << "it recovers";
}

TEST_F(F17Throttle, SendsLessAfterADisconnectThatSaysTooMuch) {
  start();
  cloud.lose("gw", {0x96, ""});
  pass(3s);
  EXPECT_EQ(state(), "connected");
  EXPECT_LT(lane()["pacing"]["share"].get<double>(), 0.6);
}

using F19Acks = UplinkTest;

TEST_F(F19Acks, ADuplicateOrUnknownPubackIsNothing) {
  start();
  say_many(3);
  pass(1s);
  cloud.ack("gw", 1);
  cloud.ack("gw", 2);
  cloud.ack("gw", 99);
  cloud.ack("gw", 0);
  say("4");
  pass(1s);
  EXPECT_EQ(delivered(), 4U);
  EXPECT_EQ(lane()["in_flight"], 0);
}

TEST_F(F19Acks, PubacksInAnyOrderEachDeliverTheirOwn) {
  cloud.answer = [](const auto&) { return std::nullopt; };
  start();
  say_many(3);
  pass(1s);
  cloud.ack("gw", 3);
  cloud.ack("gw", 1);
  pass(1s);
  EXPECT_EQ(delivered(), 2U);
  cloud.answer = nullptr;
  cloud.lose("gw", {});
  pass_until([&] { return delivered() == 3; });
  EXPECT_EQ(payloads().back(), "1") << "the one whose PUBACK was missing";
  EXPECT_EQ(cloud.received.size(), 4U) << "and only that one";
}

TEST_F(F19Acks, OneLostPubackAmongOthersIsNoticedAndItsReadingSentAgain) {
  bool first = true;
  cloud.answer = [&](const auto&) {
    return std::exchange(first, false) ? std::nullopt : std::optional<std::uint8_t>(0);
  };
  start();
  for (int i = 0; i < 70; ++i) {
    say(std::to_string(i));
    pass(1s);
  }
  pass_until([&] { return queued() == 0; });
  EXPECT_EQ(delivered(), 70U);
}

TEST_F(F19Acks, ARefusalWithoutAFinalReasonIsTriedAgainAndTheOthersGoOn) {
  int refusals = 0;
  cloud.answer = [&](const auto& r) {
    return std::optional<std::uint8_t>(r.payload == "bad" && refusals++ < 3 ? 0x80 : 0);
  };
  start();
  say("bad");
  say_many(20);
  pass(1s);
  EXPECT_EQ(delivered(), 20U);
  pass_until([&] { return delivered() == 21; }, 2min);
}

TEST_F(F19Acks, ARefusalWithoutAFinalReasonEndsInTheDeadLettersNotInALoop) {
  cloud.answer = [&](const auto& r) { return std::optional<std::uint8_t>(r.payload == "bad" ? 0x83 : 0); };
  start();
  say("bad");
  say_many(20);
  pass_until([&] { return dead_letters() == 1; }, 10min);
  EXPECT_EQ(delivered(), 20U);
}

TEST_F(F19Acks, ASessionThatIsGoneIsSubscribedAnew) {
  start();
  cloud.lose("gw", {0x8b, ""});
  pass(3s);
  EXPECT_EQ(cloud.subscriptions.size(), 2U);
}

TEST_F(F19Acks, TellsInWordsWhyTheServerDisconnected) {
  start();
  cloud.answers_connect = false;
  cloud.lose("gw", {0x8e, ""});
  pass(100ms);
  EXPECT_NE(error().find("another client"), std::string::npos);
}

TEST_F(F19Acks, GivesTheLinkNoMoreThanItsSocketTakes) {
  options.cloud.quotas.enforce = false;
  start();
  cloud.backlogged = true;
  say_many(50);
  pass(1s);
  EXPECT_TRUE(cloud.received.empty());
  cloud.set_backlogged(false);
  settle();
  EXPECT_EQ(cloud.received.size(), 50U);
  pass_until([&] { return delivered() == 50; });
}

}  // namespace
}  // namespace sluice::test
