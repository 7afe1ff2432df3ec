// How fast those at the desk go, and that a service which takes fewer than allowed is found out without being
// told a number: API Gateway's 429 has no Retry-After.
#include "identity/desk.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "tests/support/virtual_clock.hpp"

namespace sluice::identity {
namespace {

using sluice::test::VirtualClock;

// Takes so many a second, and has a bucket of one second.
class Service {
 public:
  Service(Clock& clock, double per_second)
      : clock_(clock), rate_(per_second), tokens_(per_second), at_(clock.now()) {}
  bool take() {
    const auto now = clock_.now();
    tokens_ = std::min(rate_, tokens_ + rate_ * std::chrono::duration<double>(now - at_).count());
    at_ = now;
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }

 private:
  Clock& clock_;
  double rate_, tokens_;
  MonoTime at_;
};

class DeskTest : public testing::Test {
 protected:
  // How many began within this time, when everybody is done at once.
  int begun_within(Duration time) {
    const auto before = desk.begun();
    for (const auto end = clock.now() + time; clock.now() < end;) clock.advance(10ms);
    return static_cast<int>(desk.begun() - before);
  }
  void crowd(int people) {
    for (int i = 0; i < people; ++i) desk.stand_in([](const Desk::Seat&) {});
  }
  VirtualClock clock;
  Desk desk{clock, 8, 100};
};

TEST_F(DeskTest, LetsAsManyGoAsAreAllowed) {
  crowd(1000);
  EXPECT_NEAR(begun_within(2s), 200, 5);
  desk.limit(8, 10);
  begun_within(1s);
  EXPECT_NEAR(begun_within(2s), 20, 2);
}

TEST_F(DeskTest, HalvesThePaceOnceForThoseWhoWereUnderWayTogether) {
  for (int i = 0; i < 8; ++i) desk.sent_away(0s);
  EXPECT_DOUBLE_EQ(desk.pace(), 50);
  clock.advance(1s);
  desk.sent_away(0s);
  EXPECT_NEAR(desk.pace(), 25, 1);
  crowd(1000);
  EXPECT_NEAR(begun_within(2s), 52, 4);
}

TEST_F(DeskTest, ComesBackToTheWholePaceAndNeverStandsStill) {
  for (int i = 0; i < 20; ++i) {
    desk.sent_away(0s);
    clock.advance(1s);
  }
  EXPECT_GE(desk.pace(), 5);
  EXPECT_LE(desk.pace(), 8);
  clock.advance(30s);
  EXPECT_NEAR(desk.pace(), 36, 2);
  clock.advance(120s);
  EXPECT_DOUBLE_EQ(desk.pace(), 100);
}

TEST_F(DeskTest, NobodyGoesForAsLongAsTheServiceAsked) {
  crowd(10);
  EXPECT_GE(begun_within(20ms), 1);
  desk.sent_away(60s);
  EXPECT_EQ(begun_within(59s), 0);
  EXPECT_GT(begun_within(2s), 0);
}

TEST_F(DeskTest, FiveHundredFindThePaceOfAServiceThatTakesATenth) {
  Service service(clock, 10);
  int sent_away = 0, done = 0;
  std::function<void()> ask = [&] {
    desk.stand_in([&](Desk::Seat seat) {
      clock.call_after(50ms, [&, seat = std::move(seat)]() mutable {
        seat.reset();
        if (service.take()) {
          ++done;
          return;
        }
        ++sent_away;
        desk.sent_away(0s);
        clock.call_after(2s, ask);
      });
    });
  };
  for (int i = 0; i < 500; ++i) ask();
  const auto begun = clock.now();
  while (done < 500 && clock.now() - begun < 10min) clock.advance(5ms);
  EXPECT_EQ(done, 500);
  EXPECT_LT(sent_away, 75) << "at the allowed pace it would be some thousands";
  EXPECT_LT(clock.now() - begun, 100s) << "50 s is what the service allows";
}

}  // namespace
}  // namespace sluice::identity
