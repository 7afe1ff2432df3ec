// F9: clocks that jump, that start in 1970, that stand still while the power is off.
#include "store/store_time.hpp"
#include "tests/unit/store/house.hpp"

namespace sluice::test {
namespace {

using namespace store;
using Payloads = std::vector<std::string>;
constexpr auto kYear = std::chrono::hours(24 * 365);

TEST(F9Clock, JumpsOfTenYearsExpireNothingWhileRunningOrOverARestart) {
  for (const int years : {10, -10, -56}) {
    SCOPED_TRACE(years);
    House house;
    house.open();
    house.add("lives for an hour", 0, 5, 3600);
    house.turn();
    house.clock.set_wall(house.clock.wall() + years * kYear);
    if (years < -50) house.clock.set_plausible(false);
    house.clock.advance(30min);
    EXPECT_EQ(house.payloads().size(), 1U);
    house.close();
    house.clock.set_wall(house.clock.wall() + years * kYear);
    house.open();  // the same boot: time since boot tells how long it was away
    house.clock.advance(29min);
    EXPECT_EQ(house.payloads().size(), 1U);
    house.clock.advance(2min);
    EXPECT_EQ(house.payloads().size(), 0U);
    house.settle();
    EXPECT_EQ(house.ledger(LedgerReason::expired), 1U);
  }
}

struct Stamped {
  std::int64_t ms = 0;
  bool plausible = false;
};

std::vector<Stamped> stamps(House& house) {
  std::vector<Stamped> all;
  house.store->read({.priority = 5}, 1 << 20, [&](result<Batch> batch) {
    for (const auto& r : batch->records) all.push_back({r.wall_ms, r.wall_is_plausible});
  });
  house.turn();
  return all;
}

std::int64_t wall_ms(const Clock& clock) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(clock.wall().time_since_epoch()).count();
}

TEST(F9Clock, CorrectsStampsFromBeforeTheClockWasKnown) {
  House house;
  const auto truth = house.clock.wall();
  const auto began = house.clock.now();
  house.clock.set_plausible(false);
  house.clock.set_wall(WallTime(5s));
  house.open();
  house.add("early");
  house.turn();
  auto seen = stamps(house);
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_FALSE(seen[0].plausible);

  house.clock.advance(100s);
  house.clock.set_wall(truth + (house.clock.now() - began));
  house.clock.set_plausible(true);
  house.add("late");
  house.turn();
  seen = stamps(house);
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_TRUE(seen[0].plausible);
  EXPECT_EQ(seen[0].ms,
            std::chrono::duration_cast<std::chrono::milliseconds>(truth.time_since_epoch()).count());
  EXPECT_TRUE(seen[1].plausible);
  EXPECT_EQ(seen[1].ms, wall_ms(house.clock));

  house.close();
  house.open();
  seen = stamps(house);
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_TRUE(seen[0].plausible);
  EXPECT_EQ(seen[0].ms,
            std::chrono::duration_cast<std::chrono::milliseconds>(truth.time_since_epoch()).count());
}

TEST(F9Clock, DoesNotFollowAClockThatFallsBackTo1970) {
  House house;
  house.open();
  const auto before = wall_ms(house.clock);
  house.clock.set_wall(WallTime(0s));
  house.clock.set_plausible(false);
  house.clock.advance(10s);
  house.add("x");
  house.turn();
  const auto seen = stamps(house);
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_TRUE(seen[0].plausible);
  EXPECT_EQ(seen[0].ms, before + 10000);
}

TEST(StoreTime, AddsThePowerOffTimeWhenTheClockWasPlausibleBeforeAndAfter) {
  VirtualClock clock;
  Remembered remembered;
  remembered.boot = 2;
  remembered.store_seconds = 5000;
  remembered.wall_seconds = wall_ms(clock) / 1000 - 600;
  StoreTime time(clock);
  time.resume(remembered);
  EXPECT_EQ(time.now(), 5600U);
  clock.advance(10s);
  EXPECT_EQ(time.now(), 5610U);
}

TEST(StoreTime, NeverGoesBackAndNeverBelievesAnAbsenceOfYears) {
  VirtualClock clock;
  Remembered remembered;
  remembered.store_seconds = 5000;
  remembered.wall_seconds = wall_ms(clock) / 1000 + 600;
  StoreTime back(clock);
  back.resume(remembered);
  EXPECT_EQ(back.now(), 5000U);
  remembered.wall_seconds = 1;
  StoreTime years(clock);
  years.resume(remembered);
  EXPECT_LE(years.now(), 5000U + 400 * 24 * 3600);
  clock.set_plausible(false);
  StoreTime unknown(clock);
  unknown.resume(remembered);
  EXPECT_EQ(unknown.now(), 5000U);
}

TEST(StoreTime, FlagsStampsOfABootWhoseClockWasNeverKnown) {
  VirtualClock clock;
  Remembered remembered;
  remembered.boot = 3;
  remembered.boots = {{1, "a", 1'700'000'000'000}, {2, "b", {}}, {3, "c", {}}};
  StoreTime time(clock);
  time.resume(remembered);
  std::int64_t ms = 1000;
  bool plausible = false;
  time.correct(1, ms, plausible);
  EXPECT_TRUE(plausible);
  EXPECT_EQ(ms, 1'700'000'001'000);
  ms = 1000;
  time.correct(2, ms, plausible);
  EXPECT_FALSE(plausible);
  EXPECT_EQ(ms, 1000);
}

}  // namespace
}  // namespace sluice::test
