#include "cloud/local/presence.hpp"

#include <nlohmann/json.hpp>

namespace sluice::cloud {
namespace {

using nlohmann::json;

json common(const PresenceClient& client, std::string_view type, WallTime wall) {
  json event = {
      {"clientId", client.client_id},
      {"timestamp", std::chrono::duration_cast<std::chrono::milliseconds>(wall.time_since_epoch()).count()},
      {"eventType", type},
      {"sessionIdentifier", client.session_id},
      {"principalIdentifier", client.principal_id}};
  if (!client.thing_name.empty()) event["thingName"] = client.thing_name;
  return event;
}

PresenceEvent event(const PresenceClient& client, std::string_view where, const json& body) {
  if (client.client_id.find_first_of("#+") != std::string::npos) return {};
  return {"$aws/events/" + std::string(where) + "/" + client.client_id,
          body.dump(-1, ' ', false, json::error_handler_t::replace)};
}

}  // namespace

std::string_view disconnect_reason(mqtt::DisconnectCause cause, bool forbidden) {
  using enum mqtt::DisconnectCause;
  if (forbidden) return "FORBIDDEN_ACCESS";
  switch (cause) {
    case client_disconnect:
      return "CLIENT_INITIATED_DISCONNECT";
    case connection_lost:
      return "CONNECTION_LOST";
    case protocol_violation:
      return "CLIENT_ERROR";
    case keep_alive_timeout:
      return "MQTT_KEEP_ALIVE_TIMEOUT";
    case taken_over:
      return "DUPLICATE_CLIENTID";
    case slow_consumer:
      return "THROTTLED";
    case by_host:
      return "API_INITIATED_DISCONNECT";
    case server_shutdown:
      return "SERVER_INITIATED_DISCONNECT";
  }
  return "UNKNOWN";
}

std::uint64_t Presence::next_version(std::string_view client_id) {
  const auto now = clock_.now();
  const auto forgotten = [now](const Count& count) {
    return count.online <= 0 && now - count.seen > std::chrono::hours(1);
  };
  if (counts_.size() >= kMostRemembered)
    std::erase_if(counts_, [&](const auto& c) { return forgotten(c.second); });
  if (counts_.size() >= kMostRemembered) counts_.clear();
  Count& count = counts_[std::string(client_id)];
  if (forgotten(count)) count.next = 0;
  ++count.online;
  return count.next++;
}

PresenceEvent Presence::connected(const PresenceClient& client) const {
  json body = common(client, "connected", clock_.wall());
  body["ipAddress"] = client.ip_address;
  body["versionNumber"] = client.version;
  return event(client, "presence/connected", body);
}

PresenceEvent Presence::disconnected(const PresenceClient& client, mqtt::DisconnectCause cause,
                                     bool forbidden) {
  if (const auto it = counts_.find(client.client_id); it != counts_.end()) {
    --it->second.online;
    it->second.seen = clock_.now();
  }
  json body = common(client, "disconnected", clock_.wall());
  body["clientInitiatedDisconnect"] = cause == mqtt::DisconnectCause::client_disconnect && !forbidden;
  body["disconnectReason"] = disconnect_reason(cause, forbidden);
  body["ipAddress"] = client.ip_address;
  body["versionNumber"] = client.version;
  return event(client, "presence/disconnected", body);
}

PresenceEvent Presence::connect_failed(const PresenceClient& client) const {
  json body = common(client, "connect_failed", clock_.wall());
  body["ipAddress"] = client.ip_address;
  body["connectFailureReason"] = "AUTHORIZATION_FAILED";
  return event(client, "presence/connect_failed", body);
}

PresenceEvent Presence::subscriptions(const PresenceClient& client, bool subscribed,
                                      const std::vector<std::string>& filters) const {
  const std::string_view type = subscribed ? "subscribed" : "unsubscribed";
  json body = common(client, type, clock_.wall());
  body["topics"] = filters;
  return event(client, std::string("subscriptions/") + std::string(type), body);
}

}  // namespace sluice::cloud
