// What every table of devices promises.
#include "cloud/lambda/device_table.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "aws/dynamodb.hpp"
#include "cloud/lambda/device_table_dynamodb.hpp"
#include "cloud/local/devices.hpp"
#include "tests/support/memory_device_table.hpp"
#include "tests/support/scratch.hpp"

namespace sluice::lambda {
namespace {

// A kind of table: fresh for each test, and opened again as after a restart.
class Kind {
 public:
  virtual ~Kind() = default;
  virtual std::unique_ptr<DeviceTable> open() = 0;
};

class Memory final : public Kind {
 public:
  std::unique_ptr<DeviceTable> open() override { return std::make_unique<test::MemoryDeviceTable>(); }
};

// The local cloud's: a file for each device.
class Folder final : public Kind {
 public:
  std::unique_ptr<DeviceTable> open() override {
    return cloud::open_devices(scratch_.path() / "devices", {});
  }

 private:
  sluice::test::Scratch scratch_;
};

// The table SLUICE_TEST_TABLE exists there already.
class Dynamo final : public Kind {
 public:
  std::unique_ptr<DeviceTable> open() override {
    return make_dynamodb_device_table(*dynamodb_, std::getenv("SLUICE_TEST_TABLE"));
  }

 private:
  static aws::ServiceOptions options() {
    aws::ServiceOptions options;
    options.region = "eu-central-1";
    options.endpoint = std::getenv("SLUICE_TEST_DYNAMODB");
    return options;
  }
  std::unique_ptr<aws::Http> http_ = aws::make_http({});
  aws::GivenCredentials credentials_{
      {.access_key_id = "key", .secret_access_key = "secret", .session_token = {}}};
  aws::Pause pause_;
  std::unique_ptr<aws::Dynamodb> dynamodb_ = aws::make_dynamodb(
      options(),
      {*http_, credentials_, [] { return std::chrono::sys_seconds(std::chrono::seconds(1'800'000'000)); },
       aws::waiting_on(pause_)});
};

class DeviceTableContract : public ::testing::TestWithParam<const char*> {
 protected:
  static std::unique_ptr<Kind> make() {
    const std::string_view name = GetParam();
    if (name == "Memory") return std::make_unique<Memory>();
    if (name == "Folder") return std::make_unique<Folder>();
    return std::make_unique<Dynamo>();
  }
  // Tables that outlive a test get a device for each.
  static DeviceRecord device() {
    DeviceRecord record;
    record.productid = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::erase(record.productid, '/');
    record.token_hash = "a hash";
    record.product = "thermo";
    return record;
  }
  static DeviceRecord claimed(DeviceRecord seen, const std::string& attempt) {
    seen.apply_state = kInProgress;
    seen.attempt = attempt;
    seen.claim_until = 1'800'000'030;
    seen.timestamp = 1'800'000'000;
    seen.key_hash = "key";
    return seen;
  }
  DeviceRecord now(const DeviceRecord& record) {
    auto found = table->find(record.productid);
    EXPECT_TRUE(found && *found);
    return found && *found ? **found : DeviceRecord();
  }
  std::unique_ptr<Kind> kind = make();
  std::unique_ptr<DeviceTable> table = kind->open();
};

TEST_P(DeviceTableContract, AnUnknownDeviceIsNoError) {
  const auto found = table->find("nobody");
  ASSERT_TRUE(found) << found.error().text;
  EXPECT_FALSE(*found);
}

TEST_P(DeviceTableContract, WhatIsPutIsFoundWhole) {
  auto record = device();
  record.timestamp = 1;
  record.apply_state = kRegistered;
  record.cert_id = "c", record.region = "r", record.attempt = "a", record.claim_until = 2;
  record.key_hash = "k", record.pending_cert = "p", record.retiring = {"x", "y"};
  ASSERT_TRUE(table->put(record));
  EXPECT_EQ(now(record), record);
}

TEST_P(DeviceTableContract, ReplacesWhatIsStillAsItWasSeen) {
  const auto seen = device();
  ASSERT_TRUE(table->put(seen));
  const auto next = claimed(seen, "one");
  const auto done = table->replace(seen, next);
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_TRUE(*done);
  EXPECT_EQ(now(seen), next);
  auto finished = next;
  finished.apply_state = kRegistered;
  finished.cert_id = "c";
  finished.claim_until = 0;
  finished.retiring = {"old"};
  EXPECT_TRUE(*table->replace(next, finished));
  EXPECT_EQ(now(seen), finished);
  auto clean = finished;
  clean.retiring.clear();
  EXPECT_TRUE(*table->replace(finished, clean));
  EXPECT_EQ(now(seen), clean) << "what is emptied is empty";
}

TEST_P(DeviceTableContract, LeavesAloneWhatChangedInTheMeantime) {
  const auto seen = device();
  ASSERT_TRUE(table->put(seen));
  const auto first = claimed(seen, "one");
  ASSERT_TRUE(*table->replace(seen, first));
  const auto late = table->replace(seen, claimed(seen, "two"));
  ASSERT_TRUE(late) << late.error().text;
  EXPECT_FALSE(*late);
  EXPECT_EQ(now(seen), first);

  const std::vector<std::function<void(DeviceRecord&)>> changes{
      [](auto& r) { r.token_hash = "another"; }, [](auto& r) { r.apply_state = kNew; },
      [](auto& r) { r.attempt = "three"; }, [](auto& r) { r.cert_id = "c"; },
      [](auto& r) { r.pending_cert = "p"; }};
  for (const auto& change : changes) {
    auto changed = first;
    change(changed);
    ASSERT_TRUE(table->put(changed));
    EXPECT_FALSE(*table->replace(first, claimed(first, "four")));
    EXPECT_EQ(now(seen), changed);
  }
}

TEST_P(DeviceTableContract, DoesNotBringBackADeviceThatWasRemoved) {
  auto nobody = device();
  nobody.productid = "removed";
  const auto done = table->replace(nobody, claimed(nobody, "one"));
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_FALSE(*done);
  EXPECT_FALSE(*table->find("removed"));
}

TEST_P(DeviceTableContract, TheSameWriteAgainHasNotFailed) {
  const auto seen = device();
  ASSERT_TRUE(table->put(seen));
  const auto next = claimed(seen, "one");
  ASSERT_TRUE(*table->replace(seen, next));
  EXPECT_TRUE(*table->replace(seen, next));
}

TEST_P(DeviceTableContract, WritesNeitherTokenNorProduct) {
  const auto seen = device();
  ASSERT_TRUE(table->put(seen));
  auto next = claimed(seen, "one");
  next.product = "forged";
  next.token_hash = "forged";
  ASSERT_TRUE(*table->replace(seen, next));
  EXPECT_EQ(now(seen), claimed(seen, "one"));
}

TEST_P(DeviceTableContract, OneOfManyWritersWins) {
  const auto seen = device();
  ASSERT_TRUE(table->put(seen));
  constexpr int kWriters = 16;
  std::barrier together(kWriters);
  std::atomic<int> won = 0, lost = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kWriters; ++i) {
    threads.emplace_back([&, i] {
      together.arrive_and_wait();
      const auto done = table->replace(seen, claimed(seen, std::to_string(i)));
      if (done) ++(*done ? won : lost);
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(won, 1);
  EXPECT_EQ(lost, kWriters - 1);
}

std::vector<const char*> kinds() {
  std::vector<const char*> names{"Memory", "Folder"};
  if (std::getenv("SLUICE_TEST_DYNAMODB") != nullptr) names.push_back("Dynamodb");
  return names;
}
INSTANTIATE_TEST_SUITE_P(Kinds, DeviceTableContract, ::testing::ValuesIn(kinds()),
                         [](const auto& param) { return std::string(param.param); });

// Of the folder alone: what survives, and what is never overwritten.
TEST(DeviceFolder, SurvivesARestart) {
  const sluice::test::Scratch scratch;
  const auto folder = scratch.path() / "devices";
  DeviceRecord record;
  record.productid = "d";
  record.token_hash = "h";
  record.retiring = {"a"};
  ASSERT_TRUE(cloud::open_devices(folder, {})->put(record));
  EXPECT_EQ(**cloud::open_devices(folder, {})->find("d"), record);
  EXPECT_EQ(std::filesystem::status(folder / "d.json").permissions() & std::filesystem::perms::others_read,
            std::filesystem::perms::none);
}

TEST(DeviceFolder, ARecordThatCannotBeReadIsNoUnknownDeviceAndIsNotReplaced) {
  const sluice::test::Scratch scratch;
  const auto folder = scratch.path() / "devices";
  std::filesystem::create_directory(folder);
  DeviceRecord record;
  record.productid = "d";
  for (const char* text :
       {"", "{", "[]", R"({"product":"p"})", R"({"accessToken":"h","applyState":"new"})"}) {
    std::ofstream(folder / "d.json") << text;
    const auto table = cloud::open_devices(folder, {});
    const auto found = table->find("d");
    ASSERT_FALSE(found) << text;
    EXPECT_NE(found.error().text.find("d.json"), std::string::npos) << found.error().text;
    const auto replaced = table->replace(record, record);
    EXPECT_TRUE(!replaced || !*replaced) << text;
  }
}

TEST(DeviceFolder, WhatCannotBeWrittenIsNotThereEither) {
  const sluice::test::Scratch scratch;
  std::ofstream(scratch.path() / "devices") << "no folder";
  const auto table = cloud::open_devices(scratch.path() / "devices", {});
  DeviceRecord record;
  record.productid = "d";
  record.token_hash = "h";
  EXPECT_FALSE(table->put(record));
  const auto found = table->find("d");
  EXPECT_TRUE(!found || !*found);
}

}  // namespace
}  // namespace sluice::lambda
