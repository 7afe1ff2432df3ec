// Lifecycle events: what AWS publishes under $aws/events/ when clients come, go and subscribe. Makes topics
// and JSON; the host publishes them. Source: AWS IoT developer guide, "Lifecycle events".
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/clock.hpp"
#include "mqtt/broker.hpp"

namespace sluice::cloud {

struct PresenceEvent {
  std::string topic, payload;
};

struct PresenceClient {
  std::string client_id, thing_name, session_id, principal_id, ip_address;
  std::uint64_t version = 0;
};

// AWS's word for why a connection ended. `forbidden`: the policy refused a publish.
std::string_view disconnect_reason(mqtt::DisconnectCause cause, bool forbidden);

class Presence {
 public:
  explicit Presence(Clock& clock) : clock_(clock) {}

  // The version number of a connection that begins: counts per client id, from 0 again after an hour away.
  std::uint64_t next_version(std::string_view client_id);

  // Client ids with `#` or `+` have no events: the topic is empty.
  PresenceEvent connected(const PresenceClient& client) const;
  PresenceEvent disconnected(const PresenceClient& client, mqtt::DisconnectCause cause, bool forbidden);
  PresenceEvent connect_failed(const PresenceClient& client) const;
  PresenceEvent subscriptions(const PresenceClient& client, bool subscribed,
                              const std::vector<std::string>& filters) const;

 private:
  static constexpr std::size_t kMostRemembered = 100'000;
  struct Count {
    std::uint64_t next = 0;
    int online = 0;
    MonoTime seen{};  // when it went
  };
  Clock& clock_;
  std::unordered_map<std::string, Count> counts_;
};

}  // namespace sluice::cloud
