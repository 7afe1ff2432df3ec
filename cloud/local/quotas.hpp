// AWS IoT Core's rates as token buckets: publishes and bytes of a connection, CONNECTs of a client id and of
// the account. Used by the broker's host (publishes, connects) and by the connections (bytes).
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "core/clock.hpp"

namespace sluice::cloud {

// Refills at `rate` per second up to `burst`; starts full.
class Bucket {
 public:
  Bucket(double rate, double burst) : rate_(rate), burst_(burst), level_(burst) {}

  // Takes the amount if it is there.
  bool take(double amount, MonoTime now);
  // Takes it in any case; how long to wait until the level is at zero again.
  Duration owe(double amount, MonoTime now);
  void set_rate(double rate, double burst);
  bool full(MonoTime now) const;

 private:
  void refill(MonoTime now);
  double rate_, burst_, level_;
  MonoTime filled_{};
};

struct QuotaOptions {
  bool on = true;
  double publishes_per_second = 100;  // of a connection, in and out together; more is dropped without notice
  double bytes_per_second = 512 * 1024;  // of a connection; more is delayed
  double connects_per_client = 1;        // per second
  double connects_per_account = 500;     // per second
};

// CONNECT rates; holds a bucket for every client id that came lately.
class ConnectQuota {
 public:
  explicit ConnectQuota(const QuotaOptions& options);
  bool admit(std::string_view client_id, MonoTime now);

 private:
  static constexpr std::size_t kMostRemembered = 50'000;
  QuotaOptions options_;
  Bucket account_;
  std::unordered_map<std::string, Bucket> clients_;
};

}  // namespace sluice::cloud
