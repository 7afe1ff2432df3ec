#include "core/backoff.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Backoff, NeverWaitsLongerThanItsMost) {
  Backoff backoff({.first = 1s, .most = 60s}, 7);
  for (int i = 0; i < 100; ++i) EXPECT_LE(backoff.next(), 60s);
}

TEST(Backoff, DoublesItsBoundWithEachFailure) {
  Duration longest[4] = {};
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    Backoff backoff({.first = 1s, .most = 60s}, seed);
    for (auto& l : longest) l = std::max(l, backoff.next());
  }
  for (int i = 0; i < 4; ++i) {
    EXPECT_LE(longest[i], std::chrono::seconds(1 << i));
    EXPECT_GT(longest[i], std::chrono::milliseconds(900 << i));
  }
}

TEST(Backoff, KeepsItsCountWhenThePeerDropsAtOnce) {
  Backoff backoff({.first = 1s, .most = 60s, .well_after = 30s}, 7);
  for (int i = 0; i < 5; ++i) backoff.next();
  backoff.up(MonoTime(0s));
  backoff.down(MonoTime(1s));
  EXPECT_EQ(backoff.failures(), 5U);
}

TEST(Backoff, StartsAgainAfterBeingWellForAWhile) {
  Backoff backoff({.first = 1s, .most = 60s, .well_after = 30s}, 7);
  for (int i = 0; i < 5; ++i) backoff.next();
  backoff.up(MonoTime(0s));
  backoff.down(MonoTime(31s));
  EXPECT_EQ(backoff.failures(), 0U);
}

}  // namespace
}  // namespace sluice
