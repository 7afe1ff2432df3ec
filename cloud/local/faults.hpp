// Trouble on demand: what an operator or a test asked for through the admin port, and the questions that the
// listener, the connections and the host ask at their points of trouble. Random choices come from one seed.
// docs/local-cloud.md lists the kinds.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "cloud/local/quotas.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "mqtt/packet.hpp"

namespace sluice::cloud {

class Faults {
 public:
  Faults(Clock& clock, std::uint64_t seed) : clock_(clock), random_(seed), expiry_(clock) {}

  // {"kind": "...", parameters, "seconds": n}: in force until cleared or for n seconds. A second one of a
  // kind replaces the first.
  result<void> set(const nlohmann::json& wish);
  void clear();
  void clear(std::string_view kind);
  nlohmann::json describe() const;

  // Called after the faults in force have changed, expiry included.
  void on_change(std::function<void()> fn) { changed_ = std::move(fn); }

  bool outage() const { return find("outage") != nullptr; }        // not listening, no connections
  bool half_open() const { return find("half-open") != nullptr; }  // nothing is read or written
  // Publishes per second of a connection; `delayed`: wait instead of dropping.
  struct Throttle {
    double rate;
    bool delayed;
  };
  std::optional<Throttle> throttle() const;
  Duration puback_delay() const;
  Duration tls_delay() const;
  // These count or roll the dice: ask once per event.
  bool lose_puback();
  std::optional<mqtt::Reason> refuse_connect(std::string_view client_id);
  struct Closing {
    mqtt::Reason reason;
    bool abrupt;  // reset, no DISCONNECT
  };
  std::optional<Closing> close_on(std::string_view topic, std::string_view payload);

  // Of the services beside MQTT: "control", "cvm", "credentials", "fleet".
  bool service_outage(std::string_view service) const;
  struct ServiceTrouble {
    Duration delay{};
    unsigned status = 0;     // answer this instead of asking the handler
    bool throttled = false;  // so many requests are too many
    bool lost = false;       // the handler runs, its answer does not arrive
  };
  ServiceTrouble trouble(std::string_view service);

 private:
  struct Fault {
    std::optional<MonoTime> until;
    std::optional<std::uint64_t> count;  // events left
    double probability = 1;
    Duration delay{};
    double rate = 0;
    bool delayed = false, abrupt = false;
    mqtt::Reason reason = mqtt::Reason::unspecified_error;
    std::string client, topic, containing;
    std::optional<std::size_t> larger_than;
    unsigned status = 500;
    std::optional<Bucket> bucket;  // of a service's throttle with a rate
  };

  const Fault* find(std::string_view kind) const;
  bool strikes(std::string_view kind, Fault& fault);
  // The same for a service's effect, if it is in force.
  std::optional<Fault> strike(std::string_view service, std::string_view effect);
  static result<void> read(std::string_view kind, const nlohmann::json& wish, Fault& fault);
  void expire();
  void arm();

  Clock& clock_;
  std::mt19937_64 random_;
  std::map<std::string, Fault, std::less<>> faults_;
  std::function<void()> changed_;
  Timer expiry_;
};

}  // namespace sluice::cloud
