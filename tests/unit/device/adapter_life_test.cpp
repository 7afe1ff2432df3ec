// The life of adapters' processes: F22, an adapter that crashes, hangs, leaks, floods or will not stop, is
// contained.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "device/adapter_describe.hpp"
#include "device/adapter_executable.hpp"
#include "device/adapter_usage.hpp"
#include "tests/unit/device/adapter_world.hpp"

namespace sluice::device::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

class AdapterLife : public testing::Test {
 protected:
  void run(const Json& section, const std::function<void(AdapterPlan&)>& change = {}) {
    world.start();
    auto plan = world.plan("a", section);
    if (change) change(plan);
    world.run({plan});
  }
  bool is_gone(pid_t pid) { return ::kill(pid, 0) != 0; }
  AdapterWorld world;
};

TEST_F(AdapterLife, IsReadyWhenItHasSubscribedAndReported) {
  run({{"mode", "sensor"}});
  EXPECT_EQ(world.state("a"), "starting");
  ASSERT_TRUE(world.wait_state("a", "ready"));
  EXPECT_TRUE(world.logged("adapter a: ready"));
  EXPECT_EQ(world.adapter("a").at("health").at("state"), "ok");
}

TEST_F(AdapterLife, StopsWithTheRoom) {
  run({{"mode", "sensor"}});
  ASSERT_TRUE(world.wait_state("a", "ready"));
  const auto pid = world.adapter("a").at("pid").get<pid_t>();
  bool gone = false;
  world.devices->shut_down([&] { gone = true; });
  EXPECT_TRUE(world.wait_until([&] { return gone; }));
  EXPECT_TRUE(is_gone(pid));
  EXPECT_TRUE(world.logged("adapter a: stopped (exit code 0)"));
}

TEST_F(AdapterLife, IsKilledWhenItWillNotStop) {
  run({{"mode", "stubborn"}});
  ASSERT_TRUE(world.wait_state("a", "ready"));
  const auto pid = world.adapter("a").at("pid").get<pid_t>();
  bool gone = false;
  world.devices->shut_down([&] { gone = true; });
  EXPECT_TRUE(world.wait_until([&] { return gone; }, 50ms));
  EXPECT_TRUE(is_gone(pid));
  EXPECT_TRUE(world.logged("does not stop: killed"));
}

TEST_F(AdapterLife, IsKilledWithTheRoomThatIsDestroyed) {
  run({{"mode", "stubborn"}});
  ASSERT_TRUE(world.wait_state("a", "ready"));
  const auto pid = world.adapter("a").at("pid").get<pid_t>();
  world.devices.reset();
  EXPECT_TRUE(is_gone(pid));
}

TEST_F(AdapterLife, F22CrashIsStartedAgainWithBackOffAndShownAsALoop) {
  run({{"mode", "crash"}});
  ASSERT_TRUE(world.wait_until([&] { return world.state("a") == "waiting"; }));
  EXPECT_NE(world.adapter("a").at("last_end").get<std::string>().find("SIGABRT"), std::string::npos);
  ASSERT_TRUE(world.wait_until(
      [&] { return world.adapter("a").at("starts") >= 5 && world.state("a") == "crash loop"; }, 100ms));
  const auto starts = world.adapter("a").at("starts").get<int>();
  EXPECT_NE(world.adapter("a").at("trouble").get<std::string>().find("crash loop, " + std::to_string(starts) +
                                                                     " failures"),
            std::string::npos)
      << world.adapter("a").dump(1);
}

TEST_F(AdapterLife, F22KilledIsStartedAgainWhileOthersAreNotTouched) {
  world.start();
  world.run({world.plan("a", {{"mode", "sensor"}}), world.plan("b", {{"mode", "sensor"}})});
  ASSERT_TRUE(world.wait_state("a", "ready") && world.wait_state("b", "ready"));
  const auto other = world.adapter("b").at("pid");
  ::kill(world.adapter("a").at("pid").get<pid_t>(), SIGKILL);
  ASSERT_TRUE(
      world.wait_until([&] { return world.adapter("a").at("starts") == 2 && world.state("a") == "ready"; }));
  EXPECT_EQ(world.adapter("b").at("pid"), other);
  EXPECT_EQ(world.adapter("b").at("starts"), 1);
}

