#include "uplink/pacer.hpp"

#include <algorithm>
#include <cmath>

namespace sluice::uplink {
namespace {

constexpr double kLeastShare = 0.05;
constexpr double kClimb = 0.01;           // of the full rate, per second
constexpr Duration kCutAtMostEvery = 1s;  // signs come in bursts; one burst is one sign
constexpr Duration kSlow = 2s;            // a mean round trip beyond this and 4 times the best is a sign
// Bucket depths in seconds of their rate: what may leave at once. Small, because AWS counts per second.
constexpr double kDepthSeconds = 0.005;
constexpr double kByteDepthSeconds = 0.05;

double in_seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

}  // namespace

void Pacer::Bucket::set(double new_rate, double new_depth, MonoTime now) {
  refill(now);
  const bool first = depth == 0;
  rate = new_rate;
  depth = new_depth;
  tokens = first ? depth : std::min(tokens, depth);
}

void Pacer::Bucket::refill(MonoTime now) {
  if (now > at) tokens = std::min(depth, tokens + in_seconds(now - at) * rate);
  at = now;
}

// Rounded up: a timer that fires a nanosecond early would find nothing and spin.
Duration Pacer::Bucket::wait(double need) const {
  // Tokens are sums of products; a hair below is enough.
  if (tokens + 1e-6 >= need) return Duration::zero();
  return Duration(static_cast<Duration::rep>(std::ceil((need - tokens) / rate * 1e9)));
}

Pacer::Pacer(Clock& clock, const LaneQuotas& quotas) : clock_(clock), quotas_(quotas) {
  share_at_ = clock.now();
  last_cut_ = share_at_ - kCutAtMostEvery;
  rates();
}

void Pacer::replace(const LaneQuotas& quotas) {
  quotas_ = quotas;
  rates();
}

void Pacer::rates() {
  const auto now = clock_.now();
  const double open = std::clamp(1 - quotas_.reserve, 0.01, 1.0);
  const double publishes = std::max(quotas_.publishes_per_second * applied_share_, 0.1);
  const double bytes = std::max(static_cast<double>(quotas_.bytes_per_second) * applied_share_, 100.0);
  const auto depth = [](double rate) { return std::max(1.0, rate * kDepthSeconds); };
  all_.set(publishes, depth(publishes), now);
  readings_.set(publishes * open, depth(publishes * open), now);
  all_bytes_.set(bytes, bytes * kByteDepthSeconds, now);
  reading_bytes_.set(bytes * open, bytes * open * kByteDepthSeconds, now);
}

void Pacer::connected(std::uint32_t receive_maximum) {
  receive_maximum_ = std::max(receive_maximum, 1U);
  inflight_ = 0;
  best_round_trip_ = mean_round_trip_ = Duration::zero();
}

std::uint32_t Pacer::window(Class cls) const {
  const auto all = std::max(std::min(quotas_.inflight, receive_maximum_), 1U);
  if (cls == Class::control || !quotas_.enforce) return all;
  return std::max(1U, static_cast<std::uint32_t>(std::lround(all * (1 - quotas_.reserve))));
}

double Pacer::share() {
  const auto now = clock_.now();
  if (share_ < 1) share_ = std::min(1.0, share_ + in_seconds(now - share_at_) * kClimb);
  share_at_ = now;
  if (std::abs(share_ - applied_share_) > 0.01 || (share_ == 1 && applied_share_ != 1)) {
    applied_share_ = share_;
    rates();
  }
  return share_;
}

Duration Pacer::wait(Class cls) {
  if (!limits()) return Duration::zero();
  const auto now = clock_.now();
  for (auto* bucket : {&all_, &readings_, &all_bytes_, &reading_bytes_}) bucket->refill(now);
  // Bytes go into debt: a large message is let through and paid for afterwards.
  Duration longest = std::max(all_.wait(1), all_bytes_.wait(1));
  if (cls == Class::reading) longest = std::max({longest, readings_.wait(1), reading_bytes_.wait(1)});
  return longest;
}

void Pacer::sent(Class cls, std::size_t bytes) {
  ++inflight_;
  if (!limits()) return;
  all_.tokens -= 1;
  all_bytes_.tokens -= static_cast<double>(bytes);
  if (cls != Class::reading) return;
  readings_.tokens -= 1;
  reading_bytes_.tokens -= static_cast<double>(bytes);
}

void Pacer::received(std::size_t bytes) {
  if (!limits()) return;
  all_.refill(clock_.now());
  all_.tokens -= 1;
  all_bytes_.tokens -= static_cast<double>(bytes);
}

void Pacer::acknowledged(Duration round_trip) {
  if (inflight_ > 0) --inflight_;
  if (best_round_trip_ == Duration::zero() || round_trip < best_round_trip_) best_round_trip_ = round_trip;
  mean_round_trip_ =
      mean_round_trip_ == Duration::zero() ? round_trip : (mean_round_trip_ * 15 + round_trip) / 16;
  if (mean_round_trip_ > kSlow && mean_round_trip_ > best_round_trip_ * 4) {
    mean_round_trip_ = Duration::zero();  // judge the lower rate afresh
    throttled();
  }
}

void Pacer::throttled() {
  ++signs_;
  const auto now = clock_.now();
  if (now - last_cut_ < kCutAtMostEvery) return;
  last_cut_ = now;
  share_ = std::max(kLeastShare, share() / 2);
  applied_share_ = share_;
  rates();
}

}  // namespace sluice::uplink
