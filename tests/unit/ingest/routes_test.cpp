// Which route takes a reading, and where it goes.
#include "core/record_properties.hpp"
#include "tests/unit/ingest/with_routes.hpp"

namespace sluice::ingest {
namespace {

using namespace test;
using Action = RouteOptions::Action;
using Kind = Offer::Kind;

class Routes : public WithRoutes {};

TEST_F(Routes, FirstThatMatchesDecides) {
  start({to("d/+/alarm", "first"), to("d/#", "second")});
  EXPECT_EQ(offer("d/1/alarm").kind, Kind::queued);
  EXPECT_EQ(last_topic(), "first");
  offer("d/1/temp");
  EXPECT_EQ(last_topic(), "second");
  EXPECT_EQ(counter("d/+/alarm", "queued"), 1U);
  EXPECT_EQ(counter("d/#", "queued"), 1U);
}

TEST_F(Routes, FillTheirPlaceholders) {
  start({to("d/+/x/#", "{gateway}/{product}/{device}/{1}/{2}"), to("raw/#", "{topic}")});
  offer("d/7/x/a/b");
  EXPECT_EQ(last_topic(), "gw/thermo/dev-1/7/a/b");
  offer("raw/a");
  EXPECT_EQ(last_topic(), "raw/a");
}

TEST_F(Routes, PutTheRulesPrefixInFront) {
  auto route = to("d/+", "t/{1}");
  route.rule = "archive";
  start({route});
  offer("d/9");
  EXPECT_EQ(last_topic(), "$aws/rules/archive/t/9");
}

TEST_F(Routes, GiveTheRecordTheirNamePriorityAndTimeToLive) {
  auto route = to("a", "b");
  route.name = "temps";
  route.priority = 9;
  route.ttl = 1500ms;
  start({route});
  device_.lane = 12;
  offer("a", "payload");
  const auto batch = queued(12, 9);
  ASSERT_EQ(batch.records.size(), 1U);
  EXPECT_EQ(store_.name(batch.records[0].route), "temps");
  EXPECT_EQ(batch.records[0].device, device_.name);
  EXPECT_EQ(batch.records[0].payload, "payload");
  EXPECT_EQ(batch.records[0].expires, store_.now() + 2);  // whole seconds, rounded up
}

TEST_F(Routes, CarryContentTypeAndUserProperties) {
  start({to("a", "b")});
  const std::string user("\x26\x00\x01k\x00\x01v", 7);
  ingest_->offer(
      device_,
      {.topic = "a", .payload = "{}", .content_type = "application/json", .user_properties = user, .qos = 1});
  offer("a");
  const auto batch = queued();
  ASSERT_EQ(batch.records.size(), 2U);
  const auto properties = decode_record_properties(batch.records[0].properties);
  ASSERT_TRUE(properties);
  EXPECT_EQ(properties->content_type, "application/json");
  EXPECT_EQ(properties->user_properties, user);
  EXPECT_TRUE(batch.records[1].properties.empty());
}

TEST_F(Routes, KeepLocalReadingsHere) {
  start({ending("a", Action::local)});
  const auto answer = offer("a");
  EXPECT_EQ(answer.kind, Kind::local);
  EXPECT_TRUE(answer.deliver_locally);
  EXPECT_TRUE(queued().records.empty());
  EXPECT_EQ(counter("a", "local"), 1U);
}

TEST_F(Routes, CountWhatTheyDropInTheLedger) {
  start({ending("a", Action::drop)});
  const auto answer = offer("a", "12345");
  EXPECT_EQ(answer.kind, Kind::ended);
  EXPECT_FALSE(answer.deliver_locally);
  EXPECT_EQ(answer.ticket, store_.ticket());
  EXPECT_NE(answer.ticket, 0U);
  EXPECT_EQ(ledger(LedgerReason::filtered), 1U);
  EXPECT_EQ(counter("a", "dropped"), 1U);
  expect_balanced();
}

TEST_F(Routes, AcknowledgeWhatIsQueuedAtItsTicket) {
  start({to("a", "b")});
  const auto answer = offer("a");
  EXPECT_GT(answer.ticket, store_.committed());
  store_.commit();
  EXPECT_LE(answer.ticket, store_.committed());
}

TEST_F(Routes, ThatDoNotMatchLeaveTheReadingHereAndSaySoOnceAMinute) {
  start({to("a", "b")});
  for (int i = 0; i < 100; ++i) EXPECT_EQ(offer("other").kind, Kind::local);
  EXPECT_EQ(lines_.size(), 1U);
  clock_.advance(1min);
  offer("other");
  ASSERT_EQ(lines_.size(), 2U);
  EXPECT_NE(lines_[1].find("100 such readings"), std::string::npos) << lines_[1];
  EXPECT_EQ(ingest_->status()["unrouted"]["matched"], 101);
}

TEST_F(Routes, TellWhenTheyWereLastSeen) {
  start({to("a", "b")});
  EXPECT_EQ(counter("a", "last_seen_ms"), 0U);
  offer("a");
  const auto wall =
      std::chrono::duration_cast<std::chrono::milliseconds>(clock_.wall().time_since_epoch()).count();
  EXPECT_EQ(counter("a", "last_seen_ms"), static_cast<std::uint64_t>(wall));
}

TEST_F(Routes, TellDevicesApartOnTheSameTopic) {
  start({to("shared", "{product}/{device}")});
  const auto second = device("dev-2", "meter");
  offer("shared");
  ingest_->offer(second,
                 {.topic = "shared", .payload = "x", .content_type = {}, .user_properties = {}, .qos = 1});
  offer("shared");
  const auto batch = queued();
  ASSERT_EQ(batch.records.size(), 3U);
  EXPECT_EQ(batch.records[0].topic, "thermo/dev-1");
  EXPECT_EQ(batch.records[1].topic, "meter/dev-2");
  EXPECT_EQ(batch.records[2].topic, "thermo/dev-1");
}

TEST_F(Routes, SeeThatADeviceChangedItsProduct) {
  start({to("a", "{product}")});
  offer("a");
  device_.product = "meter";
  offer("a");
  EXPECT_EQ(last_topic(), "meter");
}

TEST_F(Routes, DecideOnceForATopic) {
  start({to("d/#", "x/{1}")});
  for (int i = 0; i < 50; ++i) offer("d/1");
  const auto status = ingest_->status();
  EXPECT_EQ(status["cache"]["misses"], 1);
  EXPECT_EQ(status["cache"]["hits"], 49);
}

TEST_F(Routes, DecideRightWhenThereAreMoreTopicsThanTheCacheHolds) {
  start({to("d/+", "x/{1}")});
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 40'000; ++i) offer("d/" + std::to_string(i));
  }
  const auto batch = queued();
  ASSERT_EQ(batch.records.size(), 80'000U);
  for (std::size_t i = 0; i < batch.records.size(); ++i) {
    ASSERT_EQ(batch.records[i].topic, "x/" + std::to_string(i % 40'000));
  }
}

// F23: a new config while readings come.
class F23Reload : public WithRoutes {};

TEST_F(F23Reload, TakesEffectWithTheNextReading) {
  start({to("a", "old")});
  offer("a");
  EXPECT_EQ(last_topic(), "old");
  reload({to("a", "new")});
  offer("a");
  EXPECT_EQ(last_topic(), "new");
  options_.thing = "gw-2";
  reload({to("a", "{gateway}")});
  offer("a");
  EXPECT_EQ(last_topic(), "gw-2");
}

TEST_F(F23Reload, LosesNoReadingAndNoCount) {
  start({to("d/+", "v0/{1}")});
  std::uint64_t offered = 0;
  for (int version = 1; version <= 200; ++version) {
    for (int i = 0; i < 20; ++i, ++offered) ASSERT_EQ(offer("d/" + std::to_string(i)).kind, Kind::queued);
    auto route = to("d/+", "v" + std::to_string(version) + "/{1}");
    if (version % 3 == 0) {
      reload({to("unrelated", "x"), route});
    } else {
      reload({route});
    }
  }
  EXPECT_EQ(queued().records.size(), offered);
  EXPECT_EQ(counter("d/+", "queued"), offered);
  expect_balanced();
}

TEST_F(F23Reload, ForgetsRoutesThatAreGone) {
  start({to("a", "b"), to("c", "d")});
  offer("c");
  reload({to("a", "b")});
  EXPECT_EQ(ingest_->status()["routes"].size(), 1U);
  EXPECT_EQ(offer("c").kind, Kind::local);
  reload({});
  EXPECT_EQ(offer("a").kind, Kind::local);
}

}  // namespace
}  // namespace sluice::ingest
