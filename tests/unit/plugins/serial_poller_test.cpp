// A bus where only the gateway may begin, in virtual time.
#include <gtest/gtest.h>

#include "plugins/serial/poller.hpp"
#include "tests/support/virtual_clock.hpp"

namespace sluice::serial {
namespace {

class Polling : public testing::Test {
 protected:
  void add(const std::string& address) { poller.add(address); }
  sluice::test::VirtualClock clock;
  std::vector<std::string> asked, states;
  bool line = true;
  std::function<void(const std::string&)> answer = [](const std::string&) {};
  Poller poller{clock,
                {.every = 1s, .timeout = 200ms, .between = 5ms, .retries = 2, .most_apart = 60s},
                {[this](const std::string& address) {
                   if (!line) return false;
                   asked.push_back(address);
                   answer(address);
                   return true;
                 },
                 [this](const std::string& address, bool online) {
                   states.push_back(address + (online ? " on" : " off"));
                 }}};
};

TEST_F(Polling, AsksOneAfterTheOther) {
  for (const auto* address : {"1", "2", "3"}) add(address);
  poller.start();
  EXPECT_EQ(asked, std::vector<std::string>{"1"});
  clock.advance(100ms);
  EXPECT_EQ(asked.size(), 1U);  // it has 200 ms
  poller.heard("1");
  clock.advance(5ms);
  EXPECT_EQ(asked, (std::vector<std::string>{"1", "2"}));
  poller.heard("3");  // not whose turn it is
  clock.advance(5ms);
  EXPECT_EQ(asked.size(), 2U);
  poller.heard("");  // somebody who does not say who it is
  clock.advance(5ms);
  EXPECT_EQ(asked, (std::vector<std::string>{"1", "2", "3"}));
}

TEST_F(Polling, KeepsItsRhythm) {
  add("1");
  answer = [this](const std::string& address) {
    clock.call_after(50ms, [this, address] { poller.heard(address); });
  };
  poller.start();
  clock.advance(10s);
  EXPECT_EQ(asked.size(), 11U);
}

TEST_F(Polling, F21TriesAgainThenLeavesASilentDeviceAloneMoreAndMore) {
  add("1");
  add("2");
  answer = [this](const std::string& address) {
    if (address == "2") clock.call_after(10ms, [this] { poller.heard("2"); });
  };
  poller.start();
  clock.advance(2s);
  EXPECT_EQ(states, (std::vector<std::string>{"2 on", "1 off"}));
  asked.clear();
  clock.advance(10min);
  const auto silent = std::count(asked.begin(), asked.end(), "1"),
             speaking = std::count(asked.begin(), asked.end(), "2");
  EXPECT_GT(speaking, 550);         // nearly once a second, whatever the other does
  EXPECT_LE(silent, 3 * (10 + 7));  // three tries, once a minute at last
  answer = [this](const std::string& address) {
    clock.call_after(10ms, [this, address] { poller.heard(address); });
  };
  clock.advance(2min);
  EXPECT_EQ(states.back(), "1 on");
}

TEST_F(Polling, SendsMessagesBetweenRequests) {
  add("1");
  poller.start();
  bool sent = false;
  EXPECT_TRUE(poller.soon([&] { sent = true; }));
  EXPECT_FALSE(sent);  // the bus is waiting for an answer
  poller.heard("1");
  clock.advance(5ms);
  EXPECT_TRUE(sent);
  sent = false;
  EXPECT_TRUE(poller.soon([&] { sent = true; }));
  EXPECT_TRUE(sent);  // it is quiet
}

TEST_F(Polling, TakesNoMoreMessagesThanItCanHold) {
  add("1");
  poller.start();
  int taken = 0;
  while (taken < 1000 && poller.soon([] {})) ++taken;
  EXPECT_EQ(taken, 64);
}

TEST_F(Polling, WaitsForALineThatIsNotThere) {
  add("1");
  line = false;
  poller.start();
  clock.advance(10s);
  EXPECT_TRUE(asked.empty());
  EXPECT_TRUE(states.empty());
  line = true;
  clock.advance(1s);
  EXPECT_EQ(asked.size(), 1U);
  poller.stop();
  clock.advance(1min);
  EXPECT_EQ(asked.size(), 1U);
}

}  // namespace
}  // namespace sluice::serial
