// Many requests with one token at the same moment.
#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <thread>

#include "tests/unit/lambda/world.hpp"

namespace sluice::lambda::cvm {
namespace {

using test::kDevice;
using test::kToken;

struct Outcome {
  int issued = 0, in_progress = 0, registered = 0, other = 0;
  std::set<std::string> ids;
};

Outcome race(test::World& world, int requests, const std::function<std::string(int)>& key_of,
             Reissue reissue) {
  const auto settings = world.settings();
  Redemption redemption(world.iot, world.table, settings, world.clock(), world.log());
  std::barrier together(requests);
  std::mutex mutex;
  Outcome outcome;
  std::vector<std::thread> threads;
  for (int i = 0; i < requests; ++i) {
    threads.emplace_back([&, i] {
      together.arrive_and_wait();
      const auto answer = redemption.redeem({.productid = kDevice,
                                             .access_token = kToken,
                                             .csr = "csr",
                                             .key_hash = key_of(i),
                                             .reissue = reissue});
      const std::scoped_lock lock(mutex);
      if (answer) {
        ++outcome.issued;
        outcome.ids.insert(answer->certificate.id);
      } else if (answer.error().code == "InProgress") {
        ++outcome.in_progress;
      } else if (answer.error().code == "AlreadyRegistered") {
        ++outcome.registered;
      } else {
        ++outcome.other;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  return outcome;
}

TEST(RedemptionRace, TwoHundredRequestsWithDifferentKeysGetOneCertificate) {
  test::World world;
  const auto outcome = race(world, 200, [](int i) { return "key-" + std::to_string(i); }, Reissue::refuse);
  EXPECT_EQ(outcome.issued, 1);
  EXPECT_EQ(outcome.other, 0);
  EXPECT_EQ(outcome.in_progress + outcome.registered, 199);
  EXPECT_EQ(world.iot.active().size(), 1U);
  EXPECT_EQ(world.iot.certificates(), 1U);
}

TEST(RedemptionRace, TwoHundredRequestsWithOneKeyGetOneCertificate) {
  test::World world;
  const auto outcome = race(world, 200, [](int) { return "key"; }, Reissue::refuse);
  EXPECT_GE(outcome.issued, 1);
  EXPECT_EQ(outcome.ids.size(), 1U);
  EXPECT_EQ(outcome.other + outcome.registered, 0);
  EXPECT_EQ(world.iot.certificates(), 1U);
}

TEST(RedemptionRace, RotatingTogetherLeavesOneActiveCertificateWhenItHasProvenItself) {
  test::World world;
  const auto outcome = race(world, 50, [](int i) { return "key-" + std::to_string(i); }, Reissue::rotate);
  EXPECT_GE(outcome.issued, 1);
  EXPECT_EQ(outcome.other, 0);
  EXPECT_LE(world.iot.active().size(), 2U) << "and the one before it";
  EXPECT_TRUE(world.iot.works(world.record().cert_id, kDevice, "devices"));
  const auto settings = world.settings();
  Redemption redemption(world.iot, world.table, settings, world.clock(), world.log());
  ASSERT_TRUE(
      redemption.retire({.productid = kDevice, .access_token = kToken, .keep = world.record().cert_id}));
  EXPECT_EQ(world.iot.active(), std::vector{world.record().cert_id});
  EXPECT_EQ(world.iot.certificates(), 1U);
}

}  // namespace
}  // namespace sluice::lambda::cvm
