// Cut at every step, in every way; then the next requests must end with exactly one ACTIVE certificate that
// works: at once, or if it replaced another, when the same key has asked once more.
#include <gtest/gtest.h>

#include "tests/unit/lambda/world.hpp"

namespace sluice::lambda::cvm {
namespace {

using test::Fault;
using test::kDevice;
using test::kToken;

struct Case {
  const char* name;
  Fault fault;
  bool registered;  // before: a rotation instead of a first certificate
  bool same_key;    // the request after the cut
  bool generated;   // keys made by AWS
};

class CutAnywhere : public ::testing::TestWithParam<Case> {
 protected:
  static constexpr int kMostSteps = 60;

  Redeemed ask(test::World& world, const std::string& key, Reissue reissue) {
    const auto settings = world.settings();
    Redemption redemption(world.iot, world.table, settings, world.clock(), world.log());
    Wanted wanted{
        .productid = kDevice, .access_token = kToken, .csr = "csr", .key_hash = key, .reissue = reissue};
    if (GetParam().generated) wanted.csr = wanted.key_hash = {};
    return redemption.redeem(wanted);
  }

  RetiredIds retire(test::World& world, const std::string& keep) {
    const auto settings = world.settings();
    Redemption redemption(world.iot, world.table, settings, world.clock(), world.log());
    return redemption.retire({.productid = kDevice, .access_token = kToken, .keep = keep});
  }

  // A request that is cut. False: the step was never reached, it ran through.
  bool cut(test::World& world, const std::string& key, Reissue reissue, Fault fault, int step) {
    world.faults.arm(fault, step);
    try {
      (void)ask(world, key, reissue);
    } catch (const test::Died&) {
      // The next request comes to a process that knows nothing of this.
    }
    const bool struck = world.faults.struck();
    world.faults.arm(Fault::none, 0);
    return struck;
  }

  // second_step 0: only one cut. False: the last cut's step was never reached.
  bool cut_and_repair(int step, int second_step = 0) {
    SCOPED_TRACE("cut at step " + std::to_string(step) + ", again at " + std::to_string(second_step));
    test::World world;
    const auto reissue = GetParam().registered || GetParam().generated ? Reissue::rotate : Reissue::refuse;
    std::string old;
    if (GetParam().registered) old = ask(world, "old key", reissue)->certificate.id;
    bool struck = cut(world, "key", reissue, GetParam().fault, step);
    const auto key = GetParam().same_key ? "key" : "another key";
    if (second_step > 0) {
      world.now += 30;
      struck = cut(world, key, reissue, GetParam().fault, second_step);
    }
    std::string last = key;
    auto answer = ask(world, key, reissue);
    if (!answer && answer.error().code == "InProgress") {
      world.now += 30;  // the claim of the dead
      answer = ask(world, key, reissue);
    }
    if (!answer && answer.error().code == "AlreadyRegistered") {
      // Only for another key under `refuse`, when all was done but the answer; the device that has the key
      // gets it.
      EXPECT_FALSE(GetParam().same_key);
      EXPECT_EQ(reissue, Reissue::refuse);
      last = "key";
      answer = ask(world, last, reissue);
    }
    EXPECT_TRUE(answer) << answer.error().code << ": " << answer.error().message;
    if (!answer) return struck;
    const auto id = answer->certificate.id;
    EXPECT_TRUE(world.iot.works(id, kDevice, "devices"));
    EXPECT_LE(world.iot.active().size(), 2U);
    if (!GetParam().generated) {  // it has connected
      const auto repeated = ask(world, last, reissue);
      EXPECT_TRUE(repeated) << repeated.error().code;
      if (repeated) EXPECT_EQ(repeated->certificate.id, id);
      const auto retired = retire(world, id);
      EXPECT_TRUE(retired) << retired.error().code;
    }
    EXPECT_EQ(world.iot.active(), std::vector{id});
    EXPECT_TRUE(world.iot.works(id, kDevice, "devices"));
    const auto record = world.record();
    EXPECT_EQ(record.apply_state, kRegistered);
    EXPECT_EQ(record.cert_id, id);
    EXPECT_EQ(record.pending_cert, "");
    EXPECT_TRUE(record.retiring.empty());
    EXPECT_EQ(world.iot.status_of(old), "");
    // At most one left over of each cut: INACTIVE, attached to nothing, made in the instant before it was
    // recorded.
    EXPECT_LE(world.iot.certificates(), second_step > 0 ? 3U : 2U);
    return struck;
  }
};

TEST_P(CutAnywhere, TheNextRequestEndsWithExactlyOneActiveCertificate) {
  int steps = 0;
  while (steps < kMostSteps && cut_and_repair(steps + 1)) ++steps;
  EXPECT_GE(steps, 9) << "the table of cuts does not reach the steps of a redemption";
  EXPECT_LT(steps, kMostSteps);
}

TEST_P(CutAnywhere, AlsoWhenTheRepairIsCut) {
  for (const int first : {5, 8}) {
    int steps = 0;
    while (steps < kMostSteps && cut_and_repair(first, steps + 1)) ++steps;
    EXPECT_GE(steps, 1);
    EXPECT_LT(steps, kMostSteps);
  }
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const bool registered : {false, true}) {
    for (const bool same_key : {true, false}) {
      all.push_back({"DiesBefore", Fault::dies_before, registered, same_key, false});
      all.push_back({"DiesAfter", Fault::dies_after, registered, same_key, false});
      all.push_back({"FailsBefore", Fault::fails_before, registered, same_key, false});
      all.push_back({"FailsAfter", Fault::fails_after, registered, same_key, false});
    }
    all.push_back({"DiesAfter", Fault::dies_after, registered, false, true});
    all.push_back({"FailsAfter", Fault::fails_after, registered, false, true});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Cuts, CutAnywhere, ::testing::ValuesIn(cases()), [](const auto& param) {
  const auto& p = param.param;
  return std::string(p.name) + (p.registered ? "Rotating" : "New") +
         (p.generated  ? "KeysOfAws"
          : p.same_key ? "SameKey"
                       : "AnotherKey");
});

}  // namespace
}  // namespace sluice::lambda::cvm
