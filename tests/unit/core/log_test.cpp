#include "core/log.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

namespace sluice {
namespace {

struct Lines {
  std::vector<std::string> lines;
  Log log(Level least) {
    return {
        std::make_shared<const Log::Sink>([this](Level level, std::string_view part, std::string_view line) {
          lines.push_back(std::to_string(static_cast<int>(level)) + " " + std::string(part) + ": " +
                          std::string(line));
        }),
        "top", least};
  }
};

TEST(ALog, SaysWhatIsAtItsLevelOrAbove) {
  Lines lines;
  const auto log = lines.log(Level::warning);
  log.debug("a");
  log.info("b");
  log.warn("c {}", 1);
  log.error("d");
  EXPECT_EQ(lines.lines, (std::vector<std::string>{"2 top: c 1", "3 top: d"}));
}

TEST(ALog, KeepsSinkAndLevelUnderAnotherName) {
  Lines lines;
  const auto log = lines.log(Level::info).named("store");
  log.debug("quiet");
  log.info("loud");
  EXPECT_EQ(lines.lines, std::vector<std::string>{"1 store: loud"});
}

TEST(ALog, WithoutASinkSaysNothing) { Log().error("into the void {}", 1); }

TEST(TheStderrLog, PutsTheLevelInFrontUnderSystemd) {
  ASSERT_EQ(::setenv("JOURNAL_STREAM", "8:1", 1), 0);
  testing::internal::CaptureStderr();
  const auto log = make_stderr_log(Level::info);
  log.named("uplink").warn("lane {} is down", 3);
  log.debug("not this");
  ASSERT_EQ(::unsetenv("JOURNAL_STREAM"), 0);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "<4>uplink: lane 3 is down\n");
}

TEST(TheStderrLog, ShowsTimeAndLevelToAPerson) {
  ASSERT_EQ(::unsetenv("JOURNAL_STREAM"), 0);
  testing::internal::CaptureStderr();
  make_stderr_log(Level::info).error("broken");
  const auto line = testing::internal::GetCapturedStderr();
  EXPECT_NE(line.find("error"), std::string::npos) << line;
  EXPECT_NE(line.find("sluice: broken"), std::string::npos) << line;
}

}  // namespace
}  // namespace sluice
