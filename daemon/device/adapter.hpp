// One adapter's life: started, watched, stopped, started again. Owned by Adapters.
//
//   stopped ─▶ starting ─(health report)─▶ ready ─(ends)─▶ waiting ─(back-off)─▶ starting
//                  └─(refused, misconfigured: until its configuration changes)
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "core/adapter_plan.hpp"
#include "core/backoff.hpp"
#include "core/clock.hpp"
#include "device/adapter_output.hpp"
#include "device/adapter_process.hpp"
#include "device/adapter_session.hpp"
#include "device/adapter_usage.hpp"

namespace sluice::device {

class Adapter : public std::enable_shared_from_this<Adapter> {
 public:
  enum class State : std::uint8_t {
    stopped,
    starting,  // the process runs and is not ready
    ready,
    waiting,        // for its next start, or for another plan (AdapterPlan::again)
    refused,        // the executable cannot be run
    misconfigured,  // the daemon or the adapter itself (64) says so
    stopping
  };
  Adapter(const AdapterHouse& house, AdapterPlan plan, std::filesystem::path directory,
          std::filesystem::path socket);
  ~Adapter();

  void start();
  // SIGTERM, then SIGKILL; `stopped` when the process has gone, once.
  void stop(std::function<void()> stopped);
  // The room goes: the process too, at once.
  void shut();
  // About every second.
  void tick(MonoTime now);

  const AdapterPlan& plan() const { return plan_; }
  State state() const { return state_; }
  // It stands still until something changes.
  bool has_process(pid_t process) const { return process_ && process_->owns(process); }
  bool is_stuck() const { return state_ == State::refused || state_ == State::misconfigured; }
  nlohmann::json status() const;
  // What is to be shown as trouble of the gateway; empty: nothing.
  std::string trouble() const;

  // Whoever connects with this name: is it our process, with the credential that it was given? Good once.
  std::shared_ptr<AdapterSession> admit(std::string_view password, const Peer& peer);
  const std::shared_ptr<AdapterSession>& session() const { return session_; }

 private:
  using Watched = boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type>;
  void launch();
  result<void> spawn();
  std::string start_object() const;
  void watch();
  void look();
  void exited(const Exit& exit);
  void session_ready();
  void session_lost(const std::string& why);
  // SIGTERM or SIGKILL for a reason of ours, which is then shown.
  void end(std::string why, bool at_once);
  void ping(MonoTime now);
  void stand_still(State state, std::string why);

  static constexpr unsigned kCrashLoop = 5;  // failures in a row

  AdapterHouse house_;
  Log log_;
  AdapterPlan plan_;
  std::filesystem::path directory_, socket_;
  State state_ = State::stopped;
  Backoff backoff_;
  Timer timer_, kill_timer_;
  std::optional<Process> process_;
  std::optional<Watched> pidfd_;
  std::shared_ptr<AdapterLog> output_log_;
  std::shared_ptr<AdapterOutput> out_, err_;
  std::shared_ptr<AdapterSession> session_;
  std::unique_ptr<UsageWatch> usage_watch_;
  Usage usage_;
  std::string password_, sandbox_words_, sandbox_missing_, told_missing_, why_, last_end_;
  std::function<void()> stopped_;
  std::uint64_t starts_ = 0;
  unsigned failures_ = 0, later_ = 0;
  MonoTime since_{}, measured_{}, pinged_{}, answered_{};
  bool ping_open_ = false;
};

std::string_view to_string(Adapter::State state);

}  // namespace sluice::device
