// F1: the process is killed at every named step of the store, and what it had announced is checked
// afterwards. The child is this same program, running the disabled test below.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>

#include "tests/unit/store/house.hpp"

namespace sluice::test {
namespace {

constexpr const char* kDirectory = "SLUICE_TEST_STORE";
constexpr const char* kDiary = "SLUICE_TEST_DIARY";

TEST(Child, DISABLED_LivesUntilItIsKilled) {
  const char* directory = std::getenv(kDirectory);
  if (directory == nullptr) GTEST_SKIP();
  const int diary = ::open(std::getenv(kDiary), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  House house{std::filesystem::path(directory)};
  house.open();
  Life life(house, [diary](const std::string& line) {
    const auto text = line + "\n";
    ASSERT_EQ(::write(diary, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  });
  life.live(14);
  house.close();
}

// True: it was killed, false: it came to its end.
bool run_child(const std::filesystem::path& directory, const std::filesystem::path& diary,
               const std::string& fail) {
  std::vector<std::string> words{"SLUICE_FAIL=" + fail, std::string(kDirectory) + "=" + directory.string(),
                                 std::string(kDiary) + "=" + diary.string()};
  std::vector<char*> environment;
  for (auto& w : words) environment.push_back(w.data());
  environment.push_back(nullptr);
  std::vector<std::string> arguments{"test_store", "--gtest_filter=Child.*",
                                     "--gtest_also_run_disabled_tests"};
  std::vector<char*> argv;
  for (auto& a : arguments) argv.push_back(a.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  pid_t pid = 0;
  EXPECT_EQ(::posix_spawn(&pid, "/proc/self/exe", &actions, nullptr, argv.data(), environment.data()), 0);
  ::posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (WIFSIGNALED(status)) {
    EXPECT_EQ(WTERMSIG(status), SIGKILL);
    return true;
  }
  EXPECT_EQ(WEXITSTATUS(status), 0);
  return false;
}

Promises read_diary(const std::filesystem::path& diary) {
  Promises promises;
  std::ifstream in(diary);
  for (std::string line; std::getline(in, line) && !in.eof();) promises.hear(line);
  return promises;
}

// A second fault on top of the recovery from the first.
TEST(F1KillInSalvage, LeavesWhatTheNextStartCanFinish) {
  for (const int n : {1, 5, 20}) {
    SCOPED_TRACE(n);
    const Scratch scratch;
    const auto directory = scratch.path() / "store";
    std::uint64_t queued = 0;
    {
      House house{directory};
      house.open();
      for (int i = 0; i < 40; ++i) {
        house.add(std::to_string(i));
        house.turn();
      }
      queued = house.store->totals().queued;
    }
    const int fd = ::open((directory / "queue.db").c_str(), O_WRONLY | O_CLOEXEC);
    EXPECT_EQ(::pwrite(fd, std::string(100, '\0').data(), 100, 0), 100);
    ::close(fd);
    ASSERT_TRUE(run_child(directory, scratch.path() / "diary", "in-salvage:" + std::to_string(n) + ":kill"));
    House house{directory};
    house.open();
    EXPECT_NE(house.trouble, "");
    EXPECT_EQ(house.payloads().size(), queued);
    house.expect_balance();
  }
}

class F1Kill : public testing::TestWithParam<const char*> {};

TEST_P(F1Kill, LosesNothingThatWasAnnounced) {
  int kills = 0;
  for (const int n : {1, 2, 3, 7, 12}) {
    SCOPED_TRACE(std::string(GetParam()) + ", time " + std::to_string(n));
    const Scratch scratch;
    const auto directory = scratch.path() / "store", diary = scratch.path() / "diary";
    if (!run_child(directory, diary, std::string(GetParam()) + ":" + std::to_string(n) + ":kill")) break;
    ++kills;
    House house{directory};
    read_diary(diary).check(house);
    house.close();
    // A second kill, on top of the recovery: nothing may depend on a clean end in between.
    run_child(directory, scratch.path() / "ignored", "before-post:1:kill");
    EXPECT_EQ(House{directory}.integrity(), "ok");
  }
  EXPECT_GE(kills, 1);
}

INSTANTIATE_TEST_SUITE_P(AtEachStep, F1Kill,
                         testing::Values("before-begin", "after-insert", "before-commit", "after-commit",
                                         "before-post", "before-ack-write", "after-ack-write",
                                         "before-checkpoint", "in-migration"),
                         [](const auto& step) {
                           std::string name = step.param;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace sluice::test
