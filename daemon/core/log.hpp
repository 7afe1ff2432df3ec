// Where log lines go. A Log is a cheap handle with a part's name; copies share the sink.
// Levels as in syslog; under systemd the lines carry <N> prefixes so that the journal keeps the level.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace sluice {

enum class Level { debug, info, warning, error };

class Log {
 public:
  using Sink = std::function<void(Level, std::string_view part, std::string_view line)>;

  Log() = default;  // says nothing
  Log(std::shared_ptr<const Sink> sink, std::string part, Level least = Level::info)
      : sink_(std::move(sink)), part_(std::move(part)), least_(least) {}

  Log named(std::string part) const { return {sink_, std::move(part), least_}; }

  template <typename... A>
  void debug(fmt::format_string<A...> f, A&&... a) const {
    write(Level::debug, f, std::forward<A>(a)...);
  }
  template <typename... A>
  void info(fmt::format_string<A...> f, A&&... a) const {
    write(Level::info, f, std::forward<A>(a)...);
  }
  template <typename... A>
  void warn(fmt::format_string<A...> f, A&&... a) const {
    write(Level::warning, f, std::forward<A>(a)...);
  }
  template <typename... A>
  void error(fmt::format_string<A...> f, A&&... a) const {
    write(Level::error, f, std::forward<A>(a)...);
  }

 private:
  template <typename... A>
  void write(Level level, fmt::format_string<A...> f, A&&... a) const {
    if (sink_ && level >= least_) (*sink_)(level, part_, fmt::format(f, std::forward<A>(a)...));
  }

  std::shared_ptr<const Sink> sink_;
  std::string part_;
  Level least_ = Level::info;
};

// To stderr: `<N>part: line` when started by systemd (JOURNAL_STREAM is set), else with time and level.
Log make_stderr_log(Level least);

}  // namespace sluice
