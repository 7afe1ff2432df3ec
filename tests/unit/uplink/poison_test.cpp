#include "uplink/poison.hpp"

#include "tests/unit/uplink/uplink_fixture.hpp"

namespace sluice::test {
namespace {

using F18Poison = UplinkTest;

TEST_F(F18Poison, FindsExactlyTheOneCulpritOfAHundredWithinAFewReconnects) {
  for (const int culprit : {0, 37, 99}) {
    SCOPED_TRACE(culprit);
    cloud.connects.clear();
    const auto bad = "bad" + std::to_string(culprit);
    cloud.kills = [&](const auto& r) { return r.payload == bad; };
    // The cloud acknowledges nothing that it got together with the culprit: the hardest case.
    cloud.ack_after = 300ms;
    const auto before = delivered();
    const auto letters = dead_letters();
    if (!uplink) start();
    cloud.lose("gw", {0x8b, ""});
    for (int i = 0; i < 100; ++i) say(i == culprit ? bad : std::to_string(i));
    pass_until([&] { return delivered() == before + 99 && dead_letters() == letters + 1; }, 30min);
    EXPECT_LE(cloud.connects.size(), 20U);
    store.dead_letters(0, 100, [&](auto got) {
      ASSERT_TRUE(got.has_value());
      EXPECT_EQ(got->back().payload, bad);
      EXPECT_NE(got->back().reason.find("closed the connection"), std::string::npos);
    });
    settle();
    EXPECT_EQ(queued(), 0U);
    EXPECT_EQ(lane()["suspects"], 0);
  }
}

TEST_F(F18Poison, FindsEveryCulpritWhenThereAreSeveral) {
  cloud.kills = [](const auto& r) { return r.payload.starts_with("bad"); };
  start();
  for (int i = 0; i < 60; ++i) {
    say(i % 20 == 7 ? "bad" + std::to_string(i) : std::to_string(i), "t" + std::to_string(i));
  }
  pass_until([&] { return dead_letters() == 3; }, 60min);
  pass_until([&] { return delivered() == 57; });
  EXPECT_LE(cloud.connects.size(), 40U);
}

TEST_F(F18Poison, LiveReadingsGoOnAfterTheCulpritIsSetAside) {
  cloud.kills = [](const auto& r) { return r.payload == "bad"; };
  start();
  say("bad");
  int said = 0;
  while (dead_letters() == 0 && said < 2000) {
    say(std::to_string(said++));
    pass(1s);
  }
  EXPECT_EQ(dead_letters(), 1U);
  pass_until([&] { return queued() == 0; });
  EXPECT_EQ(delivered(), static_cast<unsigned>(said));
}

TEST_F(F18Poison, FindsTheRecordInsideABatch) {
  options.routes.push_back({});
  options.routes.back().name = "r";
  options.routes.back().batch = {BatchOptions::Format::json, 2000, 1s, false};
  cloud.kills = [](const auto& r) { return r.payload.find("666") != std::string::npos; };
  start();
  for (int i = 0; i < 50; ++i) say(i == 31 ? "666" : std::to_string(1000 + i));
  say("other", "t2", kGatewayLane, 5, "single");
  pass_until([&] { return dead_letters() == 1; }, 60min);
  pass_until([&] { return delivered() == 50; });
}

TEST_F(F18Poison, TheOnlyReadingThereIsIsParkedAndConvictedWhenAnotherIsTaken) {
  cloud.kills = [](const auto& r) { return r.payload == "bad"; };
  start();
  say("bad");
  pass(60min, 100ms);
  EXPECT_EQ(dead_letters(), 0U) << "nothing proves that it is not the cloud";
  EXPECT_LE(cloud.connects.size(), 10U) << "but no endless reconnecting either";
  EXPECT_EQ(lane()["suspects"], 1);
  say("good");
  pass_until([&] { return dead_letters() == 1; }, 10min);
  EXPECT_EQ(delivered(), 1U);
}

TEST_F(F18Poison, ATopicThatIsDeniedCostsFewConnections) {
  cloud.kills = [](const auto& r) { return r.topic == "denied"; };
  start();
  for (int i = 0; i < 200; ++i) say(std::to_string(i), i % 2 == 0 ? "denied" : "allowed");
  settle();
  pass_until([&] { return queued() == 0; }, 60min);
  EXPECT_EQ(delivered(), 100U);
  EXPECT_EQ(dead_letters(), 100U);
  EXPECT_LE(cloud.connects.size(), 40U);
}

TEST_F(F18Poison, AnOutageThatCutsEveryConnectionPoisonsNothing) {
  cloud.answer = [](const auto&) { return std::nullopt; };
  start();
  say_many(50);
  // Up for a moment, publishes taken, nothing acknowledged, closed: for an hour.
  for (int i = 0; i < 3600; ++i) {
    pass(1s, 100ms);
    if (i % 3 == 2) cloud.lose("gw", {0, "cut"});
  }
  EXPECT_EQ(dead_letters(), 0U);
  cloud.answer = nullptr;
  pass_until([&] { return delivered() == 50; });
}

TEST_F(F18Poison, ACloudThatTakesPublishesAndClosesEachTimePoisonsNothing) {
  // The connection lives until something is published: for every publish, whatever it is.
  cloud.kills = [](const auto&) { return true; };
  start();
  say_many(50);
  pass(60min, 100ms);
  EXPECT_EQ(dead_letters(), 0U);
  cloud.kills = nullptr;
  pass_until([&] { return delivered() == 50; });
}

TEST_F(F18Poison, DisconnectsThatAreNotAboutAMessageBlameNone) {
  cloud.kills = [](const auto& r) { return r.payload == "7"; };
  cloud.loss = {0x8b, ""};  // server shutting down
  cloud.ack_after = 100ms;
  start();
  say_many(20);
  pass(20min, 100ms);
  EXPECT_EQ(dead_letters(), 0U);
  EXPECT_EQ(lane()["suspects"], 0);
}

TEST_F(F18Poison, WhatAwsCouldNeverTakeIsSetAsideUnsent) {
  start();
  say(std::string(200'000, 'x'));
  say("1", "a/b/c/d/e/f/g/h/i/j");
  say("2");
  pass(5s);
  EXPECT_EQ(payloads(), std::vector<std::string>{"2"});
  EXPECT_EQ(dead_letters(), 2U);
}

TEST_F(F18Poison, WhatTheGrantedPacketSizeExcludesIsSetAsideUnsent) {
  cloud.granted.maximum_packet_size = 1000;
  start();
  say(std::string(2000, 'x'));
  say("2");
  pass(5s);
  EXPECT_EQ(payloads(), std::vector<std::string>{"2"});
  EXPECT_EQ(dead_letters(), 1U);
}

TEST_F(F18Poison, FinalRefusalsBecomeDeadLettersAndTheConnectionStays) {
  for (const int reason : {0x87, 0x90, 0x95, 0x99}) {
    cloud.answer = [&](const auto& r) {
      return std::optional<std::uint8_t>(r.payload == "bad" ? reason : 0);
    };
    if (!uplink) start();
    const auto before = dead_letters();
    say("bad");
    say("good");
    pass(5s);
    EXPECT_EQ(dead_letters(), before + 1);
    EXPECT_EQ(queued(), 0U);
  }
  EXPECT_EQ(cloud.connects.size(), 1U);
}

TEST(Poison, ConvictsOnlyWhoDiesAloneTwiceWhileOthersAreTaken) {
  uplink::Poison poison(3);
  std::vector<uplink::Poison::Unit> units;
  for (std::uint64_t id = 1; id <= 4; ++id) units.push_back({{{0, 5, id}}, 0});
  poison.died(units);
  poison.died(units);
  EXPECT_FALSE(poison.on_trial());
  poison.died(units);
  ASSERT_TRUE(poison.on_trial());
  ASSERT_EQ(poison.group().size(), 2U);
  EXPECT_FALSE(poison.group_died());  // 1 2
  ASSERT_EQ(poison.group().size(), 1U);
  poison.delivered(poison.group()[0].keys);  // 1
  poison.group_delivered();
  EXPECT_FALSE(poison.group_died());  // 2, once
  const auto culprit = poison.group_died();
  ASSERT_TRUE(culprit);
  EXPECT_EQ(culprit->id, 2U);
  ASSERT_TRUE(poison.on_trial());
  EXPECT_EQ(poison.group().size(), 2U);  // 3 4
  poison.delivered(std::vector(poison.group()[0].keys));
  poison.delivered(std::vector(poison.group()[0].keys));
  poison.group_delivered();
  EXPECT_FALSE(poison.on_trial());
  EXPECT_EQ(poison.suspects(), 0U);
}

TEST(Poison, ForgetsSuspectsThatWereNotInFlightAtEveryDeath) {
  uplink::Poison poison(3);
  poison.died({{{{0, 5, 1}}, 0}});
  poison.died({{{{0, 5, 2}}, 0}});
  poison.died({{{{0, 5, 3}}, 0}});
  EXPECT_FALSE(poison.on_trial());
  poison.died({{{{0, 5, 3}}, 0}});
  poison.died({{{{0, 5, 3}}, 0}});
  EXPECT_TRUE(poison.on_trial());
}

}  // namespace
}  // namespace sluice::test
