// What only the store on the disk can get wrong: starting again, the bounds of memory and disk, who may open
// it.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "store/directory.hpp"
#include "tests/unit/store/house.hpp"

namespace sluice::test {
namespace {

namespace fs = std::filesystem;
using namespace store;
using Payloads = std::vector<std::string>;

TEST(FileStore, ComesBackAsItWas) {
  House house;
  house.open();
  const auto instance = house.store->instance();
  EXPECT_EQ(instance.size(), 8U);
  const auto device = house.store->name_id("device-1");
  for (const auto* p : {"a", "b", "c", "d"}) house.add(p, 3, 7);
  house.store->put(17, "k", "v");
  house.turn();
  const auto keys = house.keys(3, 7);
  house.store->delivered({{keys[1]}});
  house.store->drop({{keys[2]}}, LedgerReason::refused);
  house.close();

  house.open();
  EXPECT_EQ(house.store->instance(), instance);
  EXPECT_EQ(house.store->name_id("device-1"), device);
  EXPECT_EQ(house.store->name(device), "device-1");
  EXPECT_EQ(house.payloads(3, 7), (Payloads{"a", "d"})) << "acknowledgements are written by close()";
  EXPECT_EQ(house.store->totals().accepted, 4U);
  EXPECT_EQ(house.store->totals().delivered, 1U);
  EXPECT_EQ(house.ledger(LedgerReason::refused), 1U);
  EXPECT_EQ(house.state(17)["k"], "v");
  EXPECT_GT(house.store->next_id(), keys.back().id);
  house.add("e", 3, 7);
  house.turn();
  EXPECT_EQ(house.payloads(3, 7), (Payloads{"a", "d", "e"})) << "from the disk and from memory in one order";
  house.expect_balance();
}

TEST(FileStore, TakesEverythingOfATurnIntoOneCommit) {
  House house;
  house.open();
  for (int i = 0; i < 500; ++i) house.add("x", static_cast<LaneId>(i % 7));
  house.turn();
  EXPECT_EQ(house.store->health().commits, 1U);
}

TEST(FileStore, WaitsForCompanyIfToldTo) {
  House house;
  house.options.commit_delay = 20ms;
  house.open();
  house.add("a");
  house.turn();
  EXPECT_EQ(house.store->committed(), 0U);
  house.clock.advance(10ms);
  house.add("b");
  house.clock.advance(10ms);
  house.turn();
  EXPECT_EQ(house.store->committed(), 1U);
  EXPECT_EQ(house.payloads(), (Payloads{"a", "b"}));
}

TEST(FileStore, ReadsTheLiveEndFromMemoryAndTheBacklogFromTheDisk) {
  House house;
  house.options.memory_tail_bytes = 64 << 10;
  house.open();
  Payloads all;
  for (int i = 0; i < 400; ++i) {
    all.push_back(std::to_string(i) + std::string(1000, '.'));
    house.add(all.back());
    if (i % 10 == 9) house.turn();
  }
  EXPECT_EQ(house.payloads(), all);
  EXPECT_GT(house.store->health().disk_reads, 0U);
  const auto before = house.store->health();
  const auto border = house.store->next_id() - 1;
  house.add("live");
  house.turn();
  EXPECT_EQ(house.keys(0, 5, border).size(), 1U);
  EXPECT_EQ(house.store->health().disk_reads, before.disk_reads);
  EXPECT_GT(house.store->health().tail_hits, before.tail_hits);
}

TEST(FileStore, ReadsABacklogInSmallBatchesWithoutRepeatsAfterARestart) {
  House house;
  house.open();
  Payloads all;
  for (int i = 0; i < 1000; ++i) {
    all.push_back(std::to_string(i) + std::string(300, '.'));
    house.add(all.back());
  }
  house.turn();
  house.close();
  house.open();
  Payloads got;
  std::uint64_t after = 0;
  for (bool more = true; more;) {
    house.store->read({.priority = 5, .after = after}, 5000, [&](result<Batch> batch) {
      ASSERT_TRUE(batch);
      more = !batch->records.empty();
      for (const auto& r : batch->records) {
        got.emplace_back(r.payload);
        after = r.key.id;
      }
    });
    house.turn();
  }
  EXPECT_EQ(got, all);
  EXPECT_LT(house.store->health().disk_reads, 20U) << "a chunk is not read again for each batch";
}

TEST(FileStore, ForgetsAcknowledgedReadingsOneByOneAndWholeChunks) {
  House house;
  house.open();
  for (int i = 0; i < 2000; ++i) house.add(std::string(100, 'x'));
  house.turn();
  auto keys = house.keys();
  ASSERT_EQ(keys.size(), 2000U);
  std::vector<RecordKey> odd, even;
  for (std::size_t i = 0; i < keys.size(); ++i) (i % 2 == 1 ? odd : even).push_back(keys[i]);
  house.store->delivered(odd);
  house.settle();
  EXPECT_EQ(house.store->totals().queued, 1000U);
  house.close();
  house.open();
  EXPECT_EQ(house.keys(), (even));
  house.store->delivered(even);
  house.settle();
  EXPECT_EQ(house.store->totals().queued, 0U);
  EXPECT_EQ(house.store->totals().queued_bytes, 0U);
  EXPECT_EQ(house.store->totals().delivered, 2000U);
  house.expect_balance();
}

TEST(FileStore, DisplacesWholeChunksExactlyByDevice) {
  House house;
  house.options.max_bytes = 300'000;
  house.open();
  std::uint64_t appended = 0;
  for (int i = 0; i < 60; ++i) {
    for (int j = 0; j < 100; ++j, ++appended)
      house.add(std::string(150, 'x'), static_cast<LaneId>(j % 3), static_cast<Priority>(j % 2));
    house.turn();
    EXPECT_LE(house.store->totals().queued_bytes, 300'000U);
    house.expect_balance();
  }
  std::uint64_t seen = 0;
  for (LaneId lane = 0; lane < 3; ++lane) {
    for (Priority p = 0; p < 2; ++p) seen += house.keys(lane, p).size();
  }
  EXPECT_EQ(seen, house.store->totals().queued);
  EXPECT_EQ(house.ledger(LedgerReason::displaced), appended - seen);
  for (const auto& row : house.store->ledger()) EXPECT_GE(row.device, 1U);
  // Of the lower priority only the very last batch is there.
  for (const auto& depth : house.store->depths()) {
    if (depth.priority == 0) {
      EXPECT_LE(depth.count, 17U);
    }
  }
}

TEST(FileStore, WritesAcknowledgementsWhoseTimeCameDuringACommit) {
  House house;
  house.open();
  house.add("a");
  house.turn();
  const auto keys = house.keys();
  house.add("b");
  house.loop.restart();
  house.loop.poll_one();  // handed over
  house.store->delivered(keys);
  house.clock.advance(250ms);
  house.turn();
  house.settle();
  EXPECT_EQ(house.store->totals().delivered, 1U);
}

TEST(FileStore, IgnoresAcknowledgementsOfWhatWasDisplaced) {
  House house;
  house.options.max_bytes = 5'000;
  house.open();
  house.add(std::string(3000, 'a'));
  house.turn();
  const auto keys = house.keys();
  house.add(std::string(3000, 'b'));
  house.turn();
  EXPECT_EQ(house.ledger(LedgerReason::displaced), 1U);
  house.store->delivered(keys);
  house.settle();
  EXPECT_EQ(house.store->totals().delivered, 0U);
  house.expect_balance();
}

TEST(FileStore, KeepsABatchLargerThanItselfWithinTheBound) {
  House house;
  house.options.max_bytes = 100'000;
  house.open();
  for (int i = 0; i < 1000; ++i) house.add(std::string(500, 'x'));
  house.turn();
  EXPECT_LE(house.store->totals().queued_bytes, 100'000U);
  EXPECT_GT(house.store->totals().queued, 0U);
  EXPECT_EQ(house.keys().size(), house.store->totals().queued);
  house.expect_balance();
}

TEST(FileStore, SweepsOutWhatExpiredUnread) {
  House house;
  house.open();
  for (int i = 0; i < 1500; ++i) {
    house.add("x", 2, 5, 100);
    if (i % 2 == 0) house.turn();
  }
  house.turn();
  house.add("stays", 2, 5);
  house.turn();
  house.clock.advance(200s);
  for (int i = 0; i < 20; ++i) {
    house.clock.advance(30s);
    house.turn();
  }
  EXPECT_EQ(house.store->totals().queued, 1U);
  EXPECT_EQ(house.ledger(LedgerReason::expired), 1500U);
  EXPECT_EQ(house.payloads(2), Payloads{"stays"});
  house.expect_balance();
}

TEST(FileStore, DoesNotWriteWhileNothingHappens) {
  House house;
  house.open();
  house.add("waits", 0, 5, 1'000'000);
  house.turn();
  house.rest();
  const auto before = house.store->health();
  for (int i = 0; i < 100; ++i) {
    house.clock.advance(60s);
    house.turn();
  }
  EXPECT_EQ(house.store->health().written_bytes, before.written_bytes);
}

TEST(FileStore, GoesOnDroppingALaneAfterARestart) {
  House house;
  house.open();
  for (int i = 0; i < 200; ++i) {
    house.add("x", 9, 5);
    house.turn();
  }
  house.store->drop_lane(9, LedgerReason::refused);
  house.close();
  house.open();
  EXPECT_EQ(house.payloads(9), Payloads{});
  house.add("new", 9, 5);
  for (int i = 0; i < 20; ++i) house.rest();
  EXPECT_EQ(house.ledger(LedgerReason::refused), 200U);
  EXPECT_EQ(house.payloads(9), Payloads{"new"});
  house.expect_balance();
}

TEST(FileStore, GivesTheDiskBackAfterABacklog) {
  House house;
  house.open();
  for (int i = 0; i < 200; ++i) {
    for (int j = 0; j < 100; ++j) house.add(std::string(1000, 'x'));
    house.turn();
  }
  house.rest();
  const auto file = house.options.directory / "queue.db";
  EXPECT_GT(fs::file_size(file), 15'000'000U);
  house.store->delivered(house.keys());
  for (int i = 0; i < 30; ++i) house.rest();
  EXPECT_LT(fs::file_size(file), 3'000'000U);
  EXPECT_LT(fs::file_size(file.string() + "-wal"), 1'000'000U);
  house.expect_balance();
}

TEST(FileStore, KeepsOthersOut) {
  House house;
  house.options.directory = house.scratch.path() / "var" / "store";
  ::umask(0);
  house.open();
  house.add("x");
  house.turn();
  struct stat st{};
  ASSERT_EQ(::stat(house.options.directory.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0700U);
  for (const auto& entry : fs::directory_iterator(house.options.directory)) {
    ASSERT_EQ(::stat(entry.path().c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 0777, 0600U) << entry.path();
  }
}

TEST(FileStore, IsHeldByOneProcessAtATime) {
  House house;
  house.open();
  House other{house.options.directory};
  const auto refused = other.try_open();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text.find("in use by another"), std::string::npos) << refused.error().text;
  EXPECT_NE(refused.error().text.find(std::to_string(::getpid())), std::string::npos);
  house.close();
  EXPECT_TRUE(other.try_open());
}

TEST(FileStore, SaysWhichPathItCannotUse) {
  House house;
  const auto file = house.scratch.path() / "a-file";
  ::close(::open(file.c_str(), O_CREAT | O_WRONLY, 0600));
  house.options.directory = file;
  const auto refused = house.try_open();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::io);
  EXPECT_NE(refused.error().text.find(file.string()), std::string::npos) << refused.error().text;
  EXPECT_NE(refused.error().text.find("uid"), std::string::npos) << refused.error().text;
}

TEST(FileStore, ClosesInTheMiddleOfEverything) {
  House house;
  house.open();
  for (int i = 0; i < 100; ++i) house.add(std::string(10000, 'x'));
  house.loop.restart();
  house.loop.poll();  // handed over, not finished
  for (int i = 0; i < 3; ++i) house.store->read({.priority = 5}, 1000, [](result<Batch>) {});
  house.add("last");
  house.close();
  house.turn();
  house.open();
  EXPECT_EQ(house.payloads().size(), 101U);
  EXPECT_EQ(house.store->totals().accepted, 101U);  // no batch went twice
}

TEST(FileStore, ManyLanesAtOnce) {
  House house;
  house.open();
  for (int round = 0; round < 3; ++round) {
    for (LaneId lane = 0; lane < 2000; ++lane) house.add(std::to_string(round), lane);
    house.turn();
  }
  EXPECT_EQ(house.store->depths().size(), 2000U);
  EXPECT_EQ(house.payloads(1234), (Payloads{"0", "1", "2"}));
  house.close();
  house.open();
  EXPECT_EQ(house.payloads(1999), (Payloads{"0", "1", "2"}));
  EXPECT_EQ(house.store->totals().queued, 6000U);
}

}  // namespace
}  // namespace sluice::test
