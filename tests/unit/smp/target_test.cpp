#include "plugins/smp/target.hpp"

#include <gtest/gtest.h>

#include "tests/unit/smp/bench.hpp"

namespace sluice::smp::test {
namespace {

TEST(SmpTarget, ProbesWhatADeviceIs) {
  Bench bench;
  const auto facts = bench.run(bench.target->probe());
  ASSERT_TRUE(facts) << facts.error().text;
  EXPECT_EQ(facts->params->buffer_size, 384U);
  EXPECT_EQ(facts->max_message, 380U);
  EXPECT_EQ(facts->safety, Safety::reverts);
  EXPECT_EQ(to_string(facts->mode), "swap");
  ASSERT_NE(facts->active(), nullptr);
  EXPECT_EQ(facts->active()->version, "1.0.0");
  EXPECT_EQ(facts->active()->hash, hash_of(factory_image()));
  EXPECT_TRUE(facts->active()->confirmed);
  EXPECT_EQ(facts->os, "Zephyr sluice-sim 3.7.0 simulated");
}

TEST(SmpTarget, TreatsADeviceThatDoesNotTellItsModeAsUnknown) {
  DeviceOptions old;
  old.params = old.bootloader_info = false;
  Bench bench(old);
  const auto facts = bench.run(bench.target->probe());
  ASSERT_TRUE(facts) << facts.error().text;
  EXPECT_FALSE(facts->params);
  EXPECT_EQ(facts->safety, Safety::unknown);
}

TEST(SmpTarget, SpeaksVersionOneToDevicesThatKnowNoOther) {
  DeviceOptions old;
  old.version_1 = true;
  Bench bench(old);
  ASSERT_TRUE(bench.run(bench.target->probe()));
  EXPECT_TRUE(bench.send(new_image()));
}

TEST(SmpTarget, UpdatesFromProbeToConfirm) {
  Bench bench;
  const auto hash = hash_of(new_image());
  ASSERT_TRUE(bench.run(bench.target->probe()));
  ASSERT_TRUE(bench.send(new_image()));
  const auto slot = bench.run(bench.target->verify(hash));
  ASSERT_TRUE(slot) << slot.error().text;
  EXPECT_EQ(slot->slot, 1U);
  EXPECT_FALSE(slot->pending);
  ASSERT_TRUE(bench.run(bench.target->activate(hash)));
  EXPECT_EQ(bench.device.bootloader().marked(), smp_device::Mark::test);
  const auto boot = bench.run(bench.target->reboot(hash));
  ASSERT_TRUE(boot) << boot.error().text;
  EXPECT_EQ(*boot, Boot::trial);
  ASSERT_TRUE(bench.run(bench.target->confirm(hash)));
  EXPECT_FALSE(bench.device.bootloader().on_trial());
  bench.device.reset();
  bench.clock.advance(1s);
  EXPECT_EQ(bench.run(bench.target->probe())->active()->hash, hash);
}

struct OnTrial : testing::Test {
  void SetUp() override {
    ASSERT_TRUE(bench.send(new_image()));
    ASSERT_TRUE(bench.run(bench.target->activate(hash)));
    ASSERT_EQ(*bench.run(bench.target->reboot(hash)), Boot::trial);
    boots = bench.device.counters().boots;
  }
  Bench bench;
  std::string hash = hash_of(new_image());
  std::uint64_t boots = 0;
};

TEST_F(OnTrial, RevertBringsTheOldImageBack) {
  ASSERT_TRUE(bench.run(bench.target->revert(hash)));
  const auto facts = bench.run(bench.target->probe());
  EXPECT_EQ(facts->active()->hash, hash_of(factory_image()));
  EXPECT_TRUE(facts->active()->confirmed);
  EXPECT_TRUE(bench.run(bench.target->revert(hash))) << "twice is once";
  EXPECT_EQ(bench.device.counters().boots, boots + 1);
}

TEST_F(OnTrial, AConfirmedImageIsNotReverted) {
  ASSERT_TRUE(bench.run(bench.target->confirm(hash)));
  const auto done = bench.run(bench.target->revert(hash));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, errc::refused);
}

TEST_F(OnTrial, RebootDoesNotResetADeviceThatRunsTheImageAlready) {
  EXPECT_EQ(*bench.run(bench.target->reboot(hash)), Boot::trial);
  EXPECT_TRUE(bench.run(bench.target->activate(hash)));
  EXPECT_EQ(bench.device.counters().boots, boots);
}

TEST_F(OnTrial, ConfirmRefusesWhenTheImageHasRevertedMeanwhile) {
  bench.device.reset();
  bench.clock.advance(1s);
  const auto done = bench.run(bench.target->confirm(hash));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, errc::refused);
  EXPECT_NE(done.error().text.find("reverted"), std::string::npos);
}

TEST_F(OnTrial, RestartIsNotRepeatedWhenOnlyItsAnswerWasLost) {
  bench.faults.boot_ms = 100;
  bool armed = true;
  bench.line->eavesdrop = [&](std::string_view message) {
    const auto seen = decode(message);
    if (armed && seen->header.group == kOsGroup && seen->header.command == kReset) {
      armed = false;
      bench.device.reset();  // done, and not answered
    }
  };
  const auto first = bench.run(bench.target->restart());
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().code, errc::timeout);
  EXPECT_TRUE(bench.run(bench.target->restart()));
  EXPECT_EQ(bench.device.counters().boots, boots + 1);
  EXPECT_EQ(bench.run(bench.target->probe())->active()->hash, hash_of(factory_image()));
}