TEST_F(AdapterLife, SaysWhatItsLastWordsWere) {
  run({{"mode", "exit"}, {"code", 70}});
  ASSERT_TRUE(world.wait_until([&] { return world.state("a") == "waiting"; }));
  EXPECT_EQ(world.adapter("a").at("last_end"), "exit code 70");
}

TEST_F(AdapterLife, F22MisconfiguredStandsStillUntilItsConfigurationChanges) {
  run({{"mode", "misled"}});
  ASSERT_TRUE(world.wait_state("a", "misconfigured"));
  EXPECT_NE(world.adapter("a").at("trouble").get<std::string>().find("the section is wrong"),
            std::string::npos);
  world.pass(10min);
  EXPECT_EQ(world.adapter("a").at("starts"), 1);
  world.run({world.plan("a", {{"mode", "sensor"}})});
  EXPECT_TRUE(world.wait_state("a", "ready"));
}

TEST_F(AdapterLife, NotNowIsNoTroubleBeforeTheThirdTime) {
  run({{"mode", "exit"}, {"code", 75}});
  for (int time = 1; time <= 3; ++time) {
    // A back-off is 10 ms at least: with steps of 8 none is missed.
    ASSERT_TRUE(world.wait_until(
        [&] { return world.adapter("a").at("starts") == time && world.state("a") == "waiting"; }, 8ms));
    EXPECT_EQ(world.adapter("a").at("trouble").get<std::string>().empty(), time < 3) << time;
  }
}

TEST_F(AdapterLife, F22HangIsNoticedByItsKeepAlive) {
  run({{"mode", "hang"}});
  ASSERT_TRUE(
      world.wait_until([&] { return world.logged("ended: its connection has ended: nothing came"); }, 50ms));
  EXPECT_TRUE(world.wait_until([&] { return world.adapter("a").at("starts") == 2; }, 50ms));
}

TEST_F(AdapterLife, F22HangBehindALivingMqttThreadIsNoticedByItsPing) {
  run(Json::object(), [](AdapterPlan& plan) { plan.options.kind = "zombie"; });
  ASSERT_TRUE(world.wait_state("a", "ready"));
  ASSERT_TRUE(world.wait_until([&] { return world.logged("it hangs: no answer to a ping for 30 s"); }, 50ms));
  EXPECT_TRUE(world.wait_until([&] { return world.adapter("a").at("starts") == 2; }, 50ms));
}

TEST_F(AdapterLife, F22WhoIsNotReadyInTimeIsEnded) {
  run({{"mode", "deaf"}});
  ASSERT_TRUE(world.wait_until([&] { return world.logged("not ready within 15 s"); }, 100ms));
  EXPECT_TRUE(world.wait_until([&] { return world.adapter("a").at("starts") == 2; }, 100ms));
}

TEST_F(AdapterLife, F22LeakMeetsItsLimit) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer's shadow is larger than any limit";
  run({{"mode", "leak"}}, [](AdapterPlan& plan) { plan.options.limits.memory = 64 << 20; });
  ASSERT_TRUE(world.wait_until([&] { return world.state("a") == "waiting"; }));
  EXPECT_NE(world.adapter("a").at("last_end").get<std::string>().find("no more memory"), std::string::npos);
}

TEST_F(AdapterLife, F22ResidentMemoryBeyondTheLimitIsSeenAndEnded) {
  run({{"mode", "sensor"}}, [](AdapterPlan& plan) { plan.options.limits.memory = kSanitized ? 1 : 0; });
  if (kSanitized) {  // too little to start at all is a failure like any other
    EXPECT_TRUE(world.wait_until([&] { return world.state("a") == "waiting"; }));
    return;
  }
  ASSERT_TRUE(world.wait_state("a", "ready"));
  world.pass(10s);
  EXPECT_GT(world.adapter("a").at("memory").get<std::uint64_t>(), 0U);
}

