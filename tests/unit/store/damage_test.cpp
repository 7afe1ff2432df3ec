// F7: queue.db is damaged. Each page in turn is flipped, zeroed or cut off; every start must work and keep
// what can be read. And the registry, which is damaged on its own.
#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "store/registry.hpp"
#include "tests/unit/store/house.hpp"

namespace sluice::test {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kPage = 4096;

std::string slurp(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void spill(const fs::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
}

// A file with some of everything, cleanly closed.
struct Specimen {
  Specimen() {
    house.options.reserve_bytes = 0;
    house.open();
    for (int i = 0; i < 60; ++i) {
      house.add(std::to_string(i) + std::string(static_cast<std::size_t>(i % 7 == 0 ? 20000 : 200), '.'),
                static_cast<LaneId>(i % 3));
      if (i % 4 == 3) house.turn();
    }
    house.turn();
    auto keys = house.keys(0);
    keys.resize(5);
    house.store->delivered(keys);
    house.store->drop(std::vector{house.keys(1)[0]}, LedgerReason::refused);
    house.store->put(17, "key", "value");
    house.settle();
    queued = house.store->totals().queued;
    accepted = house.store->totals().accepted;
    house.close();
    bytes = slurp(house.options.directory / "queue.db");
  }
  House house;
  std::string bytes;
  std::uint64_t queued = 0, accepted = 0;
};

// Opens a store whose file has these bytes; how many readings can still be read.
std::uint64_t survivors(const Specimen& specimen, const std::string& bytes, bool* told = nullptr) {
  const Scratch scratch;
  const auto directory = scratch.path() / "store";
  fs::create_directory(directory);
  spill(directory / "queue.db", bytes);
  std::uint64_t found = 0;
  // The process may have to start anew when the damage shows only at run time: that is what systemd does.
  for (int start = 0; start < 3; ++start) {
    House house{directory};
    house.options.reserve_bytes = 0;
    const auto opened = house.try_open();
    EXPECT_TRUE(opened) << opened.error().text;
    if (!opened) return 0;
    if (told) *told = *told || !house.trouble.empty();
    found = 0;
    for (LaneId lane = 0; lane < 3 && house.failures.empty(); ++lane) found += house.keys(lane).size();
    if (house.failures.empty()) {
      house.settle();
      house.add("works");
      house.rest();
    }
    if (!house.failures.empty()) continue;
    house.expect_balance();
    EXPECT_LE(found, specimen.queued + 8) << "more than there was";
    if (told) *told = *told || house.ledger(LedgerReason::damaged) > 0;
    return found;
  }
  ADD_FAILURE() << "did not come to rest in three starts";
  return found;
}

// One bad page costs at most the chunks on it: a leaf full of single-record chunks or one large chunk.
constexpr std::uint64_t kMostLostByOnePage = 24;

TEST(F7Damage, ALostPageCostsNoMoreThanWhatWasOnIt) {
  const Specimen specimen;
  const auto pages = specimen.bytes.size() / kPage;
  ASSERT_GT(pages, 40U);
  for (std::size_t page = 0; page < pages; ++page) {
    SCOPED_TRACE("page " + std::to_string(page + 1) + " zeroed");
    auto bytes = specimen.bytes;
    bytes.replace(page * kPage, kPage, kPage, '\0');
    EXPECT_GE(survivors(specimen, bytes) + kMostLostByOnePage, specimen.queued);
    if (HasFailure()) break;
  }
}

TEST(F7Damage, AFlippedBitAnywhereIsSurvived) {
  const Specimen specimen;
  const auto pages = specimen.bytes.size() / kPage;
  for (std::size_t page = 0; page < pages; ++page) {
    for (const std::size_t offset :
         {page % 3 == 0 ? std::size_t{3} : std::size_t{8} + page * 37 % 64, page * 1031 % kPage}) {
      SCOPED_TRACE("page " + std::to_string(page + 1) + " offset " + std::to_string(offset));
      auto bytes = specimen.bytes;
      bytes[page * kPage + offset] = static_cast<char>(bytes[page * kPage + offset] ^ (1 << (page % 8)));
      EXPECT_GE(survivors(specimen, bytes) + kMostLostByOnePage, specimen.queued);
    }
    if (HasFailure()) break;
  }
}

TEST(F7Damage, ATruncatedFileGivesBackWhatIsLeft) {
  const Specimen specimen;
  const auto pages = specimen.bytes.size() / kPage;
  std::uint64_t last = 0;
  for (std::size_t keep = 0; keep < pages; keep += 9) {
    SCOPED_TRACE("cut to " + std::to_string(keep) + " pages");
    const auto found = survivors(specimen, specimen.bytes.substr(0, keep * kPage + (keep % 2) * 100));
    EXPECT_GE(found + kMostLostByOnePage, last) << "more of the file, fewer readings";
    last = found;
    if (HasFailure()) break;
  }
  EXPECT_GT(last, specimen.queued / 2);
}

TEST(F7Damage, GarbageIsSetAsideAndTheGatewayStarts) {
  const Specimen specimen;
  std::string garbage(200000, '\0');
  for (std::size_t i = 0; i < garbage.size(); ++i) garbage[i] = static_cast<char>(i * 2654435761U >> 11);
  bool told = false;
  EXPECT_EQ(survivors(specimen, garbage, &told), 0U);
  EXPECT_TRUE(told);
}

TEST(F7Damage, TellsWhatWasSavedAndLostAndKeepsTheOldFile) {
  const Specimen specimen;
  const auto file = specimen.house.options.directory / "queue.db";
  auto bytes = specimen.bytes;
  bytes.replace(0, 100, 100, '\xff');
  spill(file, bytes);
  House house{specimen.house.options.directory};
  house.open();
  EXPECT_NE(house.trouble.find("set aside as"), std::string::npos) << house.trouble;
  EXPECT_NE(house.trouble.find(std::to_string(specimen.queued) + " readings salvaged, 0 lost"),
            std::string::npos)
      << house.trouble;
  bool kept = false;
  for (const auto& entry : fs::directory_iterator(house.options.directory)) {
    kept = kept || (entry.path().filename().string().starts_with("queue.db.corrupt-20") &&
                    slurp(entry.path()) == bytes);
  }
  EXPECT_TRUE(kept);
  EXPECT_EQ(house.store->totals().accepted, specimen.accepted);
  EXPECT_EQ(house.store->totals().delivered, 5U);
  EXPECT_EQ(house.state(17)["key"], "value");
  house.expect_balance();
  house.close();
  EXPECT_EQ(house.integrity(), "ok");
}

TEST(F7Damage, SavesWhatIsOnlyInTheWal) {
  House house;
  house.options.reserve_bytes = 0;
  house.open();
  house.add("in the file");
  house.rest();
  for (int i = 0; i < 10; ++i) {
    house.add("in the WAL " + std::to_string(i));
    house.turn();
  }
  const Scratch scratch;  // as a kill leaves it
  for (const auto* name : {"queue.db", "queue.db-wal"})
    fs::copy_file(house.options.directory / name, scratch.path() / name);
  auto bytes = slurp(scratch.path() / "queue.db");
  bytes.replace(0, 100, 100, '\0');
  spill(scratch.path() / "queue.db", bytes);
  // The WAL holds a newer page 1, so SQLite may get through; either way nothing may be missing.
  House after{scratch.path()};
  after.options.reserve_bytes = 0;
  after.open();
  EXPECT_EQ(after.payloads().size(), 11U);
  after.expect_balance();
}

TEST(F7Damage, CountsAChunkWhoseBytesDoNotMatchAndReadsOn) {
  const Specimen specimen;
  // In the middle of a payload SQLite notices nothing: only the checksum does.
  auto bytes = specimen.bytes;
  const auto at = bytes.find("56" + std::string(200, '.'));
  ASSERT_NE(at, std::string::npos);
  bytes[at + 150] = '!';
  bool told = false;
  EXPECT_GE(survivors(specimen, bytes, &told) + kMostLostByOnePage, specimen.queued);
  EXPECT_TRUE(told);
}

TEST(F7Damage, TheRegistryIsSalvagedEntryByEntry) {
  House house;
  const auto file = house.options.directory / "registry.db";
  const auto open = [&] { return store::open_registry(house.options, house.loop, Log()); };
  {
    auto opened = open();
    ASSERT_TRUE(opened) << opened.error().text;
    for (int i = 0; i < 400; ++i) {
      opened->registry->put(20, "device-" + std::to_string(i), std::string(100, 'x'),
                            [](result<void> r) { EXPECT_TRUE(r); });
    }
    house.turn();
  }
  const auto bytes = slurp(file);
  for (std::size_t page = 0; page < bytes.size() / kPage; ++page) {
    SCOPED_TRACE(page);
    auto bad = bytes;
    bad.replace(page * kPage, kPage, kPage, '\0');
    spill(file, bad);
    auto opened = open();
    ASSERT_TRUE(opened) << opened.error().text;
    int found = 0;
    EXPECT_TRUE(opened->registry->scan(20, [&](std::string_view, std::string_view) { ++found; }));
    EXPECT_GE(found, 400 - 40);
    if (found < 400) {
      EXPECT_NE(opened->trouble, "");
    }
    opened->registry->put(20, "new", "works", [](result<void> r) { EXPECT_TRUE(r); });
    house.turn();
  }
}

}  // namespace
}  // namespace sluice::test
