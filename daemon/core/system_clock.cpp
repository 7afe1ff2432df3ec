// Timers are kept in one ordered map and served by one Asio timer, so that ten thousand keep-alives cost
// one timerfd entry.
#include <time.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <utility>

#include "core/clock.hpp"

namespace sluice {
namespace {

// 2026-01-01: a wall clock before this cannot be true.
constexpr auto kPlausible = std::chrono::seconds(1767225600);

Duration read_clock(clockid_t id) {
  timespec ts{};
  ::clock_gettime(id, &ts);
  return std::chrono::seconds(ts.tv_sec) + std::chrono::nanoseconds(ts.tv_nsec);
}

class SystemClock final : public Clock {
 public:
  explicit SystemClock(boost::asio::io_context& loop) : timer_(loop) {}

  MonoTime now() const override { return MonoTime(read_clock(CLOCK_BOOTTIME)); }
  WallTime wall() const override { return WallTime(read_clock(CLOCK_REALTIME)); }
  bool wall_is_plausible() const override { return wall().time_since_epoch() >= kPlausible; }

  TimerId call_at(MonoTime when, std::function<void()> fn) override {
    const Key key{when, ++last_id_};
    const bool earliest = pending_.empty() || key < pending_.begin()->first;
    times_.emplace(key.second, when);
    pending_.emplace(key, std::move(fn));
    if (earliest) arm();
    return key.second;
  }

  void cancel(TimerId id) override {
    const auto it = times_.find(id);
    if (it == times_.end()) return;
    pending_.erase({it->second, id});
    times_.erase(it);
  }

 private:
  using Key = std::pair<MonoTime, TimerId>;

  void arm() {
    if (pending_.empty()) return;
    const auto wait = std::max(pending_.begin()->first.first - now(), Duration::zero());
    timer_.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(wait));
    timer_.async_wait([this](boost::system::error_code ec) {
      if (!ec) run_due();
    });
  }

  void run_due() {
    const auto until = Key{now(), last_id_};
    while (!pending_.empty() && pending_.begin()->first <= until) {
      auto fn = std::move(pending_.begin()->second);
      times_.erase(pending_.begin()->first.second);
      pending_.erase(pending_.begin());
      fn();
    }
    arm();
  }

  boost::asio::steady_timer timer_;
  std::map<Key, std::function<void()>> pending_;
  std::map<TimerId, MonoTime> times_;
  TimerId last_id_ = 0;
};

}  // namespace

std::unique_ptr<Clock> make_system_clock(boost::asio::io_context& loop) {
  return std::make_unique<SystemClock>(loop);
}

}  // namespace sluice