TEST_F(AdapterLife, F22WordsAreBoundedInLengthAndRate) {
  run({{"mode", "chat"}});
  ASSERT_TRUE(world.wait_until([&] { return world.adapter("a").at("log_lines") >= 5000; }));
  EXPECT_LT(world.log_count("adapter a: line"), 1000U);
  EXPECT_GT(world.log_count("adapter a: line"), 100U);
  EXPECT_GT(world.adapter("a").at("log_left_out").get<int>(), 3000);
  for (const auto& line : world.log) EXPECT_LT(line.size(), 1200U);
  world.pass(61s);
  EXPECT_TRUE(world.logged("lines were left out"));
}

TEST_F(AdapterLife, IsInASandbox) {
  const auto secret = world.write("secret", "token");
  run({{"mode", "peek"}, {"path", secret.string()}});
  ASSERT_TRUE(world.wait_state("a", "ready"));
  ASSERT_TRUE(world.wait_until([&] { return world.adapter("a").at("health").at("state") == "degraded"; }));
  if (world.adapter("a").at("sandbox").get<std::string>().find("landlock") == std::string::npos)
    GTEST_SKIP() << "no Landlock here";
  EXPECT_EQ(
      world.adapter("a").at("health").at("text"),
      "read=no truncate=no empty=no chmod=no chown=no touch=no mark=no limit=no nice=no write=no fork=no "
      "signal=no inet=no escape=no leaked=no");
}

// Landlock hides a file and lets its owner change its mode, its times and, before Linux 6.2, its length.
TEST_F(AdapterLife, CannotSpoilTheFilesOfTheDaemon) {
  const auto store = world.write("queue.db", "readings");
  for (const bool granted : {false, true}) {
    AdapterWorld other;
    other.start();
    auto plan = other.plan("a", {{"mode", "peek"}, {"path", store.string()}});
    if (granted) plan.grants.push_back({AdapterGrant::Kind::file, store.string()});
    struct stat before{}, after{};
    ASSERT_EQ(::stat(store.c_str(), &before), 0);
    other.run({plan});
    ASSERT_TRUE(other.wait_until(
        [&] { return other.adapter("a").value(Json::json_pointer("/health/state"), "") == "degraded"; }));
    if (other.adapter("a").at("sandbox").get<std::string>().find("seccomp") == std::string::npos)
      GTEST_SKIP() << "no seccomp here";
    const auto text = other.adapter("a").at("health").at("text").get<std::string>();
    for (const auto* what : {"truncate=no", "empty=no", "chmod=no", "chown=no", "touch=no", "mark=no"})
      EXPECT_NE(text.find(what), std::string::npos) << text;
    ASSERT_EQ(::stat(store.c_str(), &after), 0);
    EXPECT_EQ(after.st_size, before.st_size);
    EXPECT_EQ(after.st_mode, before.st_mode);
    EXPECT_EQ(after.st_ctim.tv_sec, before.st_ctim.tv_sec);
    EXPECT_EQ(after.st_ctim.tv_nsec, before.st_ctim.tv_nsec);
  }
}

TEST_F(AdapterLife, GetsWhatItsSchemaNames) {
  const auto file = world.write("file", "x");
  run({{"mode", "peek"}, {"path", file.string()}}, [&](AdapterPlan& plan) {
    plan.network = true;
    plan.grants.push_back({AdapterGrant::Kind::file, file.string()});
    plan.options.limits.processes = 2;
  });
  ASSERT_TRUE(world.wait_state("a", "ready"));
  ASSERT_TRUE(world.wait_until([&] { return world.adapter("a").at("health").at("state") == "degraded"; }));
  const auto text = world.adapter("a").at("health").at("text").get<std::string>();
  EXPECT_NE(text.find("read=yes"), std::string::npos) << text;
  EXPECT_NE(text.find("fork=yes"), std::string::npos) << text;
  EXPECT_NE(text.find("inet=yes"), std::string::npos) << text;
  EXPECT_NE(text.find("escape=no"), std::string::npos) << text;
}

