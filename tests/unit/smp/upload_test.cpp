#include <gtest/gtest.h>

#include "tests/unit/smp/bench.hpp"

namespace sluice::smp::test {
namespace {

TEST(SmpUpload, FinishesHalfAMegabyteOverALineThatLosesATwentieth) {
  Bench bench;
  const auto image = make_image({2, 0, 0, 0}, 512 * 1024, 3);
  bench.faults.drop = 0.05;
  bench.faults.erase_ms = 3000;
  bench.faults.reset_at_chunk = 700;
  ASSERT_TRUE(bench.run(bench.target->probe()));
  const auto begun = bench.clock.now();
  const auto sent = bench.send(image);
  ASSERT_TRUE(sent) << sent.error().text;
  EXPECT_EQ(bench.device.bootloader().secondary(), image);
  EXPECT_GE(sent->restarts, 1);  // the reset
  EXPECT_GT(bench.port.counters().dropped, 200U);
  const auto took = std::chrono::duration_cast<std::chrono::seconds>(bench.clock.now() - begun);
  testing::Test::RecordProperty("virtual_seconds", std::to_string(took.count()));
  EXPECT_LT(took, 2h);
}

TEST(SmpUpload, FinishesWithTurnedBitsAndLogsBetween) {
  Bench bench;
  bench.faults.flip = 0.05;
  bench.faults.noise = 0.3;
  ASSERT_TRUE(bench.send(new_image()));
  EXPECT_EQ(bench.device.bootloader().secondary(), new_image());
}

TEST(SmpUpload, SendsTheNamesOfAFileOnlyInItsFirstPacket) {
  Bench bench;
  int firsts = 0, others = 0;
  bench.line->eavesdrop = [&](std::string_view message) {
    const auto seen = decode(message);
    if (seen->header.group != kImageGroup || seen->header.command != kUpload) return;
    if (seen->body.number("off") == 0U) {
      ++firsts;
      EXPECT_EQ(seen->body.number("len"), new_image().size());
      EXPECT_EQ(seen->body.bytes("sha"), sha256(new_image()));
      EXPECT_GE(seen->body.bytes("data")->size(), kImageHeaderSize);
    } else {
      ++others;
      EXPECT_EQ(std::get<cbor::Map>(seen->body.is).size(), 2U);
    }
  };
  ASSERT_TRUE(bench.send(new_image()));
  EXPECT_EQ(firsts, 1);
  EXPECT_GT(others, 80);
}

TEST(SmpUpload, FillsTheBufferThatTheDeviceAnnouncesAndNoMore) {
  Bench bench;
  ASSERT_TRUE(bench.run(bench.target->probe()));
  ASSERT_TRUE(bench.send(new_image()));
  EXPECT_GT(bench.line->largest, 370U);
  EXPECT_LE(bench.line->largest, 380U);
}

TEST(SmpUpload, StaysWithinTwoLinesWhenTheDeviceDoesNotTellItsBuffer) {
  DeviceOptions old;
  old.params = false;
  Bench bench(old);
  ASSERT_TRUE(bench.run(bench.target->probe()));
  ASSERT_TRUE(bench.send(new_image()));
  EXPECT_LE(bench.line->largest, 2 * kLineBytes - kFrameOverhead);
}

TEST(SmpUpload, MakesPacketsSmallerForADeviceWhoseBufferIsSmallerThanItSays) {
  DeviceOptions liar;
  liar.true_buffer = 200;
  Bench bench(liar);
  ASSERT_TRUE(bench.run(bench.target->probe()));
  ASSERT_TRUE(bench.send(new_image()));
  EXPECT_EQ(bench.device.bootloader().secondary(), new_image());
}

TEST(SmpUpload, LearnsWhatNeverPasses) {
  DeviceOptions liar;
  liar.true_buffer = 200;
  Bench bench(liar);
  int too_large = 0, others = 0;
  bench.line->eavesdrop = [&](std::string_view message) { ++(message.size() > 200 ? too_large : others); };
  ASSERT_TRUE(bench.run(bench.target->probe()));
  const auto image = make_image({2, 0, 0, 0}, 256 * 1024, 3);
  ASSERT_TRUE(bench.send(image));
  EXPECT_EQ(bench.device.bootloader().secondary(), image);
  EXPECT_GT(others, 1000);
  EXPECT_LT(too_large, 60);
}

TEST(SmpUpload, GoesOnWhereTheDeviceIsWhenTheAdapterStartsAnew) {
  Bench bench;
  const auto& image = new_image();
  ASSERT_TRUE(bench.run(bench.target->begin(head_of(image), image)));
  const auto at = bench.run(bench.target->write(144, std::string_view(image).substr(144, 12000)));
  // The first packet's reply decides; whatever it was, the device has come to about 12000.
  ASSERT_TRUE(at) << at.error().text;
  bench.replace_target();
  const auto sent = bench.send(image);
  ASSERT_TRUE(sent) << sent.error().text;
  EXPECT_EQ(sent->restarts, 0);
  EXPECT_GT(sent->resumed_at, 0U);
  EXPECT_EQ(bench.device.counters().uploads, 1U) << "the slot was erased once";
  EXPECT_EQ(bench.device.bootloader().secondary(), image);
}

TEST(SmpUpload, BeginsAgainWhenTheDeviceHasForgotten) {
  Bench bench;
  bench.faults.forget_at_chunk = 40;
  const auto sent = bench.send(new_image());
  ASSERT_TRUE(sent) << sent.error().text;
  EXPECT_EQ(sent->restarts, 1);
  EXPECT_EQ(bench.device.bootloader().secondary(), new_image());
}

TEST(SmpUpload, BeginsAgainAfterTheDeviceHasReset) {
  Bench bench;
  bench.faults.reset_at_chunk = 40;
  bench.faults.boot_ms = 30000;
  const auto sent = bench.send(new_image());
  ASSERT_TRUE(sent) << sent.error().text;
  EXPECT_GE(sent->restarts, 1);
  EXPECT_EQ(bench.device.bootloader().secondary(), new_image());
}

TEST(SmpUpload, GivesUpOnADeviceThatForgetsForEver) {
  Bench bench;
  bench.line->eavesdrop = [&](std::string_view) { bench.device.forget_upload(); };
  const auto sent = bench.send(new_image(), 3);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, errc::timeout);
  EXPECT_NE(sent.error().text.find("3 restarts"), std::string::npos);
}

TEST(SmpUpload, HasNothingToSendWhenTheSlotHoldsTheFile) {
  Bench bench;
  ASSERT_TRUE(bench.send(new_image()));
  const auto chunks = bench.device.counters().chunks;
  const auto sent = bench.send(new_image());
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->resumed_at, new_image().size());
  EXPECT_EQ(bench.device.counters().chunks, chunks + 1);
}

