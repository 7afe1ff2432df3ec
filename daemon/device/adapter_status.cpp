// An adapter as it is shown: to the operator, and among the troubles of the gateway.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "device/adapter.hpp"

namespace sluice::device {

using Json = nlohmann::json;

std::string_view to_string(Adapter::State state) {
  using State = Adapter::State;
  switch (state) {
    case State::stopped:
      return "stopped";
    case State::starting:
      return "starting";
    case State::ready:
      return "ready";
    case State::waiting:
      return "waiting";
    case State::refused:
      return "refused";
    case State::misconfigured:
      return "misconfigured";
    case State::stopping:
      return "stopping";
  }
  return "stopped";
}

std::string Adapter::trouble() const {
  switch (state_) {
    case State::refused:
    case State::misconfigured:
      return last_end_;
    case State::waiting:
      if (failures_ >= kCrashLoop)
        return fmt::format("crash loop, {} failures in a row: {}", failures_, last_end_);
      return later_ > 0 && later_ < 3 ? "" : last_end_;
    case State::ready:
      if (session_ && session_->health().state != HealthReport::State::ok)
        return fmt::format("{}: {}", to_string(session_->health().state), session_->health().text);
      return {};
    case State::starting:
      return failures_ >= kCrashLoop
                 ? fmt::format("crash loop, {} failures in a row: {}", failures_, last_end_)
                 : "";
    case State::stopped:
    case State::stopping:
      break;
  }
  return {};
}

nlohmann::json Adapter::status() const {
  const auto now = house_.clock.now();
  const bool crash_loop = failures_ >= kCrashLoop && state_ != State::ready;
  Json json = {{"name", plan_.options.name},
               {"kind", plan_.options.kind},
               {"version", plan_.version},
               {"state", crash_loop && !is_stuck() ? "crash loop" : std::string(to_string(state_))},
               {"pid", process_ ? process_->pid() : 0},
               {"since_s", std::chrono::duration_cast<std::chrono::seconds>(now - since_).count()},
               {"starts", starts_},
               {"failures", failures_},
               {"last_end", last_end_},
               {"trouble", trouble()},
               {"sandbox", sandbox_words_},
               {"sandbox_missing", sandbox_missing_},
               {"memory", usage_.resident},
               {"cpu_share", usage_watch_ ? usage_watch_->cpu_share() : 0},
               {"log_lines", output_log_->lines},
               {"log_left_out", output_log_->left_out},
               {"devices", Json::array()}};
  if (!session_) return json;
  const auto& counts = session_->counts();
  const auto& health = session_->health();
  json["health"] = {{"state", to_string(health.state)}, {"text", health.text}, {"counters", health.counters}};
  json["devices"] = session_->devices();
  json["published"] = counts.published;
  json["refused"] = counts.refused;
  json["violations"] = counts.violations;
  json["messages"] = counts.messages;
  json["messages_dropped"] = counts.messages_dropped;
  json["calls"] = counts.calls;
  return json;
}

}  // namespace sluice::device
