#include "cloud/local/quotas.hpp"

#include <algorithm>

namespace sluice::cloud {

void Bucket::refill(MonoTime now) {
  if (filled_ == MonoTime{}) filled_ = now;
  const double seconds = std::chrono::duration<double>(now - filled_).count();
  if (seconds <= 0) return;
  level_ = std::min(burst_, level_ + seconds * rate_);
  filled_ = now;
}

bool Bucket::take(double amount, MonoTime now) {
  refill(now);
  // Thousand refills of a thousandth add up to less than one.
  if (level_ + 1e-9 < amount) return false;
  level_ -= amount;
  return true;
}

Duration Bucket::owe(double amount, MonoTime now) {
  refill(now);
  level_ -= amount;
  if (level_ >= 0) return Duration::zero();
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(-level_ / rate_));
}

void Bucket::set_rate(double rate, double burst) {
  rate_ = rate;
  burst_ = burst;
  level_ = std::min(level_, burst);
}

bool Bucket::full(MonoTime now) const {
  return level_ + std::chrono::duration<double>(now - filled_).count() * rate_ >= burst_;
}

ConnectQuota::ConnectQuota(const QuotaOptions& options)
    : options_(options), account_(options.connects_per_account, options.connects_per_account) {}

bool ConnectQuota::admit(std::string_view client_id, MonoTime now) {
  if (!options_.on) return true;
  if (!account_.take(1, now)) return false;
  if (clients_.size() >= kMostRemembered)
    std::erase_if(clients_, [now](const auto& c) { return c.second.full(now); });
  if (clients_.size() >= kMostRemembered) return false;
  auto [it, fresh] = clients_.try_emplace(std::string(client_id), options_.connects_per_client,
                                          std::max(1.0, options_.connects_per_client));
  return it->second.take(1, now);
}

}  // namespace sluice::cloud
