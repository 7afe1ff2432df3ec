#include "core/log.hpp"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <cstdlib>

namespace sluice {
namespace {

int syslog_priority(Level level) {
  switch (level) {
    case Level::debug:
      return 7;
    case Level::info:
      return 6;
    case Level::warning:
      return 4;
    case Level::error:
      return 3;
  }
  return 6;
}

spdlog::level::level_enum spdlog_level(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

}  // namespace

Log make_stderr_log(Level least) {
  if (std::getenv("JOURNAL_STREAM") != nullptr) {
    auto sink = [](Level level, std::string_view part, std::string_view line) {
      fmt::print(stderr, "<{}>{}: {}\n", syslog_priority(level), part, line);
    };
    return {std::make_shared<const Log::Sink>(sink), "sluice", least};
  }
  auto logger =
      std::make_shared<spdlog::logger>("sluice", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  logger->set_level(spdlog::level::debug);
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%-7l%$ %v");
  auto sink = [logger](Level level, std::string_view part, std::string_view line) {
    logger->log(spdlog_level(level), "{}: {}", part, line);
  };
  return {std::make_shared<const Log::Sink>(sink), "sluice", least};
}

}  // namespace sluice
