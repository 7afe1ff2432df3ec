// Coroutines: a failure is logged with the coroutine's name; waits obey the clock.
#include "core/task.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

#include "tests/support/virtual_clock.hpp"

namespace sluice {
namespace {

namespace asio = boost::asio;

class Tasks : public testing::Test {
 protected:
  Log log() {
    return {std::make_shared<const Log::Sink>([this](Level level, std::string_view, std::string_view line) {
              if (level == Level::error) errors_.emplace_back(line);
            }),
            "test"};
  }
  void poll() {
    loop_.restart();
    loop_.poll();
  }
  asio::io_context loop_;
  test::VirtualClock clock_;
  std::vector<std::string> errors_;
};

TEST_F(Tasks, RunOnTheLoopAndTellTheirEnd) {
  bool ran = false, done = false;
  const auto body = [&ran]() -> asio::awaitable<void> {
    ran = true;
    co_return;
  };
  spawn(loop_, log(), "quiet", body, [&done](bool failed) { done = !failed; });
  poll();
  EXPECT_TRUE(ran);
  EXPECT_TRUE(done);
  EXPECT_TRUE(errors_.empty());
}

TEST_F(Tasks, ThatFailAreLoggedWithTheirName) {
  bool failed = false;
  const auto body = []() -> asio::awaitable<void> {
    throw std::runtime_error("no such luck");
    co_return;
  };
  spawn(loop_, log(), "lane 7", body, [&failed](bool f) { failed = f; });
  poll();
  ASSERT_EQ(errors_.size(), 1U);
  EXPECT_EQ(errors_[0], "task lane 7 failed: no such luck");
  EXPECT_TRUE(failed);
}

TEST_F(Tasks, KeepWhatTheyCapturedUntilTheirEnd) {
  auto kept = std::make_shared<int>(5);
  const std::weak_ptr<int> watch = kept;
  int seen = 0;
  {
    auto body = [this, kept, &seen]() -> asio::awaitable<void> {
      co_await sleep_for(clock_, 1s);
      seen = *kept;
    };
    spawn(loop_, log(), "keeper", std::move(body));
  }
  kept.reset();
  poll();
  EXPECT_FALSE(watch.expired());
  clock_.advance(1s);
  poll();
  EXPECT_EQ(seen, 5);
  EXPECT_TRUE(watch.expired());
}

TEST_F(Tasks, SleepInVirtualTime) {
  std::vector<Duration> woke;
  const auto start = clock_.now();
  const auto body = [this, &woke, start]() -> asio::awaitable<void> {
    for (int i = 0; i < 3; ++i) {
      co_await sleep_for(clock_, 24h);
      woke.push_back(clock_.now() - start);
    }
  };
  spawn(loop_, log(), "sleeper", body);
  poll();
  EXPECT_TRUE(woke.empty());
  for (int day = 1; day <= 3; ++day) {
    clock_.advance(24h);
    poll();
  }
  EXPECT_EQ(woke, (std::vector<Duration>{24h, 48h, 72h}));
}

TEST_F(Tasks, DoNotWakeBeforeTheirTime) {
  bool woke = false;
  const auto body = [this, &woke]() -> asio::awaitable<void> {
    co_await sleep_for(clock_, 1s);
    woke = true;
  };
  spawn(loop_, log(), "early", body);
  poll();
  clock_.advance(999ms);
  poll();
  EXPECT_FALSE(woke);
  clock_.advance(1ms);
  poll();
  EXPECT_TRUE(woke);
}

}  // namespace
}  // namespace sluice
