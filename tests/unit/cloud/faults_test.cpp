#include "cloud/local/faults.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cloud/local/ack_gate.hpp"
#include "tests/support/virtual_clock.hpp"

namespace sluice::cloud {
namespace {

using nlohmann::json;
using sluice::test::VirtualClock;

struct FaultsTest : testing::Test {
  void set(const char* wish) {
    const auto done = faults.set(json::parse(wish));
    ASSERT_TRUE(done) << done.error().text;
  }
  VirtualClock clock;
  Faults faults{clock, 1};
};

TEST_F(FaultsTest, AreNotThereUntilAskedFor) {
  EXPECT_FALSE(faults.outage());
  EXPECT_FALSE(faults.half_open());
  EXPECT_FALSE(faults.throttle());
  EXPECT_EQ(faults.puback_delay(), Duration::zero());
  EXPECT_EQ(faults.tls_delay(), Duration::zero());
  EXPECT_FALSE(faults.lose_puback());
  EXPECT_FALSE(faults.refuse_connect("x"));
  EXPECT_FALSE(faults.close_on("a", "b"));
}

TEST_F(FaultsTest, EndByThemselvesAndSaySo) {
  int changes = 0;
  faults.on_change([&] { ++changes; });
  set(R"({"kind":"outage","seconds":20})");
  set(R"({"kind":"half-open","seconds":5})");
  EXPECT_EQ(changes, 2);
  clock.advance(5s);
  EXPECT_FALSE(faults.half_open());
  EXPECT_TRUE(faults.outage());
  EXPECT_EQ(changes, 3);
  clock.advance(15s);
  EXPECT_FALSE(faults.outage());
  EXPECT_EQ(changes, 4);
  EXPECT_EQ(clock.timers(), 0U);
}

TEST_F(FaultsTest, AreClearedOneByOneAndAllTogether) {
  set(R"({"kind":"outage"})");
  set(R"({"kind":"slow-tls","ms":70})");
  EXPECT_EQ(faults.describe().size(), 2U);
  faults.clear("outage");
  EXPECT_FALSE(faults.outage());
  EXPECT_EQ(faults.tls_delay(), 70ms);
  faults.clear();
  EXPECT_EQ(faults.tls_delay(), Duration::zero());
}

TEST_F(FaultsTest, LoseExactlyTheNextPubacks) {
  set(R"({"kind":"lose-puback","next":3})");
  int lost = 0;
  for (int i = 0; i < 10; ++i) lost += faults.lose_puback() ? 1 : 0;
  EXPECT_EQ(lost, 3);
  EXPECT_TRUE(faults.describe().empty());
}

TEST_F(FaultsTest, RollTheSameDiceForTheSameSeed) {
  Faults again(clock, 1), other(clock, 2);
  std::string first, second, third;
  for (Faults* f : {&faults, &again, &other}) {
    ASSERT_TRUE(f->set(json::parse(R"({"kind":"lose-puback","probability":0.5})")));
  }
  int lost = 0;
  for (int i = 0; i < 1000; ++i) {
    const bool struck = faults.lose_puback();
    lost += struck ? 1 : 0;
    first += struck ? '1' : '0';
    second += again.lose_puback() ? '1' : '0';
    third += other.lose_puback() ? '1' : '0';
  }
  EXPECT_EQ(first, second);
  EXPECT_NE(first, third);
  EXPECT_GT(lost, 400);
  EXPECT_LT(lost, 600);
}

TEST_F(FaultsTest, CloseOnWhatMatchesAllThatIsGiven) {
  set(R"({"kind":"close-on","topic":"dt/#","payload_contains":"POISON","payload_larger_than":10,"reason":151})");
  EXPECT_FALSE(faults.close_on("dt/a", "a POISON"));
  EXPECT_FALSE(faults.close_on("xx/a", "a long POISON"));
  EXPECT_FALSE(faults.close_on("dt/a", "a long harmless thing"));
  const auto closing = faults.close_on("dt/a", "a long POISON");
  ASSERT_TRUE(closing);
  EXPECT_EQ(closing->reason, mqtt::Reason::quota_exceeded);
  EXPECT_FALSE(closing->abrupt);
}

TEST_F(FaultsTest, RefuseConnectsOfOneClient) {
  set(R"({"kind":"refuse-connect","client":"gw","reason":137,"next":2})");
  EXPECT_FALSE(faults.refuse_connect("other"));
  EXPECT_EQ(faults.refuse_connect("gw"), mqtt::Reason::server_busy);
  EXPECT_EQ(faults.refuse_connect("gw"), mqtt::Reason::server_busy);
  EXPECT_FALSE(faults.refuse_connect("gw"));
}

TEST_F(FaultsTest, SayWhatIsWrongWithAWish) {
  const struct {
    const char* wish;
    const char* says;
  } rows[] = {
      {R"(7)", "unknown fault"},
      {R"({"kind":"explode"})", "known: outage"},
      {R"({"kind":"slow-tls"})", "\"ms\" is missing"},
      {R"({"kind":"delay-puback","ms":-1})", "\"ms\" must be"},
      {R"({"kind":"delay-puback","ms":"1"})", "\"ms\" must be"},
      {R"({"kind":"throttle"})", "\"rate\" is missing"},
      {R"({"kind":"close-on"})", "at least one"},
      {R"({"kind":"close-on","topic":"a/#/b"})", "topic filter"},
      {R"({"kind":"lose-puback","probability":1.5})", "\"probability\""},
      {R"({"kind":"outage","seconds":1e9})", "\"seconds\""},
      {R"({"kind":"refuse-connect","reason":5})", "\"reason\""},
  };
  for (const auto& row : rows) {
    const auto done = faults.set(json::parse(row.wish));
    ASSERT_FALSE(done) << row.wish;
    EXPECT_NE(done.error().text.find(row.says), std::string::npos) << done.error().text;
  }
  EXPECT_TRUE(faults.describe().empty());
}

struct AckGateTest : testing::Test {
  VirtualClock clock;
  std::vector<mqtt::Ticket> released;
  AckGate gate{clock, [this](mqtt::Ticket t) { released.push_back(t); }};
};

TEST_F(AckGateTest, ReleasesWhatTheLogHasAndNothingElse) {
  const auto first = gate.join({});
  EXPECT_EQ(gate.join({}), first);
  EXPECT_TRUE(released.empty());
  gate.sealed();
  EXPECT_EQ(released, std::vector{first});
  gate.sealed();
  EXPECT_EQ(released.size(), 1U);
  EXPECT_GT(gate.join({}), first);
}

TEST_F(AckGateTest, DelaysAndKeepsTheOrder) {
  const auto slow = gate.join(300ms);
  gate.sealed();
  const auto quick = gate.join({});
  gate.sealed();
  clock.advance(299ms);
  EXPECT_TRUE(released.empty());
  clock.advance(1ms);
  ASSERT_FALSE(released.empty());
  EXPECT_EQ(released.back(), quick);
  EXPECT_GT(quick, slow);
}

}  // namespace
}  // namespace sluice::cloud