TEST(SmpUpload, TellsAFileThatArrivedDamaged) {
  Bench bench;
  bench.faults.wrong_hash = true;
  const auto sent = bench.send(new_image());
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, errc::corrupt);
}

TEST(SmpUpload, WithoutTheDevicesOwnCheckVerifySeesTheDamage) {
  DeviceOptions blind;
  blind.image_check = false;
  Bench bench(blind);
  bench.faults.wrong_hash = true;
  ASSERT_TRUE(bench.send(new_image()));
  EXPECT_EQ(bench.run(bench.target->verify(hash_of(new_image()))).error().code, errc::corrupt);
}

TEST(SmpUpload, WaitsForASlowErase) {
  Bench bench;
  bench.faults.erase_ms = 35000;
  const auto sent = bench.send(new_image());
  ASSERT_TRUE(sent) << sent.error().text;
  EXPECT_EQ(sent->restarts, 0);
}

TEST(SmpUpload, WaitsForADeviceThatIsBusy) {
  Bench bench;
  bench.faults.busy = 2;
  ASSERT_TRUE(bench.run(bench.target->probe()));
  bench.faults.busy = 3;
  const auto begun = bench.clock.now();
  ASSERT_TRUE(bench.send(new_image()));
  EXPECT_GT(bench.clock.now() - begun, 900ms);
  EXPECT_EQ(bench.faults.busy, 0U);
}

TEST(SmpUpload, UpgradeOnlyIsRefusedByTheRunningVersion) {
  Bench bench;
  auto head = head_of(factory_image());
  head.upgrade_only = true;
  const auto begun = bench.run(bench.target->begin(head, factory_image()));
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().code, errc::refused);
}

TEST(SmpUpload, RefusesAFileThatIsNoImageBeforeItDisturbsTheDevice) {
  Bench bench;
  const std::string text(1000, 'x');
  EXPECT_EQ(bench.run(bench.target->begin({text.size(), sha256(text), {}, false}, text)).error().code,
            errc::invalid_argument);
  EXPECT_EQ(bench.line->sent, 0U);
}

TEST(SmpUpload, IsRefusedWhileAnImageIsOnTrial) {
  Bench bench;
  ASSERT_TRUE(bench.send(new_image()));
  ASSERT_TRUE(bench.run(bench.target->activate(hash_of(new_image()))));
  const auto other = make_image({3, 0, 0, 0}, 9000, 5);
  EXPECT_EQ(bench.send(other).error().code, errc::refused);
}

}  // namespace
}  // namespace sluice::smp::test
