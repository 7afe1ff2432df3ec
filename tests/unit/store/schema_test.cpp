// F8: files of older and newer programs.
#include "store/migrations.hpp"
#include "store/registry.hpp"
#include "tests/unit/store/house.hpp"

namespace sluice::test {
namespace {

using namespace store;

Database raw(const std::filesystem::path& file) {
  return {file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr};
}

TEST(F8Schema, RefusesAFileOfANewerProgramAndTouchesNothing) {
  House house;
  house.open();
  house.add("x");
  house.close();
  const auto file = house.options.directory / "queue.db";
  raw(file).exec("PRAGMA user_version=99");
  const auto refused = house.try_open();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::newer_schema);
  EXPECT_NE(refused.error().text.find("99"), std::string::npos);
  EXPECT_NE(refused.error().text.find(file.string()), std::string::npos);
  raw(file).exec("PRAGMA user_version=1");
  house.open();
  EXPECT_EQ(house.payloads().size(), 1U);
}

TEST(F8Schema, RefusesANewerRegistry) {
  House house;
  {
    ASSERT_TRUE(open_registry(house.options, house.loop, Log()));
  }
  raw(house.options.directory / "registry.db").exec("PRAGMA user_version=99");
  const auto refused = open_registry(house.options, house.loop, Log());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::newer_schema);
}

TEST(F8Schema, RunsEachMissingStepOnceInOrder) {
  const char* const steps[] = {"CREATE TABLE a(x); INSERT INTO a VALUES(1)",
                               "ALTER TABLE a ADD COLUMN y DEFAULT 2", "UPDATE a SET y = y + x"};
  for (std::size_t from = 0; from <= 3; ++from) {
    SCOPED_TRACE("from version " + std::to_string(from));
    const Scratch scratch;
    auto db = raw(scratch.path() / "f.db");
    FailPoints none;
    ASSERT_TRUE(migrate(db, std::span(steps).first(from), "f.db", none));
    EXPECT_EQ(db.number("PRAGMA user_version"), static_cast<std::int64_t>(from));
    ASSERT_TRUE(migrate(db, steps, "f.db", none));
    EXPECT_EQ(db.number("PRAGMA user_version"), 3);
    EXPECT_EQ(db.number("SELECT y FROM a"), 3);
  }
}

TEST(F8Schema, AStepThatFailsLeavesTheFileAsItWas) {
  const char* const steps[] = {"CREATE TABLE a(x)", "CREATE TABLE b(x); INSERT INTO nowhere VALUES(1)"};
  const Scratch scratch;
  auto db = raw(scratch.path() / "f.db");
  FailPoints none;
  ASSERT_TRUE(migrate(db, std::span(steps).first(1), "f.db", none));
  EXPECT_THROW(static_cast<void>(migrate(db, steps, "f.db", none)), SqlFailure);
  EXPECT_EQ(db.number("PRAGMA user_version"), 1);
  EXPECT_EQ(db.number("SELECT count(*) FROM sqlite_schema"), 1);
}

TEST(F8Schema, TheShippedStepsLeadFromEachVersionToTheNewest) {
  for (const auto scripts : {queue_migrations(), registry_migrations()}) {
    for (std::size_t from = 0; from <= scripts.size(); ++from) {
      const Scratch scratch;
      auto db = raw(scratch.path() / "f.db");
      FailPoints none;
      ASSERT_TRUE(migrate(db, scripts.first(from), "f.db", none));
      ASSERT_TRUE(migrate(db, scripts, "f.db", none));
      EXPECT_EQ(db.text("PRAGMA integrity_check"), "ok");
    }
  }
}

TEST(Registry, ReportsOnTheLoopWhenItIsSafe) {
  House house;
  auto opened = open_registry(house.options, house.loop, Log());
  ASSERT_TRUE(opened) << opened.error().text;
  EXPECT_EQ(opened->trouble, "");
  int answers = 0;
  opened->registry->put(20, "a", "1", [&](result<void> r) { answers += r ? 1 : 0; });
  opened->registry->put(20, "b", "2", [&](result<void> r) { answers += r ? 1 : 0; });
  opened->registry->put(21, "a", "3", [&](result<void> r) { answers += r ? 1 : 0; });
  opened->registry->erase(20, "b", [&](result<void> r) { answers += r ? 1 : 0; });
  EXPECT_EQ(answers, 0);
  house.turn();
  EXPECT_EQ(answers, 4);
  opened->registry->put(20, "a", "1 again", {});
  opened->registry->close();
  opened->registry->put(20, "late", "x",
                        [&](result<void> r) { answers += !r && r.error().code == errc::closed ? 1 : 0; });
  house.turn();
  EXPECT_EQ(answers, 5);
  opened->registry.reset();

  opened = open_registry(house.options, house.loop, Log());
  ASSERT_TRUE(opened);
  std::map<std::string, std::string> seen;
  EXPECT_TRUE(
      opened->registry->scan(20, [&](std::string_view k, std::string_view v) { seen.emplace(k, v); }));
  EXPECT_EQ(seen, (std::map<std::string, std::string>{{"a", "1 again"}}));
}

TEST(Registry, LivesBesideTheQueueInOneDirectory) {
  House house;
  house.open();
  auto opened = open_registry(house.options, house.loop, Log());
  ASSERT_TRUE(opened) << opened.error().text;
  EXPECT_FALSE(open_registry(house.options, house.loop, Log())) << "held already";
}

}  // namespace
}  // namespace sluice::test
