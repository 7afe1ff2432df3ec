// F2: the power fails at any sync, and what was not synced is kept, lost, garbled or reordered.
#include "tests/support/torture_vfs.hpp"
#include "tests/unit/store/house.hpp"

namespace sluice::test {
namespace {

// One run; false: the life ended before the k-th sync.
bool cut_at(std::uint64_t k, std::uint64_t seed) {
  TortureVfs disk("torture-" + std::to_string(k));
  House house;
  house.options.vfs = disk.name();
  house.options.reserve_bytes = 0;
  Promises promises;
  disk.crash_at_sync(k, seed);
  if (house.try_open()) {
    Life life(house, [&](const std::string& line) { promises.hear(line); });
    life.live(30);
  }
  const bool crashed = disk.crashed();
  house.close();
  disk.reboot();
  promises.check(house);
  house.close();
  return crashed;
}

TEST(F2PowerCut, LosesNothingThatWasAnnouncedAtWhicheverSyncItComes) {
  std::uint64_t k = 1;
  for (; k < 400; ++k) {
    SCOPED_TRACE("power cut at sync " + std::to_string(k));
    if (!cut_at(k, k * 7919) || testing::Test::HasFailure()) break;
  }
  EXPECT_GT(k, 40U) << "the life was too short to mean anything";
  EXPECT_LT(k, 400U) << "the life never came to its end";
}

TEST(F2PowerCut, LosesNothingWithOtherFatesOfTheSectors) {
  for (std::uint64_t seed = 1; seed <= 40 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    cut_at(3 + seed * 3 % 40, seed);
  }
}

// The torture itself must be able to hurt: a store that did not sync would lose what it announced.
TEST(F2PowerCut, WouldNoticeADiskThatForgets) {
  TortureVfs disk("torture-forgets");
  House house;
  house.options.vfs = disk.name();
  house.open();
  house.add("never synced");
  house.turn();
  const auto wal = disk.content((house.options.directory / "queue.db-wal").string());
  EXPECT_FALSE(wal.empty());
  disk.fail_sync = true;
  house.add("held back");
  house.turn();
  EXPECT_EQ(house.failures.size(), 1U);
  house.close();
  disk.fail_sync = false;
  disk.reboot();
  house.open();
  EXPECT_EQ(house.payloads(), std::vector<std::string>{"never synced"});
}

}  // namespace
}  // namespace sluice::test