TEST_F(AdapterLife, WithoutItsSandboxSaysSo) {
  run({{"mode", "sensor"}}, [](AdapterPlan& plan) { plan.options.sandbox = false; });
  ASSERT_TRUE(world.wait_state("a", "ready"));
  EXPECT_EQ(world.adapter("a").at("sandbox"), "none");
  EXPECT_TRUE(world.logged("switched off in the configuration"));
}

TEST_F(AdapterLife, IsAddedChangedAndRemovedWithoutTouchingOthers) {
  world.start();
  const auto a = world.plan("a", {{"mode", "sensor"}}), b = world.plan("b", {{"mode", "sensor"}});
  world.run({a});
  ASSERT_TRUE(world.wait_state("a", "ready"));
  const auto pid = world.adapter("a").at("pid");
  world.run({a, b});
  ASSERT_TRUE(world.wait_state("b", "ready"));
  const auto other = world.adapter("b").at("pid");
  auto changed = world.plan("b", {{"mode", "sensor"}, {"devices", {"x"}}});
  world.run({a, changed});
  ASSERT_TRUE(
      world.wait_until([&] { return world.state("b") == "ready" && world.adapter("b").at("pid") != other; }));
  world.run({a});
  EXPECT_EQ(world.state("b"), "gone");
  EXPECT_TRUE(world.wait_logged("adapter b: stopped"));
  EXPECT_EQ(world.adapter("a").at("pid"), pid);
  EXPECT_EQ(world.adapter("a").at("starts"), 1);
}

TEST_F(AdapterLife, WaitsForAPlanThatTakesItsPlaceWithoutTouchingOthers) {
  world.start();
  auto unheard = world.plan("a", {{"mode", "sensor"}});
  unheard.trouble = "it did not say in time what it is";
  unheard.again = true;
  auto wrong = world.plan("c", {{"mode", "sensor"}});
  wrong.trouble = "its section is wrong";
  world.run({unheard, world.plan("b", {{"mode", "sensor"}}), wrong});
  ASSERT_TRUE(world.wait_state("b", "ready"));
  EXPECT_EQ(world.state("a"), "waiting");
  EXPECT_EQ(world.adapter("a").at("trouble"), unheard.trouble);
  EXPECT_EQ(world.state("c"), "misconfigured");
  const auto pid = world.adapter("b").at("pid");
  world.devices->run_adapter(world.plan("a", {{"mode", "sensor"}}));
  ASSERT_TRUE(world.wait_state("a", "ready"));
  EXPECT_EQ(world.adapter("b").at("pid"), pid);
  EXPECT_EQ(world.log_count("adapter c: not started"), 1U);
}

class AdapterFile : public testing::Test {
 protected:
  AdapterFile() { fs::create_directory(folder); }
  void put(const std::string& text, mode_t mode = 0755) {
    std::ofstream(folder / "kind") << text;
    ::chmod((folder / "kind").c_str(), mode);
  }
  std::string trouble() {
    const auto found = adapter_executable(folder, "kind");
    return found ? "" : found.error().text;
  }
  Scratch scratch;
  fs::path folder = scratch.path() / "adapters";
};

TEST_F(AdapterFile, IsRunWhenOnlyRootOrWeCanChangeIt) {
  put("#!/bin/sh\n");
  EXPECT_EQ(trouble(), "");
}

TEST_F(AdapterFile, IsRefusedWhenOthersMayWriteIt) {
  put("#!/bin/sh\n", 0757);
  EXPECT_NE(trouble().find("chmod go-w"), std::string::npos) << trouble();
  put("#!/bin/sh\n", 0775);
  EXPECT_NE(trouble().find("chmod go-w"), std::string::npos) << trouble();
}

TEST_F(AdapterFile, IsRefusedInAFolderThatOthersMayWrite) {
  put("#!/bin/sh\n");
  ::chmod(folder.c_str(), 0777);
  EXPECT_NE(trouble().find("others may write into the folder"), std::string::npos) << trouble();
}

TEST_F(AdapterFile, IsRefusedWhenItIsSomebodyElses) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  put("#!/bin/sh\n");
  ASSERT_EQ(::chown((folder / "kind").c_str(), 12345, 12345), 0);
  EXPECT_NE(trouble().find("belongs to somebody else"), std::string::npos) << trouble();
}

