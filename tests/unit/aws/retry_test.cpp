// Retries in injected time and chance.
#include "aws/retry.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace sluice::aws {
namespace {

using std::chrono::milliseconds;

class Retry : public testing::Test {
 protected:
  result<int> run(std::vector<result<int>> outcomes, Repeat repeat = Repeat::any_passing) {
    tries = 0;
    return with_retries(policy, waiting, repeat, [&] { return outcomes.at(tries++); });
  }
  static Error error(Error::Kind kind, std::optional<std::chrono::seconds> after = {}) {
    return {kind, 0, {}, "x", after};
  }

  RetryPolicy policy;
  double chance = 0.5;
  std::vector<milliseconds> waits;
  Waiting waiting{[this](milliseconds time) { waits.push_back(time); }, [this] { return chance; }};
  std::size_t tries = 0;
};

TEST_F(Retry, ASuccessIsNotRepeated) {
  EXPECT_EQ(*run({1, 2}), 1);
  EXPECT_TRUE(waits.empty());
}

TEST_F(Retry, PassingTroubleIsRetriedWithDoublingCeilings) {
  EXPECT_EQ(
      *run({error(Error::Kind::network), error(Error::Kind::throttled), error(Error::Kind::unavailable), 4}),
      4);
  EXPECT_EQ(waits, (std::vector<milliseconds>{milliseconds(50), milliseconds(100), milliseconds(200)}));
}

TEST_F(Retry, JitterIsFull) {
  chance = 0;
  run({error(Error::Kind::network), 1});
  chance = 0.99;
  run({error(Error::Kind::network), 1});
  EXPECT_EQ(waits, (std::vector<milliseconds>{milliseconds(0), milliseconds(99)}));
}

TEST_F(Retry, TriesAreBounded) {
  const auto outcome = run(std::vector<result<int>>(10, error(Error::Kind::timeout)));
  EXPECT_FALSE(outcome);
  EXPECT_EQ(tries, 4U);
}

TEST_F(Retry, OneWaitIsBounded) {
  policy.most_tries = 20;
  policy.budget = std::chrono::minutes(10);
  run(std::vector<result<int>>(20, error(Error::Kind::network)));
  EXPECT_EQ(waits.back(), milliseconds(2500));
}

TEST_F(Retry, WhatDoesNotPassIsNotRetried) {
  for (const auto kind : {Error::Kind::denied, Error::Kind::invalid, Error::Kind::conflict,
                          Error::Kind::not_found, Error::Kind::tls, Error::Kind::protocol}) {
    EXPECT_FALSE(run({error(kind), 1}));
    EXPECT_EQ(tries, 1U) << name(kind);
  }
}

TEST_F(Retry, TheServicesWishIsKept) {
  run({error(Error::Kind::throttled, std::chrono::seconds(3)), 1});
  EXPECT_EQ(waits, std::vector<milliseconds>{milliseconds(3050)});
}

TEST_F(Retry, AWishBeyondTheBudgetIsHandedToTheCaller) {
  const auto outcome = run({error(Error::Kind::throttled, std::chrono::seconds(60)), 1});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().retry_after, std::chrono::seconds(60));
  EXPECT_TRUE(waits.empty());
}

TEST_F(Retry, WaitsTogetherStayInTheBudget) {
  policy.most_tries = 100;
  run(std::vector<result<int>>(100, error(Error::Kind::throttled, std::chrono::seconds(4))));
  EXPECT_EQ(waits.size(), 3U);
}

TEST_F(Retry, WhatMustNotHappenTwiceIsRetriedOnlyWhenThrottled) {
  EXPECT_FALSE(run({error(Error::Kind::network), 1}, Repeat::only_throttled));
  EXPECT_TRUE(run({error(Error::Kind::throttled), 1}, Repeat::only_throttled));
}

TEST(Pause, EndsWhenItIsStoppedAndForEver) {
  Pause pause;
  std::thread other([&pause] { pause.stop(); });
  pause.wait(std::chrono::hours(1));
  other.join();
  pause.wait(std::chrono::hours(1));
  const auto waiting = waiting_on(pause);
  waiting.wait(std::chrono::hours(1));
  EXPECT_GE(waiting.random(), 0.0);
  EXPECT_LT(waiting.random(), 1.0);
}

}  // namespace
}  // namespace sluice::aws
