#include "device/session_host.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "device/adapters.hpp"
#include "device/link.hpp"
#include "device/printable.hpp"

namespace sluice::device {
namespace {

using mqtt::Reason;

// Withheld acks: after this long the client is sent off, to connect and send again.
constexpr Duration kMostWithheld = 30s;

std::string_view text_of(const std::optional<std::string_view>& text) {
  return text.value_or(std::string_view());
}

}  // namespace

SessionHost::SessionHost(boost::asio::io_context& loop, Clock& clock, Log log, Directory& directory,
                         Authenticator& authenticator, Mailbox& mailbox, store::Store& store,
                         ReadingSink& readings)
    : loop_(loop),
      clock_(clock),
      log_(std::move(log)),
      directory_(directory),
      authenticator_(authenticator),
      mailbox_(mailbox),
      store_(store),
      readings_(readings),
      log_limit_(0.1, 5, 2'000),
      now_(clock.now()) {}

SessionHost::~SessionHost() { *alive_ = false; }

void SessionHost::authenticate(mqtt::Transport& transport, const mqtt::Connect& connect,
                               mqtt::ConnectReply reply) {
  auto& wire = static_cast<Wire&>(transport);
  if (auto device = wire.proven()) {
    mqtt::ConnectVerdict verdict;
    log_in(wire, std::move(device), AuthMethod::adapter, verdict);
    return reply(std::move(verdict));
  }
  auto& link = static_cast<Link&>(transport);
  if (link.listener().for_adapters) return reply(adapters_->authenticate(link, connect));
  if (adapters_->owns(link.peer().pid)) {
    // It would be another way to speak for devices that it does not have.
    log_.warn("refused an adapter (process {}) on {}", link.peer().pid, link.listener().name());
    return reply({.reason = Reason::not_authorized,
                  .reason_string = "adapters have a socket of their own",
                  .host_data = nullptr,
                  .client_id = {}});
  }
  AuthRequest request{.peer = link.peer(),
                      .anonymous_allowed = link.listener().options().anonymous,
                      .certificate = link.certificate_name(),
                      .client_id = std::string(connect.client_id),
                      .username = {},
                      .password = {}};
  if (connect.username) {
    // AWS's SDKs append their name to the username of every CONNECT ("?SDK=Python&Version=..."): not part of
    // it.
    const auto name = connect.username->substr(0, connect.username->find("?SDK="));
    if (!name.empty()) request.username.emplace(name);
  }
  if (connect.password) request.password.emplace(*connect.password);
  authenticator_.check(std::move(request),
                       [this, weak = link.weak_from_this(), reply = std::move(reply)](AuthAnswer answer) {
                         const auto to = weak.lock();
                         if (!to) return;
                         mqtt::ConnectVerdict verdict{.reason = answer.reason,
                                                      .reason_string = std::move(answer.text),
                                                      .host_data = nullptr,
                                                      .client_id = {}};
                         // One device, one holder: while an adapter speaks for it nobody else does.
                         if (answer.device && !answer.device->holder.empty()) {
                           verdict.reason = Reason::not_authorized;
                           verdict.reason_string = "an adapter has the device";
                           if (may_log(answer.device->ref.id)) {
                             log_.warn("refused `{}` from {}: adapter {} has the device",
                                       answer.device->ref.id, to->peer().text(), answer.device->holder);
                           }
                         } else if (answer.device) {
                           log_in(*to, answer.device, answer.method, verdict);
                         }
                         reply(std::move(verdict));
                       });
}

void SessionHost::log_in(Wire& wire, std::shared_ptr<Device> device, AuthMethod method,
                         mqtt::ConnectVerdict& verdict) {
  // Anonymous clients without a name share a device, and each gets a session of its own.
  if (method != AuthMethod::anonymous) verdict.client_id = device->ref.id;
  auto state = std::make_unique<ClientState>();
  state->device = std::move(device);
  state->link = &wire;
  state->method = method;
  verdict.host_data = state.get();
  const auto& limits = state->device->limits;
  wire.limit(limits.publishes_per_second, static_cast<double>(limits.bytes_per_second));
  wire.client = std::move(state);
}

mqtt::ClientBounds SessionHost::bounds_of(const mqtt::Client& client) {
  const auto* state = static_cast<const ClientState*>(client.host_data);
  const auto device =
      state != nullptr ? state->device : directory_.find(device_of_client_id(client.client_id));
  if (!device) return {};
  const auto& limits = device->limits;
  return {.receive_maximum = limits.inflight,
          .maximum_packet_size = static_cast<std::uint32_t>(limits.packet_size),  // 16 MiB at most
          .maximum_queued_messages = limits.queue_messages,
          .maximum_queued_bytes = limits.queue_bytes};
}

void SessionHost::connected(mqtt::Client& client, bool session_present) {
  auto& state = *static_cast<ClientState*>(client.host_data);
  state.client = &client;
  state.since = clock_.wall();
  state.last_seen = now_;
  if (state.adapter != nullptr) return state.adapter->connected(client, *state.link);
  clients_[client.client_id] = &state;
  auto& device = *state.device;
  device.method = state.method;
  device.last_seen = state.since;
  ++device.connects;
  ++device.connections;
  log_.debug("{} connected as {} from {}", device.ref.id, client.client_id, state.link->address());
  if (session_present) soon_hand_over(device.ref.id);
}

void SessionHost::disconnected(mqtt::Client& client, mqtt::DisconnectCause cause, std::string_view detail) {
  auto* state = static_cast<ClientState*>(client.host_data);
  // A will may still come for this client, when the link and its state have gone.
  client.host_data = nullptr;
  if (state == nullptr || state->client == nullptr) return;
  state->client = nullptr;
  if (state->adapter != nullptr) return state->adapter->disconnected(detail);
  auto& device = *state->device;
  if (device.connections > 0) --device.connections;
  device.last_seen = clock_.wall();
  if (const auto it = clients_.find(client.client_id); it != clients_.end() && it->second == state)
    clients_.erase(it);
  using Cause = mqtt::DisconnectCause;
  const bool unusual = cause == Cause::protocol_violation || cause == Cause::slow_consumer;
  if (unusual && may_log(device.ref.id)) {
    log_.warn("{} was cut off: {}", device.ref.id, detail);
  } else {
    log_.debug("{} has gone: {}", device.ref.id, detail);
  }
}

mqtt::PublishVerdict SessionHost::deny(const DeviceRef& device, std::string_view topic) {
  ++stats_.denied_publish;
  if (may_log(device.id)) {
    log_.warn("{} may not publish to `{}`: may_publish of product {} does not allow it", device.id,
              printable(topic, 128), device.product);
  }
  return {.reason = Reason::not_authorized,
          .deliver = false,
          .reason_string = "this device may not publish to this topic"};
}

mqtt::PublishVerdict SessionHost::on_publish(mqtt::Client& client, const mqtt::Publish& publish,
                                             bool from_will) {
  auto* state = static_cast<ClientState*>(client.host_data);
  if (state != nullptr && state->adapter != nullptr) return state->adapter->on_publish(publish);
  // A will is judged by the rights of today, whether or not its client is still there.
  const auto device = state != nullptr ? nullptr : directory_.find(device_of_client_id(client.client_id));
  if (state == nullptr && !device)
    return {.reason = Reason::not_authorized, .deliver = false, .reason_string = "unknown device"};
  return take(state != nullptr ? *state->device : *device, state, publish, client.version, from_will);
}

mqtt::PublishVerdict SessionHost::publish_for(ClientState& state, const mqtt::Publish& publish) {
  auto verdict = take(*state.device, &state, publish, mqtt::Version::v5, false);
  if (verdict.withhold) {
    state.withheld = false;
    return {
        .reason = Reason::quota_exceeded, .deliver = false, .reason_string = "the store cannot write now"};
  }
  verdict.close = false;
  if (verdict.deliver && !mqtt::failed(verdict.reason))
    verdict.ticket = std::max(verdict.ticket, broker_->publish(publish));
  verdict.deliver = false;  // what the adapter's packet says is not for subscribers
  return verdict;
}

mqtt::PublishVerdict SessionHost::take(Device& from, ClientState* state, const mqtt::Publish& publish,
                                       mqtt::Version version, bool from_will) {
  if (from.removed || !from.enabled)
    return {
        .reason = Reason::not_authorized, .deliver = false, .close = true, .reason_string = "not any more"};
  if (state == nullptr || !state->publishes.has(publish.topic)) {
    if (is_reserved(publish.topic) || !from.access->may_publish(publish.topic)) {
      ++from.refused;
      if (state != nullptr) ++state->refused;
      return deny(from.ref, publish.topic);
    }
    if (state != nullptr) state->publishes.add(publish.topic);
  }
  if (publish.topic.size() + publish.payload.size() > from.limits.packet_size) {
    ++stats_.too_large;
    return {.reason = Reason::packet_too_large,
            .deliver = false,
            .close = !from_will,
            .reason_string = "larger than the limit of the device's product"};
  }
  if (state != nullptr && !from_will) {
    state->link->count_publish();
    state->last_seen = now_;
    ++state->published;
  }
  ++stats_.published;
  ++from.readings;
  const Reading reading{.topic = publish.topic,
                        .payload = publish.payload,
                        .content_type = text_of(publish.properties.content_type),
                        .user_properties = publish.properties.user,
                        .qos = publish.qos};
  return judge(readings_.offer(from.ref, reading), version, publish.qos, state);
}

// As core/sinks.hpp says. Without an ack at QoS 0 there is nothing to refuse with.
mqtt::PublishVerdict SessionHost::judge(const Offer& offer, mqtt::Version version, std::uint8_t qos,
                                        ClientState* state) {
  const auto withhold = [&] {
    ++stats_.withheld;
    if (state != nullptr && qos > 0 && !state->withheld) {
      state->withheld = true;
      state->withheld_since = now_;
    }
    return mqtt::PublishVerdict{.deliver = false, .withhold = true, .reason_string = {}};
  };
  switch (offer.kind) {
    case Offer::Kind::queued:
    case Offer::Kind::ended:
      return {.ticket = offer.ticket, .deliver = offer.deliver_locally, .reason_string = {}};
    case Offer::Kind::local:
      return {.ticket = offer.ticket, .deliver = true, .reason_string = {}};
    case Offer::Kind::refused:
      ++stats_.refused_by_route;
      if (state != nullptr) ++state->refused;
      return {
          .reason = Reason::not_authorized, .deliver = false, .reason_string = "no route takes this topic"};
    case Offer::Kind::full:
      if (version != mqtt::Version::v5 || qos == 0) return withhold();
      ++stats_.refused_full;
      return {
          .reason = Reason::quota_exceeded, .deliver = false, .reason_string = "the gateway's store is full"};
    case Offer::Kind::unavailable:
      return withhold();
  }
  return withhold();
}

mqtt::SubscribeVerdict SessionHost::may_subscribe(mqtt::Client& client, std::string_view filter,
                                                  std::uint8_t) {
  const auto* state = static_cast<const ClientState*>(client.host_data);
  if (state == nullptr || state->device->removed || !state->device->enabled)
    return {.reason = Reason::not_authorized};
  if (state->adapter != nullptr)
    return {.reason = state->adapter->may_subscribe(filter) ? Reason::success : Reason::not_authorized};
  const auto& device = *state->device;
  if (!is_reserved(filter) && device.access->may_subscribe(filter)) return {};
  ++stats_.denied_subscribe;
  if (may_log(device.ref.id)) {
    log_.warn("{} may not subscribe to `{}`: may_subscribe of product {} does not allow it", device.ref.id,
              printable(filter, 128), device.ref.product);
  }
  return {.reason = Reason::not_authorized};
}

void SessionHost::subscribed(mqtt::Client& client, std::string_view) {
  const auto* state = static_cast<const ClientState*>(client.host_data);
  if (state != nullptr && state->adapter != nullptr) return state->adapter->subscribed();
  if (state != nullptr) soon_hand_over(state->device->ref.id);
}

bool SessionHost::may_receive(mqtt::Client& client, std::string_view topic) {
  auto* state = static_cast<ClientState*>(client.host_data);
  if (state == nullptr) {
    // Queued for a session that is away: judged again when it comes.
    return true;
  }
  if (state->adapter != nullptr) return state->adapter->may_receive(topic);
  if (!state->receives.has(topic)) {
    if (!state->device->access->may_receive(topic)) {
      ++stats_.denied_receive;
      return false;
    }
    state->receives.add(topic);
  }
  if (delivering_to_ != nullptr && state->device->ref.id != *delivering_to_) ++reached_others_;
  return true;
}

void SessionHost::note(const mqtt::Client* client, Reason reason, std::string_view text) {
  const std::string who = client == nullptr ? "a client that has not logged in" : client->client_id;
  if (may_log(who)) log_.warn("{}: {} ({})", who, text, mqtt::to_string(reason));
}

void SessionHost::expel(const Device& device, Reason reason, bool drop_session) {
  std::vector<std::string> ids;
  for (const auto& [id, state] : clients_) {
    if (state->device.get() == &device) ids.push_back(id);
  }
  for (const auto& id : ids) broker_->disconnect(id, reason, drop_session);
  // Its main session may be there without a connection.
  if (drop_session) broker_->disconnect(device.ref.id, reason, true);
}

void SessionHost::recheck_all() {
  std::vector<std::string> ids;
  for (const auto& [id, state] : clients_) {
    state->publishes.clear();
    state->receives.clear();
    const auto& limits = state->device->limits;
    state->link->limit(limits.publishes_per_second, static_cast<double>(limits.bytes_per_second));
    ids.push_back(id);
  }
  for (const auto& id : ids) broker_->recheck(id);
}

void SessionHost::relieved() {
  std::vector<std::string> ids;
  for (const auto& [id, state] : clients_) {
    if (state->withheld) ids.push_back(id);
  }
  if (!ids.empty())
    log_.info("{} clients are sent off to connect and send again what was not acknowledged", ids.size());
  for (const auto& id : ids) broker_->disconnect(id, Reason::server_busy, false);
}

void SessionHost::tick(MonoTime now) {
  now_ = now;
  std::vector<std::string> ids;
  for (const auto& [id, state] : clients_) {
    if (state->withheld && now - state->withheld_since >= kMostWithheld) ids.push_back(id);
  }
  for (const auto& id : ids) broker_->disconnect(id, Reason::server_busy, false);
}

}  // namespace sluice::device