TEST_F(AdapterFile, IsRefusedWhenItIsALinkOutOfItsFolder) {
  fs::create_symlink("/bin/sh", folder / "kind");
  EXPECT_NE(trouble().find("leads out of its folder"), std::string::npos) << trouble();
}

TEST_F(AdapterFile, IsRefusedWhenItIsNotThereOrNoProgram) {
  EXPECT_NE(trouble().find("there is no adapter kind"), std::string::npos) << trouble();
  put("x", 0644);
  EXPECT_NE(trouble().find("not executable"), std::string::npos) << trouble();
  EXPECT_FALSE(adapter_executable(folder, "../kind"));
  EXPECT_FALSE(adapter_executable(folder / "none", "kind"));
}

TEST_F(AdapterFile, StandsStillInTheSupervisionWhenItIsRefused) {
  put("#!/bin/sh\nexit 0\n", 0777);
  AdapterWorld world;
  world.options.adapters_directory = folder;
  world.start();
  auto plan = world.plan("a", Json::object());
  plan.options.kind = "kind";
  world.run({plan});
  EXPECT_EQ(world.state("a"), "refused");
  EXPECT_NE(world.adapter("a").at("trouble").get<std::string>().find("others may write"), std::string::npos);
}

TEST_F(AdapterFile, DescribesItself) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer's shadow is larger than the limit of a description";
  const auto said = describe_adapter(SLUICE_TEST_ADAPTERS, "scripted");
  ASSERT_TRUE(said) << said.error().text;
  EXPECT_EQ(Json::parse(*said).at("contract"), "v1");
}

TEST_F(AdapterFile, IsToldFromOneThatCannotDescribeItself) {
  const auto words = [&](const std::string& script) {
    put("#!/bin/sh\n" + script);
    const auto said = describe_adapter(folder, "kind");
    return said ? "said: " + *said : said.error().text;
  };
  EXPECT_NE(words("echo no >&2; exit 3\n").find("failed: exit code 3: no"), std::string::npos);
  EXPECT_NE(words("kill -9 $$\n").find("SIGKILL"), std::string::npos);
  EXPECT_NE(
      words(
          "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done\n")
          .find("more than 262144 bytes"),
      std::string::npos);
  EXPECT_NE(words("while :; do :; done\n").find("does not end within 5 s"), std::string::npos);
  put("#!/no/such/interpreter\n");
  EXPECT_NE(describe_adapter(folder, "kind").error().text.find("interpreter"), std::string::npos);
}

TEST(AdapterUsage, EndsWhoTakesMoreThanItsShareForAMinute) {
  AdapterLimits limits;
  limits.cpu = 0.5;
  UsageWatch watch(limits);
  MonoTime now{100s};
  std::uint64_t cpu = 0;
  std::string broken;
  int steps = 0;
  for (; steps < 20 && broken.empty(); ++steps, now += 5s, cpu += 4'000)
    broken = watch.look(now, {1, cpu, 1});
  EXPECT_EQ(steps, 13);  // a minute
  EXPECT_NE(broken.find("0.80 of a CPU"), std::string::npos) << broken;
}

TEST(AdapterUsage, LetsBurstsPass) {
  UsageWatch watch(AdapterLimits{});
  MonoTime now{100s};
  std::uint64_t cpu = 0;
  for (int i = 0; i < 100; ++i, now += 5s, cpu += i % 4 == 0 ? 5'000 : 0)
    EXPECT_EQ(watch.look(now, {1, cpu, 1}), "");
}

TEST(AdapterUsage, NamesTheLimitThatIsBroken) {
  AdapterLimits limits;
  limits.memory = 10 << 20;
  EXPECT_NE(UsageWatch(limits).look(MonoTime{1s}, {11 << 20, 0, 1}).find("limits.memory"), std::string::npos);
  EXPECT_NE(UsageWatch(limits).look(MonoTime{1s}, {1, 0, 2}).find("limits.processes"), std::string::npos);
}

}  // namespace
}  // namespace sluice::device::test
