// Time, given to whoever needs it. Everything in the daemon that measures, waits or stamps does so through
// a Clock, so that a test can move a day in a microsecond. All calls on the loop thread, except now() and
// wall(), which any thread may call.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

namespace boost::asio {
class io_context;
}

namespace sluice {

using namespace std::chrono_literals;

using Duration = std::chrono::nanoseconds;
// Since boot, counts while suspended (CLOCK_BOOTTIME). For timers, pacing and time to live.
using MonoTime = std::chrono::time_point<struct MonoClockTag, Duration>;
// Since 1970 UTC. For stamps only.
using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;

class Clock {
 public:
  using TimerId = std::uint64_t;  // 0 is never a timer

  virtual ~Clock() = default;
  virtual MonoTime now() const = 0;
  virtual WallTime wall() const = 0;
  // False until the wall clock can be true at all (later than the build of this program).
  virtual bool wall_is_plausible() const = 0;
  // Runs fn once on the loop thread at or after the time; never from inside this call.
  virtual TimerId call_at(MonoTime when, std::function<void()> fn) = 0;
  // No-op for 0 and for timers that have run.
  virtual void cancel(TimerId id) = 0;

  TimerId call_after(Duration delay, std::function<void()> fn) {
    return call_at(now() + delay, std::move(fn));
  }
};

// The real clock; timers run on the given loop, which must outlive it.
std::unique_ptr<Clock> make_system_clock(boost::asio::io_context& loop);

// A timer that is cancelled with its owner: the usual member for "one pending wait".
class Timer {
 public:
  explicit Timer(Clock& clock) : clock_(clock) {}
  ~Timer() { cancel(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void start(Duration delay, std::function<void()> fn) {
    cancel();
    id_ = clock_.call_after(delay, [this, run = std::move(fn)] {
      id_ = 0;
      run();
    });
  }
  void cancel() {
    if (id_ != 0) clock_.cancel(id_);
    id_ = 0;
  }
  bool pending() const { return id_ != 0; }

 private:
  Clock& clock_;
  Clock::TimerId id_ = 0;
};

}  // namespace sluice
