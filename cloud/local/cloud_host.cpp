#include "cloud/local/cloud_host.hpp"

#include <algorithm>
#include <utility>

#include "aws/limits.hpp"
#include "cloud/local/aws_rules.hpp"
#include "mqtt/codec.hpp"

namespace sluice::cloud {
namespace {

using mqtt::Reason;

constexpr std::size_t kMostContexts = 20'000;  // offline ones above this are forgotten after an hour
constexpr std::size_t kMostCounted = 100'000;  // things in the counts
constexpr std::size_t kMostEvents = 10'000;    // per turn

}  // namespace

CloudHost::CloudHost(Parts parts)
    : parts_(std::move(parts)),
      presence_(parts_.clock),
      connects_(parts_.quotas),
      gate_(parts_.clock, [this](mqtt::Ticket ticket) { broker_->committed(ticket); }) {}

void CloudHost::attach(mqtt::Broker& broker) { broker_ = &broker; }

void CloudHost::authenticate(mqtt::Transport& transport, const mqtt::Connect& connect,
                             mqtt::ConnectReply reply) {
  // Listener: every transport is a PeerConnection.
  auto& peer = static_cast<PeerConnection&>(transport);
  if (waits_for_activation(peer)) return peer.drop("the certificate waits for its activation");
  reply(judge(peer, connect));
}

// Just-in-time registration: the first connection registers the certificate, and none is answered before it
// is active.
bool CloudHost::waits_for_activation(PeerConnection& peer) {
  const std::string& id = peer.peer().certificate_id;
  if (id.empty()) return false;
  const auto known = parts_.registry.certificate(id);
  if (known && known->status != "PENDING_ACTIVATION") return false;
  if (parts_.newcomer) parts_.newcomer(peer.certificate_pem());
  return true;
}

mqtt::ConnectVerdict CloudHost::judge(PeerConnection& peer, const mqtt::Connect& connect) {
  const auto no = [](Reason reason, std::string text) {
    mqtt::ConnectVerdict verdict;
    verdict.reason = reason;
    verdict.reason_string = std::move(text);
    return verdict;
  };
  if (const auto reason = parts_.faults.refuse_connect(connect.client_id))
    return no(*reason, "fault refuse-connect");
  if (const auto refusal = client_id_refusal(connect.client_id))
    return no(refusal->reason, std::string(refusal->text));
  if (!connects_.admit(connect.client_id, parts_.clock.now())) {
    return no(connect.version == mqtt::Version::v5 ? Reason::quota_exceeded : Reason::server_unavailable,
              "CONNECT rate exceeded");
  }
  const PeerFacts& facts = peer.peer();
  auto principal = facts.certificate_id.empty() ? parts_.registry.insecure_principal(connect.client_id)
                                                : parts_.registry.principal(facts.certificate_id);
  if (!principal || !principal->active()) return no(Reason::not_authorized, "the certificate is not active");
  auto context = std::make_shared<ClientContext>(parts_.scope, parts_.quotas, facts, connect);
  context->connection = peer.self();
  context->set_identity(std::move(principal), parts_.registry.thing(connect.client_id));
  const bool may_come = context->may("iot:Connect", "client", connect.client_id) &&
                        (!connect.will || will_allowed(*context, *connect.will));
  if (!may_come) {
    parts_.words.info("client {} from {} is not allowed to connect by the policies of {}", connect.client_id,
                      facts.address, context->thing_name());
    announce(presence_.connect_failed(context->presence));
    return no(Reason::not_authorized, "no policy allows this connection");
  }
  peer.attachment = context;
  mqtt::ConnectVerdict verdict;
  verdict.host_data = &peer;
  return verdict;
}

bool CloudHost::will_allowed(ClientContext& context, const mqtt::Will& will) {
  // A retained will is allowed where a retained publish is not (reserved topics stay closed).
  return !publish_refusal(will.topic, will.payload.size(), false) &&
         context.may("iot:Publish", "topic", will.topic) &&
         (!will.retain || context.may("iot:RetainPublish", "topic", will.topic));
}

void CloudHost::connected(mqtt::Client& client, bool) {
  auto& peer = *static_cast<PeerConnection*>(client.host_data);
  auto context = std::static_pointer_cast<ClientContext>(std::exchange(peer.attachment, nullptr));
  if (context->presence.client_id != client.client_id) context->set_client_id(client.client_id);
  context->online = true;
  context->presence.version = presence_.next_version(client.client_id);
  parts_.words.info("{} connected from {}{}{}", client.client_id, context->peer.address,
                    context->peer.server_name.empty() ? "" : " to " + context->peer.server_name,
                    context->mqtt5 ? ", MQTT 5" : ", MQTT 3.1.1");
  announce(presence_.connected(context->presence));
  contexts_[client.client_id] = std::move(context);
  if (contexts_.size() > kMostContexts) forget_old();
}

void CloudHost::disconnected(mqtt::Client& client, mqtt::DisconnectCause cause, std::string_view detail) {
  auto* context = context_of(client.client_id);
  if (context == nullptr || !context->online) return;
  context->online = false;
  context->ended = parts_.clock.now();
  parts_.words.info("{} disconnected: {} ({})", client.client_id,
                    disconnect_reason(cause, context->forbidden), detail);
  announce(presence_.disconnected(context->presence, cause, context->forbidden));
}

ClientContext* CloudHost::context_of(std::string_view client_id) {
  const auto it = contexts_.find(client_id);
  return it == contexts_.end() ? nullptr : it->second.get();
}

void CloudHost::forget_old() {
  const auto now = parts_.clock.now();
  std::erase_if(contexts_, [now](const auto& entry) {
    return !entry.second->online && now - entry.second->ended > std::chrono::hours(1);
  });
}

mqtt::PublishVerdict CloudHost::refuse(ClientContext& context, const mqtt::Publish& publish, Reason reason,
                                       std::string_view text) {
  ++refused_publishes_;
  parts_.words.info("{} may not publish to {}: {}", context.presence.client_id, publish.topic, text);
  mqtt::PublishVerdict verdict;
  verdict.reason = reason;
  verdict.reason_string = text;
  verdict.deliver = false;
  verdict.close = publish.qos == 0;  // no PUBACK that could carry the reason
  if (reason == Reason::not_authorized && (verdict.close || !context.mqtt5)) context.forbidden = true;
  return verdict;
}

bool CloudHost::within_rate(ClientContext& context) {
  const auto now = parts_.clock.now();
  if (const auto throttle = parts_.faults.throttle()) {
    context.publishes.set_rate(throttle->rate, std::max(1.0, throttle->rate));
    if (throttle->delayed) {
      const auto wait = context.publishes.owe(1, now);
      if (const auto peer = context.connection.lock()) peer->hold_back(wait);
      return true;
    }
  } else if (!parts_.quotas.on) {
    return true;
  } else {
    context.publishes.set_rate(parts_.quotas.publishes_per_second, parts_.quotas.publishes_per_second);
  }
  if (context.publishes.take(1, now)) return true;
  ++dropped_by_quota_;
  ++context.dropped;
  return false;
}

mqtt::PublishVerdict CloudHost::on_publish(mqtt::Client& client, const mqtt::Publish& publish,
                                           bool from_will) {
  mqtt::PublishVerdict verdict;
  auto* context = context_of(client.client_id);
  if (context == nullptr) {  // a will of a session that was forgotten
    verdict.deliver = false;
    return verdict;
  }
  if (!from_will) {
    if (const auto closing = parts_.faults.close_on(publish.topic, publish.payload)) {
      verdict.deliver = false;
      verdict.withhold = true;
      if (closing->abrupt) {
        if (const auto peer = context->connection.lock()) peer->drop("fault close-on");
      } else {
        verdict.close = true;
        verdict.reason = closing->reason;
        verdict.reason_string = "fault close-on";
      }
      return verdict;
    }
    if (!within_rate(*context)) {
      verdict.withhold = true;
      verdict.deliver = false;
      return verdict;
    }
  }
  if (const auto refusal =
          publish_refusal(publish.topic, publish.payload.size(), publish.retain && !from_will)) {
    return refuse(*context, publish, refusal->reason, refusal->text);
  }
  if (!context->may("iot:Publish", "topic", publish.topic) ||
      (publish.retain && !context->may("iot:RetainPublish", "topic", publish.topic))) {
    return refuse(*context, publish, Reason::not_authorized, "no policy allows it");
  }
  auto request = parts_.requests && !from_will ? parts_.requests(publish.topic) : Request();
  verdict.deliver = !request && !rule_topic(publish.topic);
  if (request) {
    // Not in the log: requests carry tokens. Beyond the bound there is no answer, as when AWS is too busy.
    ++context->received;
    if (asked_.size() < kMostEvents) {
      asked_.push_back(
          {contexts_.find(client.client_id)->second, std::move(request), std::string(publish.payload)});
    }
    settle_later();
  } else {
    record(*context, publish, from_will);
  }
  if (!from_will && publish.qos > 0) {
    verdict.ticket = gate_.join(parts_.faults.puback_delay());
    if (parts_.faults.lose_puback()) {
      verdict.withhold = true;
      ++pubacks_lost_;
      // The engine delivers nothing that it does not acknowledge; the cloud took it.
      if (verdict.deliver) {
        lost_.push_back(
            {std::string(publish.topic), std::string(publish.payload), publish.qos, publish.retain});
      }
    }
  }
  return verdict;
}

void CloudHost::record(ClientContext& context, const mqtt::Publish& publish, bool from_will) {
  ++context.received;
  if (!rule_topic(publish.topic)) {
    metered_units_ +=
        std::max<std::size_t>(1, (publish.payload.size() + aws::kMeteringUnit - 1) / aws::kMeteringUnit);
  }
  const auto it = counts_.find(context.thing_name());
  if (it != counts_.end() || counts_.size() < kMostCounted) {
    ThingCounts& counts = it != counts_.end() ? it->second : counts_[context.thing_name()];
    ++counts.received;
    counts.bytes += publish.payload.size();
    counts.last = parts_.clock.wall();
  }
  parts_.log.add({context.presence.client_id, context.thing_name(), context.mqtt5, from_will, &publish,
                  parts_.log_region});
  settle_later();
}

mqtt::SubscribeVerdict CloudHost::may_subscribe(mqtt::Client& client, std::string_view filter, std::uint8_t) {
  mqtt::SubscribeVerdict verdict;
  verdict.maximum_qos = 1;
  auto* context = context_of(client.client_id);
  if (const auto refusal = subscribe_refusal(filter)) {
    verdict.reason = refusal->reason;
  } else if (context == nullptr || !context->may("iot:Subscribe", "topicfilter", filter)) {
    verdict.reason = Reason::not_authorized;
  }
  if (verdict.reason != Reason::success) {
    parts_.words.info("{} may not subscribe to {}", client.client_id, filter);
  }
  return verdict;
}

bool CloudHost::may_receive(mqtt::Client& client, std::string_view topic) {
  auto* context = context_of(client.client_id);
  if (context == nullptr || !context->may("iot:Receive", "topic", topic)) return false;
  if (context->online && parts_.quotas.on && !within_rate(*context)) return false;
  ++context->sent;
  return true;
}

void CloudHost::subscribed(mqtt::Client& client, std::string_view filter) {
  subscription_event(client.client_id, filter, true);
}

void CloudHost::unsubscribed(mqtt::Client& client, std::string_view filter) {
  subscription_event(client.client_id, filter, false);
}

// The filters of one packet become one event.
void CloudHost::subscription_event(std::string_view client_id, std::string_view filter, bool subscribed) {
  const auto* context = context_of(client_id);
  if (context == nullptr || subscriptions_.size() >= kMostEvents) return;
  if (subscriptions_.empty() || subscriptions_.back().client.session_id != context->presence.session_id ||
      subscriptions_.back().subscribed != subscribed) {
    subscriptions_.push_back({context->presence, subscribed, {}});
  }
  subscriptions_.back().filters.emplace_back(filter);
  settle_later();
}

void CloudHost::note(const mqtt::Client* client, Reason reason, std::string_view text) {
  parts_.words.debug("{}: {} ({})", client != nullptr ? client->client_id : "a connection", text,
                     mqtt::to_string(reason));
}

void CloudHost::announce(PresenceEvent event) {
  if (event.topic.empty() || events_.size() >= kMostEvents) return;
  events_.push_back(std::move(event));
  settle_later();
}

void CloudHost::settle_later() {
  if (std::exchange(settling_, true)) return;
  parts_.later([this] { settle(); });
}

void CloudHost::settle() {
  settling_ = false;
  if (auto written = parts_.log.flush(); written) {
    gate_.sealed();
  } else {
    parts_.words.error("{}", written.error().text);
  }
  for (auto& change : std::exchange(subscriptions_, {})) {
    events_.push_back(presence_.subscriptions(change.client, change.subscribed, change.filters));
  }
  for (const auto& event : std::exchange(events_, {})) {
    mqtt::Publish publish;
    publish.topic = event.topic;
    publish.payload = event.payload;
    publish.qos = 1;
    if (!event.topic.empty()) broker_->publish(publish);
  }
  for (const auto& asked : std::exchange(asked_, {})) answer(asked);
  for (const auto& message : std::exchange(lost_, {})) {
    mqtt::Publish publish;
    publish.topic = message.topic;
    publish.payload = message.payload;
    publish.qos = message.qos;
    publish.retain = message.retain;
    broker_->publish(publish);
  }
}

void CloudHost::answer(const Asked& asked) {
  auto reply = asked.request(*asked.client, asked.payload);
  if (!reply) return;
  if (reply->delay <= Duration::zero()) return deliver(*asked.client, *reply);
  const auto delay = reply->delay;
  parts_.clock.call_after(
      delay, [this, alive = std::weak_ptr(alive_), client = asked.client, late = std::move(*reply)] {
        if (!alive.expired()) deliver(*client, late);
      });
}

// Straight to the connection, subscribed or not, with QoS 0: the engine's packet identifiers are its own.
void CloudHost::deliver(ClientContext& client, const Reply& reply) {
  const auto peer = client.connection.lock();
  if (!peer || !client.online) return;
  if (!client.may("iot:Receive", "topic", reply.topic)) {
    parts_.words.info("{} may not receive {}", client.presence.client_id, reply.topic);
    return;
  }
  mqtt::Publish publish;
  publish.topic = reply.topic;
  publish.payload = reply.payload;
  mqtt::encode(publish, client.mqtt5 ? mqtt::Version::v5 : mqtt::Version::v311, peer->out);
  ++client.sent;
  peer->wake();
}

void CloudHost::recheck_identities() {
  parts_.registry.drop_expired(
      std::chrono::duration_cast<std::chrono::seconds>(parts_.clock.wall().time_since_epoch()).count());
  if (auto done = parts_.registry.refresh(); !done) parts_.words.error("{}", done.error().text);
  std::vector<std::string> closed;
  for (const auto& [client_id, context] : contexts_) {
    if (!context->online || context->peer.certificate_id.empty()) continue;
    auto principal = parts_.registry.principal(context->peer.certificate_id);
    if (!principal || !principal->active()) {
      closed.push_back(client_id);
    } else if (principal.get() != &context->principal()) {
      context->set_identity(std::move(principal), parts_.registry.thing(client_id));
    }
  }
  for (const auto& client_id : closed) {
    parts_.words.info("{}: its certificate is no longer active", client_id);
    broker_->disconnect(client_id, Reason::not_authorized);
  }
}

}  // namespace sluice::cloud
