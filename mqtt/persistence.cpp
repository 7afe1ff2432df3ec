#include "mqtt/persistence.hpp"

#include "mqtt/journal_codec.hpp"

namespace sluice::mqtt {

using Space = Journal::Space;

void Persistence::put(Space space, std::string_view key, std::string_view value) {
  ++writes_;
  journal_.put(space, key, value);
}

void Persistence::erase(Space space, std::string_view key) {
  ++writes_;
  journal_.erase(space, key);
}

void Persistence::put_session(const Session& session) {
  journal::SessionRecord record;
  record.number = session.number;
  record.version = session.client.version;
  record.expiry = session.expiry;
  record.disconnected_at = session.disconnected_at;
  record.username = session.client.username;
  if (session.will) {
    record.will = session.will->message;
    record.will_delay = session.will->delay;
  }
  buffer_.clear();
  journal::encode(record, buffer_);
  put(Space::session, session.client.client_id, buffer_);
}

void Persistence::erase_session(const Session& session) {
  for (const Subscription& subscription : session.subscriptions)
    erase_subscription(session, subscription.filter);
  for (const std::uint16_t packet_id : session.inbound) erase_inbound(session, packet_id);
  erase(Space::session, session.client.client_id);
}

void Persistence::put_subscription(const Session& session, const Subscription& subscription) {
  buffer_.clear();
  journal::encode(subscription.options, buffer_);
  put(Space::subscription, journal::key_of(session.number, subscription.filter), buffer_);
}

void Persistence::erase_subscription(const Session& session, std::string_view filter) {
  erase(Space::subscription, journal::key_of(session.number, filter));
}

void Persistence::put_queued(const Session& session, Outgoing& outgoing) {
  if (!outgoing.journaled && outgoing.message) {
    StoredMessage& message = *outgoing.message;
    if (message.durable++ == 0) {
      if (message.id == 0) message.id = next_message_++;
      buffer_.clear();
      journal::encode(message, buffer_);
      put(Space::message, journal::key_of(message.id), buffer_);
    }
    outgoing.journaled = true;
  }
  buffer_.clear();
  journal::encode(outgoing, buffer_);
  put(Space::queued, journal::key_of(session.number, outgoing.sequence), buffer_);
  outgoing.ticket = journal_.ticket();
}

void Persistence::forget_message(Outgoing& outgoing) {
  if (!outgoing.journaled || !outgoing.message) return;
  StoredMessage& message = *outgoing.message;
  if (--message.durable == 0) erase(Space::message, journal::key_of(message.id));
}

void Persistence::erase_queued(const Session& session, Outgoing& outgoing) {
  if (!outgoing.journaled) return;
  forget_message(outgoing);
  outgoing.journaled = false;
  erase(Space::queued, journal::key_of(session.number, outgoing.sequence));
}

void Persistence::put_inbound(const Session& session, std::uint16_t packet_id) {
  put(Space::inbound_qos2, journal::key_of(session.number, packet_id), journal::inbound_value());
}

void Persistence::erase_inbound(const Session& session, std::uint16_t packet_id) {
  erase(Space::inbound_qos2, journal::key_of(session.number, packet_id));
}

void Persistence::put_retained(const StoredMessage& message) {
  buffer_.clear();
  journal::encode(message, buffer_);
  put(Space::retained, message.part(StoredMessage::topic), buffer_);
}

void Persistence::erase_retained(std::string_view topic) { erase(Space::retained, topic); }

}  // namespace sluice::mqtt
