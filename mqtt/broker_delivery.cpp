// From a publish to the sessions that it reaches: routing, shared subscriptions, queues and their bounds
// (3.3.4, 4.8.2).
//
// Overlapping subscriptions of a session get one copy at the highest QoS granted, with all their identifiers
// (3.3.4-2, 3.3.4-3); a shared subscription gets its own copy besides.
#include <algorithm>

#include "mqtt/broker_engine.hpp"

namespace sluice::mqtt {
namespace {

constexpr std::size_t kEntryOverhead = sizeof(Outgoing);

}  // namespace

void Engine::keep_retained(const Publish& publish) {
  if (!options_.retain_available) return;
  if (publish.payload.empty()) {
    if (retained_.erase(publish.topic)) persistence_.erase_retained(publish.topic);
    return;
  }
  const MessageRef message = store_message(publish, now_);
  if (retained_.set(message)) return persistence_.put_retained(*message);
  host_.note(nullptr, Reason::quota_exceeded, "the store of retained messages is full: one was not kept");
}

std::size_t Engine::route(const Publish& publish, const Session* publisher) {
  matches_.clear();
  tree_.match(publish.topic, matches_);
  if (matches_.empty()) return 0;
  // Callbacks below may route again, so the list is ours while we walk it.
  std::vector<Delivery> deliveries = std::move(spare_deliveries_);
  deliveries.clear();
  collect_deliveries(publisher, deliveries);
  MessageRef stored;
  std::size_t reached = 0;
  for (Delivery& delivery : deliveries) {
    Session& session = *delivery.session;
    if (session.dead) continue;
    const std::uint8_t qos = std::min(publish.qos, delivery.options.qos);
    const bool retain = publish.retain && delivery.options.retain_as_published;
    if (qos == 0) {
      reached += send_qos0(session, publish, retain, delivery.options.identifier, &delivery.more_identifiers)
                     ? 1
                     : 0;
      continue;
    }
    if (!session.connection && session.expiry == 0) continue;
    if (!stored) stored = store_message(publish, now_);
    Outgoing outgoing;
    outgoing.message = stored;
    outgoing.qos = qos;
    outgoing.retain = retain;
    outgoing.group = delivery.group;
    outgoing.identifier = delivery.options.identifier;
    if (!delivery.more_identifiers.empty()) {
      outgoing.more_identifiers =
          std::make_unique<std::vector<std::uint32_t>>(std::move(delivery.more_identifiers));
    }
    reached += enqueue(session, std::move(outgoing)) ? 1 : 0;
  }
  deliveries.clear();
  spare_deliveries_ = std::move(deliveries);
  return reached;
}

// One delivery per session, and one per share group. No callbacks here.
void Engine::collect_deliveries(const Session* publisher, std::vector<Delivery>& deliveries) {
  const std::uint64_t stamp = ++route_stamp_;
  for (const Subscriber& subscriber : matches_.plain) {
    Session& session = *subscriber.session;
    const SubscriptionOptions& options = subscriber.options;
    if (options.no_local && &session == publisher) continue;
    if (session.route_stamp != stamp) {
      session.route_stamp = stamp;
      session.route_index = static_cast<std::uint32_t>(deliveries.size());
      deliveries.push_back({&session, options, {}, 0});
      continue;
    }
    Delivery& delivery = deliveries[session.route_index];
    delivery.options.qos = std::max(delivery.options.qos, options.qos);
    delivery.options.retain_as_published |= options.retain_as_published;
    if (options.identifier == 0) continue;
    if (delivery.options.identifier == 0) {
      delivery.options.identifier = options.identifier;
    } else {
      delivery.more_identifiers.push_back(options.identifier);
    }
  }
  for (ShareGroup* group : matches_.groups) {
    if (const Subscriber* member = choose(*group, false)) {
      deliveries.push_back({member->session, member->options, {}, group->id});
    }
  }
}

// Round robin over the connected members, those with room first; if none is connected, over the sessions that
// wait for their clients.
Subscriber* Engine::choose(ShareGroup& group, bool needs_connection) {
  const std::size_t count = group.members.size();
  std::size_t best = count;
  int best_rank = 0;
  for (std::size_t i = 0; i < count && best_rank < 3; ++i) {
    const std::size_t at = (group.next + i) % count;
    const Session& session = *group.members[at].session;
    const ClientConnection* connection = session.connection;
    const int rank = connection ? (session.queue.empty() && connection->has_quota() ? 3 : 2)
                     : !needs_connection && session.expiry != 0 ? 1
                                                                : 0;
    if (rank > best_rank) {
      best_rank = rank;
      best = at;
    }
  }
  if (best == count) return nullptr;
  group.next = (best + 1) % count;
  return &group.members[best];
}

// A member of share groups has gone: what it was not sent goes to others that are connected. When its session
// ends, so does QoS 1 that it did not acknowledge; QoS 2 that it may have got must not (4.8.2-5).
void Engine::redistribute(Session& session, bool session_ends) {
  std::vector<Outgoing> moved;
  const auto take = [&](Ring<Outgoing>& from, bool inflight) {
    for (std::size_t i = 0; i < from.size();) {
      Outgoing& outgoing = from[i];
      const bool may_move = outgoing.group != 0 && outgoing.message &&
                            (outgoing.state == OutState::queued || outgoing.state == OutState::admitted ||
                             (session_ends && outgoing.qos == 1));
      ShareGroup* group = may_move ? tree_.group(outgoing.group) : nullptr;
      const Subscriber* member = group ? choose(*group, !session_ends) : nullptr;
      if (!member || member->session == &session) {
        ++i;
        continue;
      }
      Outgoing copy;
      copy.message = outgoing.message;
      copy.group = outgoing.group;
      copy.retain = outgoing.retain;
      moved.push_back(std::move(copy));
      if (inflight && outgoing.state != OutState::released && !outgoing.on_wire) --session.unsent;
      release(session, outgoing);
      from.erase(i);
      if (!inflight) --counters_.queued_messages;
    }
  };
  take(session.inflight, true);
  take(session.queue, false);
  for (Outgoing& outgoing : moved) {
    ShareGroup* group = tree_.group(outgoing.group);
    const Subscriber* member = group ? choose(*group, false) : nullptr;
    if (!member) continue;
    Session& other = *member->session;
    outgoing.qos = std::min(outgoing.message->qos, member->options.qos);
    outgoing.identifier = member->options.identifier;
    if (outgoing.qos > 0) {
      enqueue(other, std::move(outgoing));
    } else {
      send_qos0(other, view_of(*outgoing.message, now_), outgoing.retain, outgoing.identifier, nullptr);
    }
  }
}

bool Engine::send_qos0(Session& session, const Publish& publish, bool retain, std::uint32_t identifier,
                       const std::vector<std::uint32_t>* more) {
  ClientConnection* connection = session.connection;
  if (!connection) return false;
  if (connection->congested()) {
    ++counters_.dropped_qos0;
    return false;
  }
  if (!host_.may_receive(session.client, publish.topic) || connection->is_closed()) return false;
  Publish copy = publish;
  copy.qos = 0;
  copy.packet_id = 0;
  copy.dup = false;
  copy.retain = retain;
  if (identifier != 0) copy.properties.subscription_identifiers.push_back(identifier);
  if (more) {
    auto& identifiers = copy.properties.subscription_identifiers;
    identifiers.insert(identifiers.end(), more->begin(), more->end());
  }
  return connection->send(copy);
}

bool Engine::has_room(Session& session, const StoredMessage& message) {
  const auto fits = [&] {
    return session.queue.size() < session.bounds.maximum_queued_messages &&
           session.bytes + message.size() <= session.bounds.maximum_queued_bytes &&
           queued_bytes_ + kEntryOverhead + (message.queued == 0 ? message.size() : 0) <=
               options_.maximum_queued_bytes_total;
  };
  if (fits()) return true;
  drop_expired(session);
  return fits();
}

void Engine::drop_expired(Session& session) {
  if (session.pumping) return;  // the pump looks at the head of this queue
  for (std::size_t i = 0; i < session.queue.size();) {
    if (!session.queue[i].message->expired(now_)) {
      ++i;
      continue;
    }
    release(session, session.queue[i]);
    session.queue.erase(i);
    --counters_.queued_messages;
    ++counters_.dropped_expired;
  }
}

bool Engine::enqueue(Session& session, Outgoing outgoing) {
  if (!has_room(session, *outgoing.message)) {
    ++counters_.dropped_queue_full;
    host_.note(&session.client, Reason::quota_exceeded,
               "the session's queue is full: the newest message was dropped");
    return false;
  }
  StoredMessage& message = *outgoing.message;
  session.bytes += message.size();
  queued_bytes_ += kEntryOverhead + (message.queued++ == 0 ? message.size() : 0);
  const std::uint64_t sequence = session.next_sequence++;
  outgoing.sequence = sequence;
  session.queue.push_back(std::move(outgoing));
  ++counters_.queued_messages;
  pump(session);
  // If it has not been admitted (and written as such), it is written as waiting.
  if (session.dead || !session.client.persistent || session.queue.empty()) return true;
  for (std::size_t i = session.queue.size(); i > 0; --i) {
    Outgoing& entry = session.queue[i - 1];
    if (entry.sequence > sequence) continue;
    if (entry.sequence == sequence && !entry.journaled) persistence_.put_queued(session, entry);
    break;
  }
  return true;
}

void Engine::release(Session& session, Outgoing& outgoing) {
  if (outgoing.message) {
    StoredMessage& message = *outgoing.message;
    session.bytes -= message.size();
    queued_bytes_ -= kEntryOverhead + (--message.queued == 0 ? message.size() : 0);
  }
  persistence_.erase_queued(session, outgoing);
  outgoing.message = MessageRef();
}

void Engine::pump(Session& session) {
  while (!session.pumping && !session.dead && session.connection) {
    const ClientConnection* const connection = session.connection;
    session.pumping = true;
    flush_inflight(session);
    pump_queue(session);
    session.pumping = false;
    if (session.connection == connection) return;  // else the client came again during a callback
  }
}

void Engine::pump_queue(Session& session) {
  ClientConnection* const connection = session.connection;
  while (!session.dead && session.connection == connection && connection && !session.queue.empty() &&
         connection->has_quota(session.unsent) && !connection->congested()) {
    const bool expired = session.queue.front().message->expired(now_);
    if (!expired) {
      const MessageRef message = session.queue.front().message;
      const bool allowed = host_.may_receive(session.client, message->part(StoredMessage::topic));
      if (session.dead || session.connection != connection) return;
      if (allowed) {
        Outgoing outgoing = std::move(session.queue.front());
        session.queue.pop_front();
        --counters_.queued_messages;
        admit(session, std::move(outgoing));
        continue;
      }
    } else {
      ++counters_.dropped_expired;
    }
    release(session, session.queue.front());
    session.queue.pop_front();
    --counters_.queued_messages;
  }
}

}  // namespace sluice::mqtt
