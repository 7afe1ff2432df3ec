// What the room shows of itself: status() and devices(), as sluicectl and the status page print them.
#include <nlohmann/json.hpp>

#include "device/link.hpp"
#include "device/room.hpp"

namespace sluice::device {
namespace {

using Json = nlohmann::json;

std::int64_t milliseconds(WallTime time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

const char* protocol(mqtt::Version version) { return version == mqtt::Version::v5 ? "MQTT 5" : "MQTT 3.1.1"; }

Json listener_json(const Listener& listener) {
  Json json = {{"name", listener.name()},
               {"transport", listener.transport()},
               {"port", listener.port()},
               {"listening", listener.is_open()},
               {"anonymous", listener.options().anonymous},
               {"connections", listener.links},
               {"accepted", listener.accepted},
               {"turned_away", listener.turned_away},
               {"handshakes_failed", listener.handshakes_failed},
               {"trouble", listener.trouble()}};
  if (listener.tls()) json["certificate_ends"] = listener.tls()->not_after();
  return json;
}

}  // namespace

Json Room::status() const {
  const auto now = clock_.now();
  const auto wall = clock_.wall();
  Json listeners = Json::array(), clients = Json::array();
  for (const auto& listener : listeners_) listeners.push_back(listener_json(*listener));
  broker_->for_each_client([&](const mqtt::Client& client, std::size_t queued, std::size_t inflight) {
    const auto* state = static_cast<const ClientState*>(client.host_data);
    if (state == nullptr || state->adapter != nullptr) return;  // a session whose client is away; an adapter
    clients.push_back({{"id", client.client_id},
                       {"device", state->device->ref.id},
                       {"product", state->device->ref.product},
                       {"protocol", protocol(client.version)},
                       {"transport", state->link->transport()},
                       {"address", state->link->address()},
                       {"auth", to_string(state->method)},
                       {"since_ms", milliseconds(state->since)},
                       {"last_seen_ms", milliseconds(wall - (now - state->last_seen))},
                       {"published", state->published},
                       {"refused", state->refused},
                       {"queued", queued},
                       {"inflight", inflight}});
  });
  std::size_t connected = 0;
  directory_.for_each([&](const Device& device) { connected += device.connections > 0 ? 1 : 0; });
  const auto broker = broker_->stats();
  const auto& auth = authenticator_.stats();
  const auto& host = host_.stats();
  return {{"known", directory_.size()},
          {"connected", connected},
          {"links", links_.size()},
          {"paused", links_.paused()},
          {"listeners", std::move(listeners)},
          {"clients", std::move(clients)},
          {"broker",
           {{"connections", broker.connections},
            {"sessions", broker.sessions},
            {"subscriptions", broker.subscriptions},
            {"retained", broker.retained},
            {"retained_bytes", broker.retained_bytes},
            {"queued_messages", broker.queued_messages},
            {"queued_bytes", broker.queued_bytes},
            {"received", broker.received},
            {"sent", broker.sent},
            {"dropped_qos0", broker.dropped_qos0},
            {"dropped_queue_full", broker.dropped_queue_full},
            {"dropped_expired", broker.dropped_expired},
            {"dropped_too_large", broker.dropped_too_large},
            {"protocol_errors", broker.protocol_errors},
            {"connects_refused", broker.connects_refused},
            {"slow_consumers_cut", broker.slow_consumers_cut}}},
          {"auth",
           {{"accepted", auth.accepted},
            {"refused", auth.refused},
            {"busy", auth.busy},
            {"throttled", auth.throttled},
            {"newcomers", auth.newcomers},
            {"hashes", auth.hashes}}},
          {"publishes",
           {{"taken", host.published},
            {"denied", host.denied_publish},
            {"refused_by_route", host.refused_by_route},
            {"refused_full", host.refused_full},
            {"withheld", host.withheld},
            {"too_large", host.too_large}}},
          {"subscribes_denied", host.denied_subscribe},
          {"receives_denied", host.denied_receive},
          {"mailbox",
           {{"waiting", mailbox_.waiting()},
            {"bytes", mailbox_.bytes()},
            {"handed_over", mailbox_.handed_over},
            {"displaced", mailbox_.displaced},
            {"expired", mailbox_.expired},
            {"refused", mailbox_.refused}}}};
}

Json Room::devices() const {
  std::map<const Device*, const ClientState*> online;
  std::map<const Device*, mqtt::Version> versions;
  broker_->for_each_client([&](const mqtt::Client& client, std::size_t, std::size_t) {
    const auto* state = static_cast<const ClientState*>(client.host_data);
    if (state == nullptr || state->adapter != nullptr) return;
    online[state->device.get()] = state;
    versions[state->device.get()] = client.version;
  });
  const auto now = clock_.now();
  const auto wall = clock_.wall();
  Json all = Json::array();
  directory_.for_each([&](const Device& device) {
    const auto it = online.find(&device);
    const auto* state = it == online.end() ? nullptr : it->second;
    auto seen = device.last_seen == WallTime{} ? 0 : milliseconds(device.last_seen);
    if (state != nullptr) seen = std::max(seen, milliseconds(wall - (now - state->last_seen)));
    all.push_back({{"id", device.ref.id},
                   {"product", device.ref.product},
                   {"enabled", device.enabled},
                   {"source", device.from_config ? "config"
                              : device.anonymous ? "anonymous"
                              : device.vouched   ? "adapter"
                                                 : "added"},
                   {"connected", device.connections > 0},
                   {"adapter", device.holder},
                   {"auth", to_string(device.method)},
                   {"lane", device.ref.lane},
                   {"thing", device.ref.lane == kGatewayLane ? options_.thing : device.ref.id},
                   {"protocol", state == nullptr ? "" : protocol(versions[&device])},
                   {"address", state == nullptr ? "" : state->link->address()},
                   {"readings", device.readings},
                   {"refused", device.refused},
                   {"connects", device.connects},
                   {"waiting", mailbox_.waiting(device.ref.id)},
                   {"last_seen_ms", seen}});
  });
  return all;
}

}  // namespace sluice::device
