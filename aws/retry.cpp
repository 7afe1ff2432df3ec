#include "aws/retry.hpp"

#include <algorithm>
#include <memory>
#include <random>

namespace sluice::aws {

void Pause::wait(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  stopped_now_.wait_for(lock, time, [this] { return stopped_; });
}

void Pause::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopped_ = true;
  }
  stopped_now_.notify_all();
}

Waiting waiting_on(Pause& pause) {
  struct Chance {
    std::mutex mutex;
    std::mt19937_64 engine{std::random_device{}()};
  };
  const auto chance = std::make_shared<Chance>();
  return {[&pause](std::chrono::milliseconds time) { pause.wait(time); },
          [chance] {
            const std::scoped_lock lock(chance->mutex);
            return std::uniform_real_distribution<>(0.0, 1.0)(chance->engine);
          }};
}

std::optional<std::chrono::milliseconds> delay_before_retry(const RetryPolicy& policy, const Error& error,
                                                            Repeat repeat, unsigned tries,
                                                            std::chrono::milliseconds waited, double random) {
  if (tries >= policy.most_tries || !error.passing()) return std::nullopt;
  if (repeat == Repeat::only_throttled && error.kind != Error::Kind::throttled) return std::nullopt;
  auto ceiling = policy.first;
  for (unsigned i = 1; i < tries && ceiling < policy.most; ++i) ceiling *= 2;
  ceiling = std::min(ceiling, policy.most);
  auto delay =
      std::chrono::milliseconds(static_cast<std::int64_t>(static_cast<double>(ceiling.count()) * random));
  // Jitter on top of what the service asked for: everybody was told the same second.
  if (error.retry_after) delay += *error.retry_after;
  if (waited + delay > policy.budget) return std::nullopt;  // the caller gets the error and its retry_after
  return delay;
}

}  // namespace sluice::aws
