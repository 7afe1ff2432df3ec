// Timers run in the order of their time, on the virtual clock and on the real one.
#include "core/clock.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <vector>

#include "tests/support/virtual_clock.hpp"

namespace sluice {
namespace {

using test::VirtualClock;

TEST(VirtualTime, RunsTimersInTheOrderOfTheirTime) {
  VirtualClock clock;
  std::vector<int> ran;
  clock.call_after(3s, [&] { ran.push_back(3); });
  clock.call_after(1s, [&] { ran.push_back(1); });
  clock.call_after(2s, [&] { ran.push_back(2); });
  clock.advance(10s);
  EXPECT_EQ(ran, (std::vector{1, 2, 3}));
}

TEST(VirtualTime, RunsTimersOfTheSameTimeInTheOrderOfTheirBirth) {
  VirtualClock clock;
  std::vector<int> ran;
  for (int i = 0; i < 5; ++i) clock.call_after(1s, [&ran, i] { ran.push_back(i); });
  clock.advance(1s);
  EXPECT_EQ(ran, (std::vector{0, 1, 2, 3, 4}));
}

TEST(VirtualTime, ShowsATimerItsOwnTime) {
  VirtualClock clock;
  const auto start = clock.now();
  const auto wall = clock.wall();
  MonoTime seen{};
  WallTime seen_wall{};
  clock.call_after(90s, [&] {
    seen = clock.now();
    seen_wall = clock.wall();
  });
  clock.advance(1h);
  EXPECT_EQ(seen - start, 90s);
  EXPECT_EQ(seen_wall - wall, 90s);
  EXPECT_EQ(clock.now() - start, 1h);
}

TEST(VirtualTime, RunsWhatTimersStartOnTheWay) {
  VirtualClock clock;
  int ticks = 0;
  std::function<void()> tick = [&] {
    ++ticks;
    clock.call_after(1s, tick);
  };
  clock.call_after(1s, tick);
  clock.advance(10s);
  EXPECT_EQ(ticks, 10);
  EXPECT_EQ(clock.timers(), 1U);
}

TEST(VirtualTime, DoesNotRunWhatIsNotDueOrCancelled) {
  VirtualClock clock;
  int ran = 0;
  clock.call_after(2s, [&] { ++ran; });
  const auto id = clock.call_after(1s, [&] { ++ran; });
  clock.cancel(id);
  clock.cancel(id);
  clock.cancel(0);
  clock.advance(1999ms);
  EXPECT_EQ(ran, 0);
  clock.advance(1ms);
  EXPECT_EQ(ran, 1);
}

TEST(VirtualTime, LetsATimerCancelAnotherThatIsDueWithIt) {
  VirtualClock clock;
  bool ran = false;
  Clock::TimerId second = 0;
  clock.call_after(1s, [&] { clock.cancel(second); });
  second = clock.call_after(1s, [&] { ran = true; });
  clock.advance(1s);
  EXPECT_FALSE(ran);
}

TEST(ATimer, IsCancelledWithItsOwner) {
  VirtualClock clock;
  bool ran = false;
  {
    Timer timer(clock);
    timer.start(1s, [&] { ran = true; });
    EXPECT_TRUE(timer.pending());
  }
  clock.advance(2s);
  EXPECT_FALSE(ran);
  EXPECT_EQ(clock.timers(), 0U);
}

TEST(ATimer, KeepsOnlyItsLastStart) {
  VirtualClock clock;
  std::vector<int> ran;
  Timer timer(clock);
  timer.start(1s, [&] { ran.push_back(1); });
  timer.start(2s, [&] { ran.push_back(2); });
  clock.advance(5s);
  EXPECT_EQ(ran, std::vector{2});
  EXPECT_FALSE(timer.pending());
}

TEST(ATimer, CanStartItselfAgainFromItsOwnCall) {
  VirtualClock clock;
  int ran = 0;
  Timer timer(clock);
  std::function<void()> again = [&] {
    if (++ran < 3) timer.start(1s, again);
  };
  timer.start(1s, again);
  clock.advance(10s);
  EXPECT_EQ(ran, 3);
}

TEST(TheSystemClock, RunsTimersInOrderOnTheLoop) {
  boost::asio::io_context loop;
  const auto clock = make_system_clock(loop);
  std::vector<int> ran;
  clock->call_after(3ms, [&] { ran.push_back(3); });
  clock->call_after(1ms, [&] { ran.push_back(1); });
  const auto cancelled = clock->call_after(2ms, [&] { ran.push_back(2); });
  clock->call_after(0ms, [&] { ran.push_back(0); });
  EXPECT_TRUE(ran.empty());  // never from inside the call
  clock->cancel(cancelled);
  loop.run();
  EXPECT_EQ(ran, (std::vector{0, 1, 3}));
}

TEST(TheSystemClock, RunsWhatATimerStartsAtOnceInALaterTurn) {
  boost::asio::io_context loop;
  const auto clock = make_system_clock(loop);
  bool inside = false, nested = false;
  clock->call_after(0ms, [&] {
    inside = true;
    clock->call_after(0ms, [&] { nested = !inside; });
    inside = false;
  });
  loop.run();
  EXPECT_TRUE(nested);
}

TEST(TheSystemClock, KnowsAPlausibleWall) {
  boost::asio::io_context loop;
  EXPECT_EQ(make_system_clock(loop)->wall_is_plausible(),
            make_system_clock(loop)->wall().time_since_epoch() >= std::chrono::seconds(1767225600));
}

}  // namespace
}  // namespace sluice
