// F18, what AWS would not take, and what the store does not take.
#include "aws/limits.hpp"

#include "tests/unit/ingest/with_routes.hpp"

namespace sluice::ingest {
namespace {

using namespace test;
using Kind = Offer::Kind;

class F18Poison : public WithRoutes {
 protected:
  void expect_letter(const Offer& answer, const std::string& words) {
    EXPECT_EQ(answer.kind, Kind::ended);
    EXPECT_TRUE(answer.deliver_locally);
    EXPECT_NE(answer.ticket, 0U);
    const auto found = letters();
    ASSERT_EQ(found.size(), 1U);
    EXPECT_NE(found[0].reason.find(words), std::string::npos) << found[0].reason;
    EXPECT_EQ(ledger(LedgerReason::poison), 1U);
    EXPECT_TRUE(queued().records.empty());
    expect_balanced();
  }
};

TEST_F(F18Poison, BySizeIsSetAsideAndAcknowledged) {
  start({to("a", "b")});
  const std::string large(aws::kMaxPayload + 1, 'x');
  expect_letter(offer("a", large), "131073 bytes");
  EXPECT_EQ(letters()[0].payload.size(), large.size());
  EXPECT_EQ(counter("a", "poison"), 1U);
  EXPECT_EQ(offer("a", std::string(aws::kMaxPayload, 'x')).kind, Kind::queued);
}

TEST_F(F18Poison, ByTooManySlashesIsSetAside) {
  start({to("#", "{topic}")});
  expect_letter(offer("1/2/3/4/5/6/7/8/9"), "8 slashes");
  EXPECT_EQ(offer("1/2/3/4/5/6/7/8").kind, Kind::queued);
}

TEST_F(F18Poison, ByALongTopicIsSetAside) {
  start({to("#", "{topic}")});
  expect_letter(offer(std::string(257, 'x')), "257 bytes");
  EXPECT_EQ(offer(std::string(256, 'x')).kind, Kind::queued);
}

TEST_F(F18Poison, ByATopicBeyondTheCacheIsSetAsideEachTime) {
  start({to("#", "{topic}")});
  const std::string topic(60'000, 'x');
  offer(topic);
  offer(topic);
  EXPECT_EQ(letters().size(), 2U);
}

TEST_F(F18Poison, ByADeviceIdThatReachesIntoOtherTopicsIsSetAside) {
  start({to("a", "d/{device}/x")});
  for (const auto* id : {"evil/../admin", "+", "#", ""}) {
    const auto evil = device(id, "thermo");
    EXPECT_EQ(
        ingest_
            ->offer(evil, {.topic = "a", .payload = "x", .content_type = {}, .user_properties = {}, .qos = 1})
            .kind,
        Kind::ended)
        << id;
  }
  EXPECT_EQ(letters().size(), 4U);
  EXPECT_TRUE(queued().records.empty());
}

TEST_F(F18Poison, ByATemplateThatNobodyCheckedIsSetAside) {
  start({to("a", "x/{nonsense}")});
  expect_letter(offer("a"), "nonsense");
}

TEST_F(F18Poison, DoesNotFillTheLog) {
  start({to("#", "{topic}")});
  for (int i = 0; i < 1000; ++i) offer("1/2/3/4/5/6/7/8/9");
  EXPECT_EQ(lines_.size(), 1U);
  EXPECT_EQ(counter("#", "poison"), 1000U);
}

TEST_F(F18Poison, LeavesTheBasicIngestPrefixOutOfTheLimits) {
  auto route = to("#", "{topic}");
  route.rule = "archive";
  start({route});
  EXPECT_EQ(offer("1/2/3/4/5/6/7/8").kind, Kind::queued);
  EXPECT_EQ(offer(std::string(256, 'x')).kind, Kind::queued);
  EXPECT_EQ(offer("1/2/3/4/5/6/7/8/9").kind, Kind::ended);
}

class StoreTrouble : public WithRoutes {};

TEST_F(StoreTrouble, OfAFullStoreIsAnsweredAsFull) {
  start({to("a", "b")});
  store_.refuse_writes({errc::full, "full"});
  EXPECT_EQ(offer("a").kind, Kind::full);
  EXPECT_EQ(counter("a", "refused"), 1U);
  store_.accept_writes();
  EXPECT_EQ(offer("a").kind, Kind::queued);
}

TEST_F(StoreTrouble, OfTheDiskIsAnsweredAsUnavailable) {
  start({to("a", "b")});
  for (const auto code : {errc::disk_full, errc::io, errc::sync_failed}) {
    store_.refuse_writes({code, "broken"});
    const auto answer = offer("a");
    EXPECT_EQ(answer.kind, Kind::unavailable);
    EXPECT_EQ(answer.ticket, 0U);
    EXPECT_TRUE(answer.deliver_locally);  // devices are served whatever is broken
  }
  EXPECT_TRUE(queued().records.empty());
}

TEST_F(StoreTrouble, KeepsAQos2ReadingFromLocalSubscribersUntilItIsTaken) {
  start({to("a", "b")});
  store_.refuse_writes({errc::disk_full, "broken"});
  EXPECT_FALSE(
      ingest_
          ->offer(device_,
                  {.topic = "a", .payload = "x", .content_type = {}, .user_properties = {}, .qos = 2})
          .deliver_locally);
}

TEST_F(StoreTrouble, HoldsForPoisonToo) {
  start({to("a", "b")});
  store_.refuse_writes({errc::io, "broken"});
  EXPECT_EQ(offer("a", std::string(aws::kMaxPayload + 1, 'x')).kind, Kind::unavailable);
  EXPECT_EQ(counter("a", "poison"), 0U);
}

TEST_F(StoreTrouble, DoesNotMakeAFilterForget) {
  auto route = to("a", "b");
  route.filter.kind = FilterOptions::Kind::on_change;
  start({route});
  store_.refuse_writes({errc::disk_full, "broken"});
  EXPECT_EQ(offer("a", "1").kind, Kind::unavailable);
  store_.accept_writes();
  EXPECT_EQ(offer("a", "1").kind, Kind::queued);  // the same reading, sent again
  EXPECT_EQ(offer("a", "1").kind, Kind::ended);
}

}  // namespace
}  // namespace sluice::ingest
