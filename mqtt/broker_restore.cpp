// From the journal back to sessions, after a restart. A record that does not decode, or belongs to nothing,
// is taken out of the journal, noted (if it did not decode) and missed by nobody else.
#include "mqtt/broker_restore.hpp"

#include <algorithm>

#include "mqtt/broker_engine.hpp"
#include "mqtt/codec.hpp"
#include "mqtt/topic.hpp"

namespace sluice::mqtt {

using Space = Journal::Space;

void Engine::corrupt(Space space, std::string_view key, std::string_view what) {
  host_.note(nullptr, Reason::implementation_specific_error, what);
  persistence_.erase(space, key);
}

void Engine::restore(Space space, std::string_view key, std::string_view value) {
  if (!restoring_) restoring_ = std::make_unique<RestoreBuffer>();
  RestoreBuffer& buffer = *restoring_;
  const auto sub = journal::decode_subkey(key);
  switch (space) {
    case Space::session:
      if (auto record = journal::decode_session(value); record && !key.empty()) {
        buffer.sessions.emplace_back(key, std::move(*record));
        return;
      }
      return corrupt(space, key, "a session in the journal is damaged: it was left out");
    case Space::subscription:
      if (const auto options = journal::decode_subscription(value);
          options && sub && valid_utf8(sub->rest) && valid_topic_filter(sub->rest)) {
        buffer.subscriptions.push_back({{sub->session, std::string(sub->rest)}, *options});
        return;
      }
      return corrupt(space, key, "a subscription in the journal is damaged: it was left out");
    case Space::message:
      if (const auto id = journal::decode_number(key)) {
        if (MessageRef message = journal::decode_message(value)) {
          message->id = *id;
          buffer.messages.emplace(*id, std::move(message));
          return;
        }
      }
      return corrupt(space, key, "a message in the journal is damaged: it was left out");
    case Space::queued:
      if (auto record = journal::decode_queued(value); record && sub) {
        if (const auto sequence = journal::decode_number(sub->rest)) {
          buffer.queued.emplace(std::pair(sub->session, *sequence), std::move(*record));
          return;
        }
      }
      return corrupt(space, key, "a queue entry in the journal is damaged: it was left out");
    case Space::inbound_qos2:
      if (sub && journal::decode_inbound(value)) {
        if (const auto packet_id = journal::decode_packet_id(sub->rest)) {
          buffer.inbound.emplace_back(sub->session, *packet_id);
          return;
        }
      }
      return corrupt(space, key, "a QoS 2 packet id in the journal is damaged: it was left out");
    case Space::retained:
      if (MessageRef message = journal::decode_message(value);
          message && message->part(StoredMessage::topic) == key) {
        buffer.retained.push_back(std::move(message));
        return;
      }
      return corrupt(space, key, "a retained message in the journal is damaged: it was left out");
  }
}

void Engine::restored(Milliseconds now) {
  Entered entered(*this);
  now_ = std::max(now_, now);
  time_known_ = true;
  if (!restoring_) return;
  restore_sessions();
  restore_subscriptions();
  restore_queues();
  restore_inbound();
  restore_retained();
  restoring_.reset();
}

void Engine::restore_sessions() {
  for (auto& [client_id, record] : restoring_->sessions) {
    if (restoring_->by_number.contains(record.number) || sessions_.contains(client_id)) {
      corrupt(Space::session, client_id, "two sessions in the journal share a number: one was left out");
      continue;
    }
    auto fresh = std::make_unique<Session>();
    Session& session = *fresh;
    session.number = record.number;
    session.client.client_id = client_id;
    session.client.username = record.username;
    session.client.version = record.version;
    session.client.clean_start = false;
    session.client.persistent = true;
    take_bounds(session);
    session.expiry = std::min(record.expiry, options_.maximum_session_expiry);
    next_session_ = std::max(next_session_, record.number + 1);
    // A client that was connected when we died lost its connection just now, as far as anyone can tell. So
    // did one whose time lies in the future: the clock was set anew.
    const bool was_connected = record.disconnected_at < 0 || record.disconnected_at > now_;
    session.disconnected_at = was_connected ? now_ : record.disconnected_at;
    if (session.expiry != kNeverExpires) {
      session.expires_at = session.disconnected_at + Milliseconds{session.expiry} * 1000;
    }
    if (record.will) {
      session.will = std::make_unique<StoredWill>(StoredWill{std::move(record.will), record.will_delay});
      session.will_at = session.disconnected_at + Milliseconds{session.will->delay} * 1000;
    }
    restoring_->by_number.emplace(session.number, &session);
    sessions_.emplace(client_id, std::move(fresh));
    update_deadline(session);
    if (was_connected) persistence_.put_session(session);
  }
}

void Engine::restore_subscriptions() {
  for (const auto& [key, options] : restoring_->subscriptions) {
    const auto it = restoring_->by_number.find(key.first);
    if (it == restoring_->by_number.end()) {
      persistence_.erase(Space::subscription, journal::key_of(key.first, key.second));
      continue;
    }
    tree_.subscribe(*it->second, key.second, options);
    it->second->subscriptions.push_back({key.second, options});
  }
}

void Engine::restore_queues() {
  std::uint64_t last_message = 0;
  for (const auto& [id, message] : restoring_->messages) {
    last_message = std::max(last_message, id);
    message->arrived = std::min(message->arrived, now_);  // see restore_retained()
  }
  persistence_.set_next_message(last_message + 1);
  for (auto& [key, record] : restoring_->queued) {
    const auto owner = restoring_->by_number.find(key.first);
    const auto message = restoring_->messages.find(record.message);
    const bool released = record.state == OutState::released;
    if (owner == restoring_->by_number.end() || (!released && message == restoring_->messages.end())) {
      persistence_.erase(Space::queued, journal::key_of(key.first, key.second));
      continue;
    }
    Session& session = *owner->second;
    Outgoing outgoing;
    outgoing.sequence = key.second;
    outgoing.packet_id = record.packet_id;
    outgoing.qos = record.qos;
    outgoing.retain = record.retain;
    outgoing.journaled = true;
    // What had a packet id may have been sent: it goes again with DUP.
    outgoing.state = record.state == OutState::admitted ? OutState::sent : record.state;
    if (!record.identifiers.empty()) {
      outgoing.identifier = record.identifiers.front();
      if (record.identifiers.size() > 1) {
        outgoing.more_identifiers = std::make_unique<std::vector<std::uint32_t>>(
            record.identifiers.begin() + 1, record.identifiers.end());
      }
    }
    if (!released) {
      outgoing.message = message->second;
      StoredMessage& stored = *outgoing.message;
      ++stored.durable;
      session.bytes += stored.size();
      queued_bytes_ += sizeof(Outgoing) + (stored.queued++ == 0 ? stored.size() : 0);
    }
    session.next_sequence = std::max(session.next_sequence, key.second + 1);
    if (outgoing.state == OutState::queued) {
      session.queue.push_back(std::move(outgoing));
      ++counters_.queued_messages;
    } else {
      session.last_packet_id = std::max(session.last_packet_id, outgoing.packet_id);
      if (!released) ++session.unsent;
      session.inflight.push_back(std::move(outgoing));
    }
  }
  for (const auto& [id, message] : restoring_->messages) {
    if (message->durable == 0) persistence_.erase(Space::message, journal::key_of(id));
  }
}

void Engine::restore_inbound() {
  for (const auto& [number, packet_id] : restoring_->inbound) {
    const auto it = restoring_->by_number.find(number);
    if (it == restoring_->by_number.end()) {
      persistence_.erase(Space::inbound_qos2, journal::key_of(number, packet_id));
    } else if (!it->second->has_inbound(packet_id)) {
      it->second->add_inbound(packet_id);
    }
  }
}

void Engine::restore_retained() {
  for (const MessageRef& message : restoring_->retained) {
    const std::string_view topic = message->part(StoredMessage::topic);
    // A stamp in the future comes from a clock that was set anew: it must not keep the message for ever.
    message->arrived = std::min(message->arrived, now_);
    if (message->expired(now_) || !retained_.set(message)) persistence_.erase_retained(topic);
  }
}

}  // namespace sluice::mqtt