TEST(SmpTarget, SeesThatATrialWasRevertedByTheBootloader) {
  Bench bench;
  const auto hash = hash_of(new_image());
  ASSERT_TRUE(bench.send(new_image()));
  ASSERT_TRUE(bench.run(bench.target->activate(hash)));
  bench.faults.revert_on_boot = true;
  EXPECT_EQ(*bench.run(bench.target->reboot(hash)), Boot::old_image);
}

TEST(SmpTarget, SeesAnImageThatConfirmsItself) {
  Bench bench;
  const auto hash = hash_of(new_image());
  ASSERT_TRUE(bench.send(new_image()));
  ASSERT_TRUE(bench.run(bench.target->activate(hash)));
  bench.faults.self_confirm = true;
  EXPECT_EQ(*bench.run(bench.target->reboot(hash)), Boot::confirmed);
  EXPECT_TRUE(bench.run(bench.target->confirm(hash)));
}

TEST(SmpTarget, AnOverwriteOnlyBootloaderIsKnownAndBootsForGood) {
  DeviceOptions overwrite;
  overwrite.mode = 2;
  Bench bench(overwrite);
  EXPECT_EQ(bench.run(bench.target->probe())->safety, Safety::no_revert);
  const auto hash = hash_of(new_image());
  ASSERT_TRUE(bench.send(new_image()));
  ASSERT_TRUE(bench.run(bench.target->activate(hash)));
  EXPECT_EQ(*bench.run(bench.target->reboot(hash)), Boot::confirmed);
  EXPECT_FALSE(bench.run(bench.target->revert(hash)));
}

TEST(SmpTarget, AsksAgainForAResetThatDidNotHappenAndThenGivesUp) {
  Bench bench;
  const auto hash = hash_of(new_image());
  ASSERT_TRUE(bench.send(new_image()));
  ASSERT_TRUE(bench.run(bench.target->activate(hash)));
  bench.faults.ignore_reset = true;
  int resets = 0;
  bench.line->eavesdrop = [&](std::string_view message) {
    const auto seen = decode(message);
    if (seen->header.group == kOsGroup && seen->header.command == kReset && ++resets == 2)
      bench.faults.ignore_reset = false;
  };
  EXPECT_EQ(*bench.run(bench.target->reboot(hash)), Boot::trial);
  EXPECT_EQ(resets, 2);
}

TEST(SmpTarget, IsLostWhenADeviceStaysSilentAfterAReset) {
  Bench bench;
  const auto hash = hash_of(new_image());
  ASSERT_TRUE(bench.send(new_image()));
  ASSERT_TRUE(bench.run(bench.target->activate(hash)));
  bench.faults.boot_ms = 3'600'000;
  const auto boot = bench.run(bench.target->reboot(hash));
  ASSERT_FALSE(boot);
  EXPECT_EQ(boot.error().code, errc::timeout);
}

TEST(SmpTarget, DoesNotRebootWithoutAMark) {
  Bench bench;
  ASSERT_TRUE(bench.send(new_image()));
  const auto boot = bench.run(bench.target->reboot(hash_of(new_image())));
  ASSERT_FALSE(boot);
  EXPECT_EQ(boot.error().code, errc::refused);
  EXPECT_EQ(bench.device.counters().boots, 0U);
}

TEST(SmpTarget, VerifyTellsAHashThatIsNotThere) {
  Bench bench;
  const auto slot = bench.run(bench.target->verify(hash_of(new_image())));
  ASSERT_FALSE(slot);
  EXPECT_EQ(slot.error().code, errc::corrupt);
  EXPECT_EQ(bench.run(bench.target->activate(hash_of(new_image()))).error().code, errc::not_found);
}

TEST(SmpTarget, SilenceIsATimeoutWithItsWords) {
  Bench bench;
  bench.faults.silent = true;
  const auto facts = bench.run(bench.target->image_state());
  ASSERT_FALSE(facts);
  EXPECT_EQ(facts.error().code, errc::timeout);
  EXPECT_EQ(facts.error().text, "no answer from line in 2500ms to image state read (attempts: 4)");
  EXPECT_EQ(bench.line->sent, 4U);
}

TEST(SmpTarget, AnUnpluggedLineIsToldAtOnce) {
  Bench bench;
  bench.line->unplugged = true;
  EXPECT_EQ(bench.run(bench.target->probe()).error().code, errc::unreachable);
}

TEST(SmpTarget, DropsTheLateAnswerToAnEarlierAttempt) {
  Bench bench;
  bench.faults.latency_ms = 3000;  // behind the time-out of the first attempt
  const auto state = bench.run(bench.target->image_state());
  EXPECT_FALSE(state);
  EXPECT_GE(bench.target->exchange().counters().stale, 1U);
  EXPECT_EQ(bench.target->exchange().counters().answered, 0U);
}

TEST(SmpTarget, CloseEndsWhatIsUnderWay) {
  Bench bench;
  bench.faults.silent = true;
  bench.clock.call_after(100ms, [&] { bench.target->close(); });
  const auto state = bench.run(bench.target->image_state(), 200ms);
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, errc::closed);
}

TEST(SmpTarget, EchoesAndErases) {
  Bench bench;
  EXPECT_EQ(*bench.run(bench.target->echo("hello")), "hello");
  ASSERT_TRUE(bench.send(new_image()));
  bench.faults.erase_ms = 20000;
  ASSERT_TRUE(bench.run(bench.target->erase({})));
  EXPECT_TRUE(bench.device.bootloader().secondary().empty());
}

}  // namespace
}  // namespace sluice::smp::test
