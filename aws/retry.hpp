// When and how often a call is made again: full jitter (a random share of a doubling ceiling, so that many
// callers do not come back together), at least as late as the service asked for, at most as often and as long
// as the policy says. Time and chance are given, so that tests need neither.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>

#include "aws/error.hpp"

namespace sluice::aws {

struct RetryPolicy {
  unsigned most_tries = 4;                                           // the first one counts
  std::chrono::milliseconds first = std::chrono::milliseconds(100);  // ceiling before the second try; doubles
  std::chrono::milliseconds most = std::chrono::seconds(5);          // of one wait
  std::chrono::milliseconds budget = std::chrono::seconds(15);       // of all waits of a call together
};

// What a call that may have been done already allows: `any` passing error, or only a service's "too often".
enum class Repeat : std::uint8_t { any_passing, only_throttled };

struct Waiting {
  std::function<void(std::chrono::milliseconds)> wait;
  std::function<double()> random;  // in [0, 1)
};

// Waits of a thread that another thread can end.
class Pause {
 public:
  void wait(std::chrono::milliseconds time);
  void stop();  // every wait ends at once, for ever

 private:
  std::mutex mutex_;
  std::condition_variable stopped_now_;
  bool stopped_ = false;
};
Waiting waiting_on(Pause& pause);  // and a random source of its own

// How long to wait before the next try; nothing: do not try again. `tries` are done, `waited` so far.
std::optional<std::chrono::milliseconds> delay_before_retry(const RetryPolicy& policy, const Error& error,
                                                            Repeat repeat, unsigned tries,
                                                            std::chrono::milliseconds waited, double random);

// `call` is anything that gives a result<T>; its last answer is returned.
template <typename Call>
auto with_retries(const RetryPolicy& policy, const Waiting& waiting, Repeat repeat, const Call& call)
    -> decltype(call()) {
  std::chrono::milliseconds waited{0};
  for (unsigned tries = 1;; ++tries) {
    auto outcome = call();
    if (outcome.has_value()) return outcome;
    const auto delay = delay_before_retry(policy, outcome.error(), repeat, tries, waited, waiting.random());
    if (!delay) return outcome;
    waiting.wait(*delay);
    waited += *delay;
  }
}

}  // namespace sluice::aws
