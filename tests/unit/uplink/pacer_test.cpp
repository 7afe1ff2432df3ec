#include "uplink/pacer.hpp"

#include <gtest/gtest.h>

#include "tests/support/virtual_clock.hpp"

namespace sluice::test {
namespace {

using uplink::Pacer;

// How many leave in the time given when everyone sends as soon as he may.
int sent_in(VirtualClock& clock, Pacer& pacer, Pacer::Class cls, Duration time, std::size_t bytes = 100) {
  const auto end = clock.now() + time;
  int n = 0;
  while (clock.now() < end) {
    const auto wait = pacer.wait(cls);
    if (wait > Duration::zero()) {
      clock.advance(wait);
      continue;
    }
    pacer.sent(cls, bytes);
    pacer.acknowledged(1ms);
    ++n;
  }
  return n;
}

TEST(Pacer, LetsExactlyTheQuotaThrough) {
  VirtualClock clock;
  Pacer pacer(clock, {});
  EXPECT_NEAR(sent_in(clock, pacer, Pacer::Class::reading, 10s), 800, 2);
  EXPECT_NEAR(sent_in(clock, pacer, Pacer::Class::control, 10s), 1000, 2) << "others may use the reserve";
}

TEST(Pacer, CountsBytes) {
  VirtualClock clock;
  Pacer pacer(clock, {});
  const int n = sent_in(clock, pacer, Pacer::Class::reading, 10s, 100 * 1024);
  EXPECT_NEAR(n, 41, 2) << "512 KiB/s, a fifth kept";
}

TEST(Pacer, ALargeMessageIsLetThroughAndPaidAfterwards) {
  VirtualClock clock;
  Pacer pacer(clock, {});
  EXPECT_EQ(pacer.wait(Pacer::Class::reading), Duration::zero());
  pacer.sent(Pacer::Class::reading, 128 * 1024);
  const auto wait = pacer.wait(Pacer::Class::reading);
  EXPECT_GT(wait, 200ms);
  EXPECT_LT(wait, 400ms);
}

TEST(Pacer, WithoutEnforcementOnlyTheWindowHolds) {
  VirtualClock clock;
  LaneQuotas quotas;
  quotas.enforce = false;
  quotas.inflight = 500;
  Pacer pacer(clock, quotas);
  pacer.connected(200);
  int n = 0;
  while (pacer.window_open(Pacer::Class::reading)) {
    EXPECT_EQ(pacer.wait(Pacer::Class::reading), Duration::zero());
    pacer.sent(Pacer::Class::reading, 1000);
    ++n;
  }
  EXPECT_EQ(n, 200);
}

TEST(Pacer, KeepsPartOfTheWindowForOthers) {
  VirtualClock clock;
  Pacer pacer(clock, {});
  EXPECT_EQ(pacer.window(Pacer::Class::reading), 80U);
  EXPECT_EQ(pacer.window(Pacer::Class::control), 100U);
  pacer.connected(1);
  EXPECT_EQ(pacer.window(Pacer::Class::reading), 1U) << "a Receive Maximum of 1 must not stop readings";
}

TEST(Pacer, HalvesWhenToldAndClimbsBack) {
  VirtualClock clock;
  Pacer pacer(clock, {});
  clock.advance(10s);
  pacer.throttled();
  pacer.throttled();
  EXPECT_EQ(pacer.share(), 0.5) << "one burst of signs is one sign";
  EXPECT_NEAR(sent_in(clock, pacer, Pacer::Class::reading, 1s), 40, 2);
  for (int i = 0; i < 100; ++i) {
    clock.advance(1s);
    pacer.throttled();
  }
  EXPECT_GE(pacer.share(), 0.05) << "never to nothing";
  clock.advance(2min);
  EXPECT_EQ(pacer.share(), 1);
}

TEST(Pacer, RoundTripsThatGrowAreASign) {
  VirtualClock clock;
  Pacer pacer(clock, {});
  clock.advance(10s);
  for (int i = 0; i < 50; ++i) pacer.acknowledged(50ms);
  EXPECT_EQ(pacer.share(), 1);
  for (int i = 0; i < 50; ++i) pacer.acknowledged(8s);
  EXPECT_LT(pacer.share(), 1);
}

TEST(Pacer, ObeysSignsEvenWithoutEnforcement) {
  VirtualClock clock;
  LaneQuotas quotas;
  quotas.enforce = false;
  Pacer pacer(clock, quotas);
  clock.advance(10s);
  pacer.throttled();
  EXPECT_NEAR(sent_in(clock, pacer, Pacer::Class::reading, 1s), 40, 2);
}

}  // namespace
}  // namespace sluice::test
