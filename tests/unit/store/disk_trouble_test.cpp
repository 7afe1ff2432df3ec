// F3: fsync fails. F5: the disk is full.
#include "tests/support/torture_vfs.hpp"
#include "tests/unit/store/house.hpp"

namespace sluice::test {
namespace {

using Payloads = std::vector<std::string>;

struct Troubled : testing::Test {
  Troubled() { house.options.vfs = disk.name(); }
  TortureVfs disk{"troubled"};
  House house;
};
struct F3SyncFails : Troubled {};
struct F5DiskFull : Troubled {};

TEST_F(F3SyncFails, StopsAcknowledgingForGoodAndSaysSoOnce) {
  house.open();
  house.add("safe");
  house.turn();
  disk.fail_sync = true;
  const auto doubtful = house.add("doubtful");
  house.turn();
  EXPECT_LT(house.store->committed(), doubtful);
  ASSERT_EQ(house.failures.size(), 1U);
  EXPECT_EQ(house.failures[0].code, errc::sync_failed);
  EXPECT_NE(house.failures[0].text.find("queue.db"), std::string::npos);
  EXPECT_FALSE(house.store->health().writable);

  disk.fail_sync = false;  // a second try would seem to succeed: the pages are marked clean
  EXPECT_EQ(house.add("refused"), 0U);
  house.store->put(17, "k", "v");
  for (int i = 0; i < 10; ++i) house.rest();
  EXPECT_LT(house.store->committed(), doubtful);
  EXPECT_EQ(house.failures.size(), 1U);

  house.close();
  disk.reboot();
  house.open();
  EXPECT_EQ(house.trouble, "");
  const auto left = house.payloads();
  ASSERT_FALSE(left.empty());
  EXPECT_EQ(left[0], "safe");
  house.expect_balance();
}

TEST_F(F3SyncFails, IsFinalAlsoInACheckpoint) {
  house.open();
  house.add("safe");
  house.turn();
  disk.fail_sync = true;
  house.clock.advance(3s);
  house.turn();
  ASSERT_EQ(house.failures.size(), 1U);
  EXPECT_EQ(house.failures[0].code, errc::sync_failed);
  house.close();
  disk.fail_sync = false;
  disk.reboot();
  house.open();
  EXPECT_EQ(house.payloads(), Payloads{"safe"});
}

TEST_F(F5DiskFull, RefusesNewReadingsAndLosesNoneThatItTook) {
  house.open();
  house.add("before");
  house.turn();
  disk.full = true;
  const auto ticket = house.add("in the batch");
  ASSERT_NE(ticket, 0U);
  house.turn();
  EXPECT_LT(house.store->committed(), ticket) << "not acknowledged";
  EXPECT_FALSE(house.store->health().writable);
  EXPECT_NE(house.store->health().trouble.find("space"), std::string::npos);
  const auto refused = house.store->append({.topic = "t", .payload = "new", .properties = {}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::disk_full);
  EXPECT_TRUE(house.failures.empty());
  house.clock.advance(60s);
  house.turn();
  EXPECT_LT(house.store->committed(), ticket);

  disk.full = false;
  for (int i = 0; i < 40 && house.relieved == 0; ++i) {
    house.clock.advance(10s);
    house.turn();
  }
  EXPECT_EQ(house.relieved, 1);
  EXPECT_GE(house.store->committed(), ticket);
  EXPECT_TRUE(house.store->health().writable);
  EXPECT_EQ(house.store->health().trouble, "");
  house.add("after");
  house.turn();
  EXPECT_EQ(house.payloads(), (Payloads{"before", "in the batch", "after"}));
  house.expect_balance();
}

TEST_F(F5DiskFull, GivesUpItsBallastAndTakesItBack) {
  house.open();
  const auto reserve = house.options.directory / "reserve";
  EXPECT_EQ(std::filesystem::file_size(reserve), house.options.reserve_bytes);
  disk.full = true;
  house.add("x");
  house.turn();
  EXPECT_FALSE(std::filesystem::exists(reserve));
  disk.full = false;
  for (int i = 0; i < 10; ++i) {
    house.clock.advance(10s);
    house.turn();
  }
  EXPECT_TRUE(std::filesystem::exists(reserve));
  EXPECT_EQ(house.payloads(), Payloads{"x"});
}

TEST_F(F5DiskFull, StillForgetsWhatTheCloudHasTaken) {
  house.open();
  for (int i = 0; i < 20; ++i) {
    house.add(std::to_string(i) + std::string(20000, '.'));
    house.turn();
  }
  house.rest();  // the WAL is in the file and starts anew
  const auto keys = house.keys();
  house.add("one more, so that the WAL has some length" + std::string(40000, '.'));
  house.turn();
  house.rest();
  disk.full = true;
  house.add(std::string(100000, 'x'));
  house.turn();
  EXPECT_FALSE(house.store->health().writable);
  house.store->delivered(keys);
  for (int i = 0; i < 20; ++i) {
    house.clock.advance(10s);
    house.turn();
  }
  house.expect_balance();
  EXPECT_TRUE(house.failures.empty());
  disk.full = false;
  for (int i = 0; i < 20; ++i) {
    house.clock.advance(10s);
    house.turn();
  }
  EXPECT_EQ(house.store->totals().delivered, 20U);
  EXPECT_EQ(house.store->totals().queued, 2U);
  house.expect_balance();
}

TEST_F(F5DiskFull, WritesTheBatchWhenItIsClosedAfterThereIsRoomAgain) {
  house.open();
  disk.full = true;
  house.add("x");
  house.turn();
  disk.full = false;
  house.close();
  house.open();
  EXPECT_EQ(house.payloads(), Payloads{"x"});
}

}  // namespace
}  // namespace sluice::test
