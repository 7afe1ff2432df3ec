// What every Store does: run over the one in memory, which other rooms test with, and the one on the disk.
#include "tests/contract/store/store_bench.hpp"

namespace sluice::test {
namespace {

using Payloads = std::vector<std::string>;
using namespace store;

TEST_P(StoreContract, AnnouncesACommitOnlyFromTheLoopAndAfterEverythingOfTheTurn) {
  open();
  const auto first = add("a");
  const auto second = add("b");
  EXPECT_EQ(first, second);
  EXPECT_EQ(store_->ticket(), first);
  EXPECT_EQ(store_->committed(), 0U);
  EXPECT_TRUE(announced_.empty());
  turn();
  EXPECT_EQ(store_->committed(), first);
  EXPECT_EQ(announced_, std::vector<Ticket>{first});
  EXPECT_EQ(store_->ticket(), first);
  EXPECT_EQ(add("c"), first + 1);
}

TEST_P(StoreContract, ShowsNothingThatIsNotCommitted) {
  open();
  add("a");
  EXPECT_EQ(store_->totals().queued, 0U);
  EXPECT_EQ(store_->queued(0), 0U);
  turn();
  EXPECT_EQ(store_->totals().queued, 1U);
  EXPECT_EQ(store_->queued(0), 1U);
  EXPECT_EQ(read().payloads, (Payloads{"a"}));
}

TEST_P(StoreContract, NamesTheLanesThatGotNewRecords) {
  open();
  add("a", 3);
  add("b", 5);
  add("c", 3, 4);
  turn();
  EXPECT_EQ(lanes_, (std::vector<LaneId>{3, 5}));
  lanes_.clear();
  store_->put(20, "k", "v");
  turn();
  EXPECT_TRUE(lanes_.empty());
  EXPECT_EQ(announced_.size(), 2U);
}

TEST_P(StoreContract, NamesALaneAlsoWhenTheSameCommitForgotMoreThanItBrought) {
  open();
  for (int i = 0; i < 3; ++i) add("old", 3);
  turn();
  const auto old = read({.lane = 3}).keys;
  lanes_.clear();
  add("new", 3);
  store_->delivered(old);
  turn();
  EXPECT_EQ(lanes_, std::vector<LaneId>{3});
  settle();
  EXPECT_EQ(read({.lane = 3}).payloads, Payloads{"new"});
}

TEST_P(StoreContract, ReadsEachLaneAndPriorityInOrderOfCommit) {
  open();
  for (int i = 0; i < 5; ++i) {
    add("a" + std::to_string(i), 1, 4);
    add("b" + std::to_string(i), 1, 9);
    add("c" + std::to_string(i), 2, 4);
    if (i == 2) turn();
  }
  turn();
  EXPECT_EQ(read({.lane = 1, .priority = 4}).payloads, (Payloads{"a0", "a1", "a2", "a3", "a4"}));
  EXPECT_EQ(read({.lane = 1, .priority = 9}).payloads, (Payloads{"b0", "b1", "b2", "b3", "b4"}));
  EXPECT_EQ(read({.lane = 2, .priority = 4}).payloads, (Payloads{"c0", "c1", "c2", "c3", "c4"}));
  EXPECT_EQ(read({.lane = 2, .priority = 9}).payloads, Payloads{});
  ASSERT_EQ(store_->depths().size(), 3U);
  EXPECT_EQ(store_->depths()[0].priority, 9);
  EXPECT_EQ(store_->depths()[1].priority, 4);
}

TEST_P(StoreContract, CarriesAllOfARecord) {
  open();
  clock_.advance(5s);
  const auto device = store_->name_id("device-7");
  ASSERT_TRUE(store_->append({.lane = 4,
                              .priority = 7,
                              .device = device,
                              .route = 77,
                              .ttl = 60,
                              .topic = "t",
                              .payload = std::string_view("\0bin\xff", 5),
                              .properties = {}}));
  turn();
  bool seen = false;
  store_->read({.lane = 4, .priority = 7}, 1000, [&](result<Batch> batch) {
    seen = true;
    ASSERT_TRUE(batch);
    ASSERT_EQ(batch->records.size(), 1U);
    const auto& r = batch->records[0];
    EXPECT_EQ(r.key.lane, 4U);
    EXPECT_EQ(r.key.priority, 7);
    EXPECT_EQ(r.device, device);
    EXPECT_EQ(r.route, 77U);
    EXPECT_EQ(r.topic, "t");
    EXPECT_EQ(r.payload, std::string_view("\0bin\xff", 5));
    EXPECT_TRUE(r.properties.empty());
    EXPECT_EQ(r.expires, store_->now() + 60);
    EXPECT_TRUE(r.wall_is_plausible);
    EXPECT_EQ(r.wall_ms, 1793491200000 + 5000);
    EXPECT_FALSE(batch->more);
  });
  turn();
  EXPECT_TRUE(seen);
}

TEST_P(StoreContract, ReadsInPiecesWithoutGapsOrRepeats) {
  open();
  Payloads all;
  for (int i = 0; i < 300; ++i) {
    all.push_back("reading " + std::to_string(i));
    add(all.back(), 1, 2);
    if (i % 70 == 0) turn();
  }
  turn();
  Payloads got;
  std::uint64_t after = 0;
  for (int guard = 0; guard < 1000; ++guard) {
    const auto piece = read({.lane = 1, .priority = 2, .after = after}, 100);
    if (piece.keys.empty()) {
      EXPECT_FALSE(piece.more);
      break;
    }
    EXPECT_LE(piece.keys.size(), 10U);
    got.insert(got.end(), piece.payloads.begin(), piece.payloads.end());
    after = piece.keys.back().id;
  }
  EXPECT_EQ(got, all);
}

TEST_P(StoreContract, GivesOneRecordEvenIfItIsLargerThanAsked) {
  open();
  add(std::string(5000, 'x'));
  add("y");
  turn();
  const auto got = read({}, 10);
  ASSERT_EQ(got.payloads.size(), 1U);
  EXPECT_TRUE(got.more);
}

TEST_P(StoreContract, KeepsToTheRange) {
  open();
  for (const auto* p : {"a", "b", "c", "d"}) {
    add(p);
    turn();
  }
  const auto all = read();
  ASSERT_EQ(all.keys.size(), 4U);
  EXPECT_EQ(read({.after = all.keys[0].id, .before = all.keys[3].id}).payloads, (Payloads{"b", "c"}));
  EXPECT_EQ(read({.after = all.keys[3].id}).payloads, Payloads{});
  EXPECT_EQ(read({.before = all.keys[0].id}).payloads, Payloads{});
}

TEST_P(StoreContract, KnowsTheIdBelowWhichNothingNewComes) {
  open();
  add("old");
  turn();
  const auto border = store_->next_id();
  add("new");
  turn();
  EXPECT_EQ(read({.before = border}).payloads, (Payloads{"old"}));
  EXPECT_EQ(read({.after = border - 1}).payloads, (Payloads{"new"}));
}

TEST_P(StoreContract, ForgetsWhatWasDelivered) {
  open();
  for (const auto* p : {"a", "b", "c"}) add(p);
  turn();
  const auto got = read();
  store_->delivered({{got.keys[1]}});
  EXPECT_EQ(read().payloads, (Payloads{"a", "c"})) << "at once for readers";
  settle();
  EXPECT_EQ(store_->totals().delivered, 1U);
  EXPECT_EQ(store_->totals().queued, 2U);
  store_->delivered({{got.keys[1]}});  // a second time changes nothing
  store_->delivered({{got.keys[0]}});
  store_->delivered({{got.keys[2]}});
  settle();
  EXPECT_EQ(store_->totals().delivered, 3U);
  EXPECT_EQ(store_->totals().queued, 0U);
  EXPECT_EQ(store_->totals().queued_bytes, 0U);
  EXPECT_TRUE(store_->depths().empty());
  expect_balance();
}

TEST_P(StoreContract, DoesNotMakeAnyoneWaitForAcknowledgementsOfTheCloud) {
  open();
  add("a");
  turn();
  const auto got = read();
  const auto before = store_->ticket();
  store_->delivered(got.keys);
  EXPECT_EQ(store_->ticket(), before);
  turn();
  EXPECT_EQ(store_->totals().delivered, 0U);
  clock_.advance(250ms);
  turn();
  EXPECT_EQ(store_->totals().delivered, 1U);
}

TEST_P(StoreContract, CountsWhatIsDroppedByDeviceAndReason) {
  open();
  for (int i = 0; i < 4; ++i) add("a" + std::to_string(i), 0, 0, 0, i < 3 ? 11 : 12);
  turn();
  const auto got = read();
  store_->drop(got.keys, LedgerReason::refused);
  settle();
  ASSERT_EQ(store_->ledger().size(), 2U);
  EXPECT_EQ(store_->ledger()[0].device, 11U);
  EXPECT_EQ(store_->ledger()[0].count, 3U);
  EXPECT_EQ(store_->ledger()[1].device, 12U);
  EXPECT_EQ(store_->ledger()[1].count, 1U);
  EXPECT_GT(store_->ledger()[0].bytes, 0U);
  EXPECT_GT(store_->ledger()[0].first_ms, 0);
  EXPECT_EQ(store_->totals().queued, 0U);
  expect_balance();
}

TEST_P(StoreContract, CountsWhatEndedBeforeTheQueue) {
  open();
  store_->count(3, LedgerReason::filtered, 40, 2);
  const auto ticket = store_->ticket();
  EXPECT_EQ(store_->totals().accepted, 0U);
  turn();
  EXPECT_EQ(store_->committed(), ticket);
  EXPECT_EQ(store_->totals().accepted, 2U);
  EXPECT_EQ(ledger(LedgerReason::filtered), 2U);
  expect_balance();
}

TEST_P(StoreContract, LeavesOutWhatHasExpiredAndCountsIt) {
  open();
  add("short", 0, 0, 10);
  add("long", 0, 0, 1000);
  add("for ever");
  turn();
  clock_.advance(9s);
  EXPECT_EQ(read().payloads.size(), 3U);
  clock_.advance(2s);
  EXPECT_EQ(read().payloads, (Payloads{"long", "for ever"}));
  settle();
  EXPECT_EQ(ledger(LedgerReason::expired), 1U);
  EXPECT_EQ(store_->totals().queued, 2U);
  expect_balance();
}

TEST_P(StoreContract, IsNotMovedByJumpsOfTheWallClock) {
  open();
  add("a", 0, 0, 60);
  turn();
  for (const auto years : {10, -10, -60}) {
    clock_.set_wall(clock_.wall() + std::chrono::hours(24 * 365 * years));
    EXPECT_EQ(read().payloads, (Payloads{"a"})) << years;
  }
  clock_.advance(61s);
  EXPECT_EQ(read().payloads, Payloads{});
}

TEST_P(StoreContract, KeepsStateBySpaceAndKey) {
  open();
  store_->put(16, "b", "2");
  store_->put(16, "a", "1");
  store_->put(17, "a", "other");
  store_->put(16, "c", std::string_view("\0", 1));
  turn();
  store_->put(16, "a", "1 again");
  store_->erase(16, "c");
  store_->erase(16, "never there");
  turn();
  Payloads seen;
  ASSERT_TRUE(store_->scan(16, [&](std::string_view k, std::string_view v) {
    seen.push_back(std::string(k) + "=" + std::string(v));
  }));
  EXPECT_EQ(seen, (Payloads{"a=1 again", "b=2"}));
}

TEST_P(StoreContract, NumbersNamesFromOne) {
  open();
  const auto a = store_->name_id("alpha");
  const auto b = store_->name_id("beta");
  EXPECT_NE(a, 0U);
  EXPECT_NE(a, b);
  EXPECT_EQ(store_->name_id("alpha"), a);
  EXPECT_EQ(store_->name(b), "beta");
  EXPECT_EQ(store_->name(4711), "");
}

TEST_P(StoreContract, SaysWhenTheOpenBatchIsTooLarge) {
  StoreOptions options;
  options.max_batch_bytes = 1000;
  open(options);
  add("a");
  EXPECT_FALSE(store_->pressure());
  add(std::string(1000, 'x'));
  EXPECT_TRUE(store_->pressure());
  turn();
  EXPECT_FALSE(store_->pressure());
  EXPECT_EQ(relieved_, 1);
}

TEST_P(StoreContract, TakesNothingOnceClosed) {
  open();
  add("a");
  store_->close();
  EXPECT_EQ(store_->committed(), 1U) << "closing commits what is open";
  const auto refused = store_->append({.topic = "t", .payload = "x", .properties = {}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::closed);
  std::optional<errc> code;
  store_->read({}, 100, [&](result<Batch> batch) { code = batch.error().code; });
  turn();
  EXPECT_EQ(code, errc::closed);
}

TEST_P(StoreContract, RefusesWhatCannotBeStored) {
  open();
  const auto refused = store_->append({.priority = 10, .topic = "t", .payload = {}, .properties = {}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::invalid_argument);
}

INSTANTIATE_TEST_SUITE_P(Both, StoreContract, testing::Values(Which::memory, Which::file),
                         [](const auto& which) { return which.param == Which::memory ? "Memory" : "File"; });

}  // namespace
}  // namespace sluice::test
