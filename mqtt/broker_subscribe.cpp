// SUBSCRIBE and UNSUBSCRIBE (3.8, 3.9, 3.10, 3.11).
#include <algorithm>

#include "mqtt/broker_engine.hpp"
#include "mqtt/topic.hpp"

namespace sluice::mqtt {
namespace {

bool has_wildcard(std::string_view filter) { return filter.find_first_of("+#") != std::string_view::npos; }

}  // namespace

SubscribeVerdict Engine::judge(Session& session, const Subscribe& packet, const SubscribeEntry& entry) {
  SubscribeVerdict verdict;
  const bool shared = split_shared(entry.filter).has_value();
  const bool too_many_filters = options_.maximum_filters_per_subscribe != 0 &&
                                packet.entries.size() > options_.maximum_filters_per_subscribe;
  const bool too_many_subscriptions = session.subscriptions.size() >= options_.maximum_subscriptions &&
                                      !session.find_subscription(entry.filter);
  if (too_many_filters || too_many_subscriptions) {
    verdict.reason = Reason::quota_exceeded;
  } else if (shared && !options_.shared_available) {
    verdict.reason = Reason::shared_subscriptions_not_supported;
  } else if (has_wildcard(entry.filter) && !options_.wildcard_available) {
    verdict.reason = Reason::wildcard_subscriptions_not_supported;
  } else {
    verdict = host_.may_subscribe(session.client, entry.filter, entry.qos);
  }
  return verdict;
}

void Engine::on_subscribe(Session& session, const Subscribe& packet) {
  ClientConnection& connection = *session.connection;
  if (packet.subscription_identifier && !options_.subscription_identifiers_available) {
    return connection.protocol_error(Reason::subscription_identifiers_not_supported,
                                     "subscription identifiers are not served here");
  }
  for (const SubscribeEntry& entry : packet.entries) {
    if (entry.no_local && split_shared(entry.filter)) {
      return connection.protocol_error(Reason::protocol_error, "no-local on a shared subscription (3.8.3-4)");
    }
  }
  Suback suback;
  suback.packet_id = packet.packet_id;
  std::vector<RetainedJob> jobs;
  std::vector<std::string> granted;
  const std::uint64_t writes = persistence_.writes();
  for (const SubscribeEntry& entry : packet.entries) {
    const SubscribeVerdict verdict = judge(session, packet, entry);
    if (connection.is_closed()) return;
    if (verdict.close) {
      return connection.close(failed(verdict.reason) ? verdict.reason : Reason::not_authorized,
                              DisconnectCause::by_host, "the subscription is not allowed");
    }
    if (failed(verdict.reason)) {
      suback.reasons.push_back(connection.version() == Version::v5
                                   ? fitting(PacketType::suback, verdict.reason)
                                   : Reason::unspecified_error);
      continue;
    }
    SubscriptionOptions options;
    options.qos = std::min({entry.qos, verdict.maximum_qos, options_.maximum_qos});
    options.no_local = entry.no_local;
    options.retain_as_published = entry.retain_as_published;
    options.retain_handling = entry.retain_handling;
    options.identifier = packet.subscription_identifier.value_or(0);
    const bool fresh = tree_.subscribe(session, entry.filter, options);
    Subscription* subscription = session.find_subscription(entry.filter);
    if (!subscription) subscription = &session.subscriptions.emplace_back(std::string(entry.filter), options);
    subscription->options = options;
    if (session.client.persistent) persistence_.put_subscription(session, *subscription);
    suback.reasons.push_back(static_cast<Reason>(options.qos));
    granted.emplace_back(entry.filter);
    // 3.3.1-9 to 3.3.1-13; never for shared subscriptions (4.8.2).
    const bool retained = (entry.retain_handling == 0 || (entry.retain_handling == 1 && fresh)) &&
                          !split_shared(entry.filter) &&
                          (options_.retained_to_wildcards || !has_wildcard(entry.filter));
    if (retained) jobs.push_back({std::string(entry.filter), {}, options});
  }
  std::string bytes;
  encode(suback, connection.version(), bytes);
  connection.push_suback(std::move(bytes), std::move(jobs),
                         persistence_.writes() != writes ? persistence_.ticket() : 0);
  for (const std::string& filter : granted) {
    if (connection.is_closed()) return;
    host_.subscribed(session.client, filter);
  }
}

void Engine::on_unsubscribe(Session& session, const Unsubscribe& packet) {
  ClientConnection& connection = *session.connection;
  Unsuback unsuback;
  unsuback.packet_id = packet.packet_id;
  std::vector<std::string> gone;
  const std::uint64_t writes = persistence_.writes();
  for (const std::string_view filter : packet.filters) {
    const bool was = remove_subscription(session, filter);
    unsuback.reasons.push_back(was ? Reason::success : Reason::no_subscription_existed);
    if (was) gone.emplace_back(filter);
  }
  std::string bytes;
  encode(unsuback, connection.version(), bytes);
  connection.push_suback(std::move(bytes), {}, persistence_.writes() != writes ? persistence_.ticket() : 0);
  for (const std::string& filter : gone) {
    if (session.dead) return;
    host_.unsubscribed(session.client, filter);
  }
}

bool Engine::remove_subscription(Session& session, std::string_view filter) {
  const Subscription* subscription = session.find_subscription(filter);
  if (!subscription) return false;
  tree_.unsubscribe(session, filter);
  if (session.connection) session.connection->forget_retained(filter);
  if (session.client.persistent) persistence_.erase_subscription(session, filter);
  session.subscriptions.erase(session.subscriptions.begin() + (subscription - session.subscriptions.data()));
  return true;
}

}  // namespace sluice::mqtt
