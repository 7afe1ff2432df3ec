// Modes window, rate and count: the same publishers under different limits.
#include <sys/prctl.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <memory>
#include <optional>

#include "load/publisher.hpp"
#include "load/runs.hpp"

namespace sluice::load {
namespace {

constexpr Nanos kDrain = 10 * kSecond;  // after the last scheduled message
constexpr Nanos kStall = 60 * kSecond;  // mode count: this long without a PUBACK is a failure
constexpr Nanos kTurn = kSecond / 5;

class PublishRun {
 public:
  explicit PublishRun(const Options& options) : options_(options), loop_(options) {
    if (!options.log.empty()) tally_.log = &log_.emplace(options.log);
    for (unsigned i = 0; i < options.clients; ++i) {
      publishers_.push_back(std::make_unique<Publisher>(loop_, options, options.first + i, tally_));
      connections_.push_back(publishers_.back().get());
    }
  }

  int run() {
    if (!loop_.open_all(connections_)) {
      std::fprintf(stderr, "mqtt-load: %s\n", loop_.failure().c_str());
      return 1;
    }
    Pinger pinger(connections_, options_);
    pinger_ = &pinger;
    switch (options_.mode) {
      case Mode::window:
        window();
        break;
      case Mode::rate:
        rate();
        break;
      default:
        count();
        break;
    }
    return finish();
  }

 private:
  bool go_on() const { return !loop_.stopped() && (options_.reconnect || loop_.open() > 0); }

  void turn(Nanos deadline) {
    loop_.run_once(std::min(deadline, pinger_->next()));
    pinger_->run();
    if (log_ && now() >= write_log_) {
      log_->write();
      write_log_ = now() + kTurn;
    }
  }

  void window() {
    const Nanos start = now();
    const Nanos from = start + static_cast<Nanos>(options_.warmup * kSecond);
    const Nanos until = from + static_cast<Nanos>(options_.seconds * kSecond);
    for (auto& publisher : publishers_) publisher->allow(std::numeric_limits<std::uint64_t>::max());
    Nanos at = now();
    for (; at < from && go_on(); at = now()) turn(std::min(from, at + kTurn));
    const Nanos began = at;
    const std::uint64_t before = tally_.acked;
    for (; at < until && go_on(); at = now()) turn(std::min(until, at + kTurn));
    measured(tally_.acked - before, at - began);
  }

  void count() {
    const Nanos start = now();
    const std::uint64_t all = options_.messages * options_.clients;
    for (auto& publisher : publishers_) publisher->allow(options_.messages);
    std::uint64_t seen = 0;
    for (Nanos at = start, moved = start; tally_.acked < all && go_on(); at = now()) {
      turn(at + kTurn);
      if (tally_.acked != seen) moved = at;
      seen = tally_.acked;
      if (at - moved > kStall) break;
      if (options_.seconds_given && at - start > static_cast<Nanos>(options_.seconds * kSecond)) break;
    }
    measured(tally_.acked, now() - start);
    complete_ = tally_.acked >= all;
  }

  // Open loop: message k is due at start + k * interval whatever happened to those before it.
  void rate() {
    prctl(PR_SET_TIMERSLACK, 1);
    const auto all =
        static_cast<std::uint64_t>(std::llround(options_.rate * (options_.warmup + options_.seconds)));
    tally_.timed = true;
    tally_.interval = kSecond / options_.rate;
    tally_.start = now() + kSecond / 100;
    tally_.measure_from = tally_.start + static_cast<Nanos>(options_.warmup * kSecond);
    const auto due = [&](std::uint64_t k) {
      return tally_.start + static_cast<Nanos>(static_cast<double>(k) * tally_.interval);
    };
    std::uint64_t next = 0;
    Nanos at = now();
    const Nanos end = due(all);
    while (go_on() && (next < all || tally_.acked < all) && at < end + kDrain) {
      for (; next < all && due(next) <= at; ++next) {
        Publisher& publisher = *publishers_[next % publishers_.size()];
        publisher.allow(publisher.limit() + 1);
      }
      turn(next < all ? due(next) : at + kTurn);
      at = now();
    }
    measured(tally_.latency.count(), std::min(at, end) - tally_.measure_from);
    for (auto& publisher : publishers_) publisher->give_up(at);
    complete_ = tally_.acked >= all;
  }

  void measured(std::uint64_t acked, Nanos time) {
    const double seconds = static_cast<double>(time) / kSecond;
    report_.add("seconds", seconds);
    report_.add("acked_per_s", seconds > 0 ? static_cast<double>(acked) / seconds : 0);
  }

  int finish() {
    report_.add("clients", options_.clients);
    report_.add("window", options_.window);
    report_.add("size", static_cast<double>(options_.size));
    report_.add("sent", static_cast<double>(tally_.sent));
    report_.add("acked", static_cast<double>(tally_.acked));
    report_.add("resent", static_cast<double>(tally_.resent));
    report_.add("refused", static_cast<double>(tally_.refused));
    report_.add("out_of_order", static_cast<double>(tally_.out_of_order));
    report_.add("unknown_acks", static_cast<double>(tally_.unknown));
    report_.add("connections_lost", static_cast<double>(loop_.lost()));
    if (tally_.timed) {
      const Histogram& latency = tally_.latency;
      const auto ms = [](auto value) { return static_cast<double>(value) / 1e6; };
      report_.add("rate", options_.rate);
      report_.add("measured", static_cast<double>(latency.count()));
      report_.add("mean_ms", ms(latency.mean()));
      report_.add("p50_ms", ms(latency.at(0.5)));
      report_.add("p99_ms", ms(latency.at(0.99)));
      report_.add("p99_9_ms", ms(latency.at(0.999)));
      report_.add("max_ms", ms(latency.max()));
    }
    if (tally_.log != nullptr) tally_.log->write();
    report_.print();
    if (complete_ && (loop_.lost() == 0 || options_.reconnect)) return 0;
    std::fprintf(stderr, "mqtt-load: not everything was acknowledged. %s\n", loop_.failure().c_str());
    return 1;
  }

  const Options& options_;
  Loop loop_;
  Tally tally_;
  std::optional<Lines> log_;
  std::vector<std::unique_ptr<Publisher>> publishers_;
  std::vector<Connection*> connections_;
  Pinger* pinger_ = nullptr;
  Nanos write_log_ = 0;
  Report report_{options_};
  bool complete_ = true;
};

}  // namespace

int run_publish(const Options& options) { return PublishRun(options).run(); }

}  // namespace sluice::load
