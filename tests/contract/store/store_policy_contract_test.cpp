// What every Store does with readings that leave otherwise than by the cloud: dead letters, dropped lanes, a
// full store.
#include "tests/contract/store/store_bench.hpp"

namespace sluice::test {
namespace {

using Payloads = std::vector<std::string>;
using namespace store;

TEST_P(StoreContract, SetsAsideWithTheReason) {
  open();
  add("good");
  add("bad", 3, 5, 0, 9);
  turn();
  const auto got = read({.lane = 3, .priority = 5});
  store_->set_aside(got.keys.at(0), "too many slashes");
  settle();
  EXPECT_EQ(read({.lane = 3, .priority = 5}).payloads, Payloads{});
  EXPECT_EQ(store_->totals().dead_letters, 1U);
  EXPECT_EQ(ledger(LedgerReason::poison), 1U);
  std::vector<DeadLetter> letters;
  store_->dead_letters(0, 10, [&](result<std::vector<DeadLetter>> list) { letters = *list; });
  turn();
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_EQ(letters[0].reason, "too many slashes");
  EXPECT_EQ(letters[0].payload, "bad");
  EXPECT_EQ(letters[0].topic, "dt/x");
  EXPECT_EQ(letters[0].lane, 3U);
  EXPECT_EQ(letters[0].device, 9U);
  expect_balance();
}

TEST_P(StoreContract, ReplaysADeadLetterBehindEverything) {
  open();
  ASSERT_TRUE(store_->append_dead_letter(
      {.lane = 2, .priority = 3, .device = 9, .topic = "dt/x", .payload = "dead", .properties = "pp"}, "no"));
  turn();
  EXPECT_EQ(store_->totals().accepted, 1U);
  EXPECT_EQ(store_->totals().queued, 0U);
  expect_balance();
  add("alive", 2, 3);
  turn();
  std::optional<result<void>> answer;
  store_->replay_dead_letter(1, [&](result<void> r) { answer = r; });
  turn();
  ASSERT_TRUE(answer);
  EXPECT_TRUE(*answer);
  EXPECT_EQ(read({.lane = 2, .priority = 3}).payloads, (Payloads{"alive", "dead"}));
  EXPECT_EQ(ledger(LedgerReason::poison), 0U);
  EXPECT_EQ(store_->totals().dead_letters, 0U);
  EXPECT_EQ(lanes_.back(), 2U);
  expect_balance();
  store_->replay_dead_letter(1, [&](result<void> r) { answer = r; });
  turn();
  EXPECT_EQ(answer->error().code, errc::not_found);
}

TEST_P(StoreContract, DeletesADeadLetterButNotItsLedgerRow) {
  open();
  ASSERT_TRUE(
      store_->append_dead_letter({.device = 9, .topic = "t", .payload = "dead", .properties = {}}, "no"));
  turn();
  std::optional<result<void>> answer;
  store_->delete_dead_letter(1, [&](result<void> r) { answer = r; });
  turn();
  EXPECT_TRUE(*answer);
  EXPECT_EQ(store_->totals().dead_letters, 0U);
  EXPECT_EQ(ledger(LedgerReason::poison), 1U);
  store_->delete_dead_letter(1, [&](result<void> r) { answer = r; });
  turn();
  EXPECT_EQ(answer->error().code, errc::not_found);
  expect_balance();
}

TEST_P(StoreContract, KeepsOnlyTheNewestDeadLetters) {
  StoreOptions options;
  options.max_dead_letters = 3;
  open(options);
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(store_->append_dead_letter(
        {.device = 9, .topic = "t", .payload = std::to_string(i), .properties = {}}, "no"));
  }
  turn();
  EXPECT_EQ(store_->totals().dead_letters, 3U);
  EXPECT_EQ(ledger(LedgerReason::poison), 5U);
  Payloads payloads;
  store_->dead_letters(0, 10, [&](result<std::vector<DeadLetter>> list) {
    for (const auto& l : *list) payloads.push_back(l.payload);
  });
  turn();
  EXPECT_EQ(payloads, (Payloads{"2", "3", "4"}));
}

TEST_P(StoreContract, DropsALaneWithWhatWasAppendedSoFarAndNothingElse) {
  open();
  for (int i = 0; i < 5; ++i) add("x", 7, static_cast<Priority>(i));
  add("other", 8);
  turn();
  add("same turn", 7, 1);
  store_->drop_lane(7, LedgerReason::refused);
  add("later", 7, 1);
  EXPECT_EQ(read({.lane = 7, .priority = 3}).payloads, Payloads{});
  settle();
  clock_.advance(2s);
  settle();
  EXPECT_EQ(ledger(LedgerReason::refused), 6U);
  EXPECT_EQ(read({.lane = 7, .priority = 1}).payloads, (Payloads{"later"}));
  EXPECT_EQ(store_->queued(7), 1U);
  EXPECT_EQ(store_->queued(8), 1U);
  expect_balance();
}

TEST_P(StoreContract, RefusesWhenFullIfToldTo) {
  StoreOptions options;
  options.max_bytes = 1000;
  options.when_full = WhenFull::refuse;
  open(options);
  for (int i = 0; i < 4; ++i) add(std::string(200, 'x'));
  const auto refused = store_->append({.topic = "t", .payload = std::string(200, 'x'), .properties = {}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::full);
  turn();
  const auto got = read();
  store_->delivered({{got.keys[0]}});
  store_->delivered({{got.keys[1]}});
  settle();
  add(std::string(200, 'y'));
  turn();
  EXPECT_EQ(store_->totals().accepted, 5U);
  expect_balance();
}

TEST_P(StoreContract, MakesRoomByTheOldestOfTheLowestPriority) {
  StoreOptions options;
  options.max_bytes = 3000;
  open(options);
  const auto one = [&](std::string_view name, LaneId lane, Priority priority) {
    add(std::string(name) + std::string(600, '.'), lane, priority, 0, lane + 100);
    turn();
  };
  one("a", 1, 5);
  one("b", 2, 1);
  one("c", 1, 1);
  one("d", 1, 9);
  EXPECT_EQ(ledger(LedgerReason::displaced), 0U);
  one("e", 3, 5);
  EXPECT_EQ(store_->queued(2), 0U) << "the oldest of priority 1";
  one("f", 3, 5);
  EXPECT_TRUE(read({.lane = 1, .priority = 1}).keys.empty()) << "the other of priority 1";
  one("g", 3, 5);
  EXPECT_TRUE(read({.lane = 1, .priority = 5}).keys.empty()) << "the oldest of priority 5";
  EXPECT_EQ(read({.lane = 1, .priority = 9}).keys.size(), 1U);
  EXPECT_EQ(ledger(LedgerReason::displaced), 3U);
  ASSERT_EQ(store_->ledger().size(), 2U);
  EXPECT_EQ(store_->ledger()[0].device, 101U);
  EXPECT_EQ(store_->ledger()[0].count, 2U);
  EXPECT_LE(store_->totals().queued_bytes, 3000U);
  expect_balance();
}

}  // namespace
}  // namespace sluice::test
