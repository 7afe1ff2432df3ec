// Sessions: opening, take-over, ending, expiry; wills and their delay
// (3.1.2.4, 3.1.2.5, 3.1.2.11.2, 3.1.3.2.2, 4.1).
#include <algorithm>

#include "mqtt/broker_engine.hpp"

namespace sluice::mqtt {

Session* Engine::find(std::string_view client_id) {
  const auto it = sessions_.find(client_id);
  return it == sessions_.end() ? nullptr : it->second.get();
}

std::string Engine::new_client_id() {
  std::string id;
  do {
    id = "auto";
    std::uint64_t bits = random_();
    for (int i = 0; i < 16; ++i, bits >>= 4) id.push_back("0123456789abcdef"[bits & 15]);
  } while (find(id));
  return id;
}

Engine::Opened Engine::open_session(const Connect& connect, const std::string& client_id,
                                    std::uint32_t expiry) {
  // 3.1.4-3: one connection per client id. Closing the old one may end its session or publish its will. A
  // callback of that may let yet another connection in; the last one wins.
  Session* session = find(client_id);
  while (session && (session->connection || connect.clean_start)) {
    if (session->connection) {
      session->connection->close(Reason::session_taken_over, DisconnectCause::taken_over,
                                 "another connection came with this client identifier");
    } else {
      end_session(*session);
    }
    session = find(client_id);
  }
  const bool present = session != nullptr;
  if (!session) {
    auto fresh = std::make_unique<Session>();
    session = fresh.get();
    session->number = next_session_++;
    session->client.client_id = client_id;
    sessions_.emplace(client_id, std::move(fresh));
  } else {
    discard_will(*session);
  }
  Client& client = session->client;
  client.username = connect.username.value_or(std::string_view());
  client.version = connect.version;
  client.clean_start = connect.clean_start;
  session->expiry = expiry;
  session->disconnected_at = -1;
  session->expires_at = -1;
  take_will(*session, connect);
  update_deadline(*session);
  if (expiry != 0) {
    client.persistent = true;
    persistence_.put_session(*session);
  } else if (client.persistent) {
    unpersist(*session);
  }
  return {session, present};
}

void Engine::take_bounds(Session& session) {
  const ClientBounds own = host_.bounds_of(session.client);
  const auto or_ours = [](auto bound, auto ours) { return bound != 0 ? bound : ours; };
  session.bounds = {
      .receive_maximum = or_ours(own.receive_maximum, options_.receive_maximum),
      .maximum_packet_size = or_ours(own.maximum_packet_size, options_.maximum_packet_size),
      .maximum_queued_messages = or_ours(own.maximum_queued_messages, options_.maximum_queued_messages),
      .maximum_queued_bytes = or_ours(own.maximum_queued_bytes, options_.maximum_queued_bytes)};
}

// The session goes on but ends with this connection: it has no place in the journal any more.
void Engine::unpersist(Session& session) {
  session.client.persistent = false;
  persistence_.erase_session(session);
  for (std::size_t i = 0; i < session.inflight.size(); ++i) {
    persistence_.erase_queued(session, session.inflight[i]);
    session.inflight[i].ticket = 0;
  }
  for (std::size_t i = 0; i < session.queue.size(); ++i) persistence_.erase_queued(session, session.queue[i]);
}

void Engine::detach(Session& session, DisconnectCause cause, std::string_view detail, bool keep_will) {
  session.connection = nullptr;
  --counters_.connections;
  session.unsent = 0;
  for (std::size_t i = 0; i < session.inflight.size(); ++i) {
    session.inflight[i].on_wire = false;
    if (session.inflight[i].state != OutState::released) ++session.unsent;
  }
  session.disconnected_at = now_;
  if (!keep_will) discard_will(session);
  // A will that outlives a restart is left to the next start (3.1.2.5: a server may defer it until then).
  const bool will_now = session.will && (session.will->delay == 0 || session.expiry == 0) &&
                        !(cause == DisconnectCause::server_shutdown && session.expiry != 0);
  if (will_now) publish_will(session);
  host_.disconnected(session.client, cause, detail);
  if (session.dead || session.connection) return;  // a callback ended it or let its client in again
  session.client.host_data = nullptr;
  if (session.expiry == 0) return end_session(session);

  session.queue.shrink();
  session.inflight.shrink();
  if (session.expiry != kNeverExpires) session.expires_at = now_ + Milliseconds{session.expiry} * 1000;
  if (session.will) session.will_at = now_ + Milliseconds{session.will->delay} * 1000;
  update_deadline(session);
  persistence_.put_session(session);
  redistribute(session, false);
}

void Engine::end_session(Session& session) {
  if (session.dead) return;
  session.dead = true;
  session.expires_at = session.will_at = -1;
  update_deadline(session);
  for (const Subscription& subscription : session.subscriptions)
    tree_.unsubscribe(session, subscription.filter);
  if (session.client.persistent) persistence_.erase_session(session);
  redistribute(session, true);
  while (!session.inflight.empty()) {
    release(session, session.inflight.front());
    session.inflight.pop_front();
  }
  while (!session.queue.empty()) {
    release(session, session.queue.front());
    session.queue.pop_front();
    --counters_.queued_messages;
  }
  const auto it = sessions_.find(session.client.client_id);
  dead_sessions_.push_back(std::move(it->second));
  sessions_.erase(it);
  // 3.1.3.2.2: the end of the session does not wait for the will's delay.
  if (session.will) publish_will(session);
}

void Engine::take_will(Session& session, const Connect& connect) {
  session.will.reset();
  session.will_at = -1;
  if (!connect.will) return;
  Publish publish;
  publish.topic = connect.will->topic;
  publish.payload = connect.will->payload;
  publish.qos = connect.will->qos;
  publish.retain = connect.will->retain;
  publish.properties = connect.will->properties;
  session.will = std::make_unique<StoredWill>();
  session.will->message = store_message(publish, now_);
  session.will->delay = connect.will->delay;
}

void Engine::discard_will(Session& session) {
  session.will.reset();
  session.will_at = -1;
}

void Engine::publish_will(Session& session) {
  const MessageRef message = session.will->message;
  discard_will(session);
  message->arrived = now_;  // its expiry counts from its publication
  const Publish publish = view_of(*message, now_);
  const PublishVerdict verdict = host_.on_publish(session.client, publish, true);
  if (failed(verdict.reason) || !verdict.deliver) return;
  if (publish.retain) keep_retained(publish);
  route(publish, &session);
}

void Engine::update_deadline(Session& session) {
  Milliseconds next = session.expires_at;
  if (session.will_at >= 0 && (next < 0 || session.will_at < next)) next = session.will_at;
  if (next == session.deadline) return;
  if (session.deadline >= 0) deadlines_.erase({session.deadline, &session});
  if (next >= 0) deadlines_.insert({next, &session});
  session.deadline = next;
}

void Engine::run_deadlines() {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now_) {
    Session& session = *deadlines_.begin()->second;
    if (session.expires_at >= 0 && session.expires_at <= now_) {
      end_session(session);
      continue;
    }
    const bool will_due = session.will != nullptr;
    session.will_at = -1;
    update_deadline(session);
    if (!will_due) continue;
    publish_will(session);
    // The journal must forget it too, or a restart would publish it again.
    if (!session.dead && session.client.persistent) persistence_.put_session(session);
  }
}

void Engine::recheck(Session& session) {
  // What CONNACK said stays true.
  const auto promised = session.bounds;
  take_bounds(session);
  session.bounds.receive_maximum = promised.receive_maximum;
  session.bounds.maximum_packet_size = promised.maximum_packet_size;
  std::vector<std::pair<std::string, std::uint8_t>> filters;
  filters.reserve(session.subscriptions.size());
  for (const Subscription& s : session.subscriptions) filters.emplace_back(s.filter, s.options.qos);
  for (const auto& [filter, qos] : filters) {
    if (session.dead) return;
    const SubscribeVerdict verdict = host_.may_subscribe(session.client, filter, qos);
    if (!failed(verdict.reason)) continue;
    if (session.dead || !remove_subscription(session, filter)) continue;
    host_.unsubscribed(session.client, filter);
  }
}

}  // namespace sluice::mqtt
