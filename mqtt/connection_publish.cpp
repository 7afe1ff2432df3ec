// What the client publishes, the acks that wait for the disk, and what is sent to it
// (3.3, 3.4, 3.5, 3.6, 4.3).
#include <algorithm>

#include "mqtt/broker_engine.hpp"
#include "mqtt/topic.hpp"

namespace sluice::mqtt {
namespace {

// A client has at most 65,535 packet ids, so more acks than that can only wait when it uses ids twice.
constexpr std::size_t kMaximumWaitingAcks = 2 * 65'536;
// Topics that we give aliases to, per client, however many it allows.
constexpr std::size_t kMaximumAliases = 256;

}  // namespace

void ClientConnection::on_publish(const FixedHeader& header, std::string_view packet) {
  // One value serves all connections; only a packet that is handled inside another one's callback needs its
  // own.
  if (Publish* scratch = engine_.borrow_scratch()) {
    take_publish(header, packet, *scratch);
    engine_.return_scratch();
  } else {
    Publish own;
    take_publish(header, packet, own);
  }
}

void ClientConnection::take_publish(const FixedHeader& header, std::string_view packet, Publish& publish) {
  DecodeError error;
  if (!decode_publish(packet, header, version_, publish, error, engine_.options().maximum_user_properties)) {
    return protocol_error(error.reason, error.text);
  }
  if (!publish.properties.subscription_identifiers.empty()) {
    return protocol_error(Reason::protocol_error,
                          "PUBLISH of a client with a subscription identifier (3.3.4-6)");
  }
  ++engine_.counters().received;
  if (!resolve_alias(publish) || !admissible(publish)) return;

  const std::uint16_t packet_id = publish.packet_id;
  const std::uint8_t qos = publish.qos;
  if (qos == 2 && session_->has_inbound(packet_id)) {
    // 4.3.3: it has been taken already; the answer may still have to wait for the disk.
    const Ticket ticket = session_->client.persistent ? engine_.persistence().ticket() : 0;
    return push_ack(PacketType::pubrec, packet_id, Reason::success, std::max(ticket, last_ticket_));
  }
  if (qos > 0 && !take_inbound_quota()) return;

  PublishVerdict verdict;
  if (!accept(publish, verdict) || qos == 0) return;
  push_ack(qos == 1 ? PacketType::puback : PacketType::pubrec, packet_id, verdict.reason, verdict.ticket,
           verdict.reason_string);
}

// 3.3.2.3.4: puts the topic in place of the alias.
bool ClientConnection::resolve_alias(Publish& publish) {
  if (!publish.properties.topic_alias) return true;
  const std::uint16_t alias = *publish.properties.topic_alias;
  publish.properties.topic_alias.reset();
  if (alias == 0 || alias > engine_.options().topic_alias_maximum) {
    protocol_error(Reason::topic_alias_invalid, "topic alias above the granted maximum (3.3.2.3.4)");
    return false;
  }
  auto& aliases = extra().aliases_in;
  if (aliases.size() < alias) aliases.resize(alias);
  std::string& topic = aliases[alias - 1U];
  if (!publish.topic.empty()) {
    topic = publish.topic;
  } else if (topic.empty()) {
    protocol_error(Reason::protocol_error, "topic alias that was never set (3.3.2.3.4)");
    return false;
  }
  publish.topic = topic;
  return true;
}

// What BrokerOptions do not serve (3.2.2.3.4, 3.2.2.3.5). 3.1.1 has no words for it.
bool ClientConnection::admissible(Publish& publish) {
  const BrokerOptions& options = engine_.options();
  if (publish.qos > options.maximum_qos) {
    if (version_ == Version::v5) protocol_error(Reason::qos_not_supported, "PUBLISH above the maximum QoS");
    return false;
  }
  if (publish.retain && !options.retain_available) {
    if (version_ == Version::v5) {
      protocol_error(Reason::retain_not_supported, "PUBLISH with RETAIN, which is not served here");
      return false;
    }
    publish.retain = false;
  }
  return true;
}

// 3.3.4: Receive Maximum; MQTT 3.1.1 has none.
bool ClientConnection::take_inbound_quota() {
  if (version_ == Version::v5 && open_inbound_ >= session_->bounds.receive_maximum) {
    protocol_error(Reason::receive_maximum_exceeded,
                   "more unacknowledged PUBLISH packets than Receive Maximum");
    return false;
  }
  ++open_inbound_;
  return true;
}

bool ClientConnection::accept(Publish& publish, PublishVerdict& verdict) {
  verdict = engine_.host().on_publish(session_->client, publish, false);
  if (is_closed()) return false;
  const bool refused = failed(verdict.reason);
  if (verdict.close || (refused && version_ == Version::v311)) {
    close(refused ? verdict.reason : Reason::not_authorized, DisconnectCause::by_host,
          verdict.reason_string.empty() ? to_string(verdict.reason) : verdict.reason_string);
    return false;
  }
  if (verdict.withhold) return false;
  if (refused) return true;

  const std::uint64_t writes = engine_.persistence().writes();
  if (publish.qos == 2) {
    session_->add_inbound(publish.packet_id);
    if (session_->client.persistent) engine_.persistence().put_inbound(*session_, publish.packet_id);
  }
  if (verdict.deliver) {
    // The session may end in a callback below; as a publisher it is only compared then.
    const Session* publisher = session_;
    if (publish.retain) engine_.keep_retained(publish);
    engine_.route(publish, publisher);
  }
  if (engine_.persistence().writes() != writes) {
    verdict.ticket = std::max(verdict.ticket, engine_.persistence().ticket());
  }
  return !is_closed();
}

void ClientConnection::on_pubrel(std::uint16_t packet_id) {
  if (!session_->remove_inbound(packet_id)) {
    return push_ack(PacketType::pubcomp, packet_id, Reason::packet_identifier_not_found, last_ticket_);
  }
  Ticket ticket = 0;
  if (session_->client.persistent) {
    // Should we forget this after a crash, the client's next message with this id would look like a
    // duplicate.
    engine_.persistence().erase_inbound(*session_, packet_id);
    ticket = engine_.persistence().ticket();
  }
  push_ack(PacketType::pubcomp, packet_id, Reason::success, ticket);
}

void ClientConnection::push_ack(PacketType type, std::uint16_t packet_id, Reason reason, Ticket ticket,
                                std::string_view text) {
  last_ticket_ = std::max(last_ticket_, ticket);
  if (acks_.empty() && ticket <= engine_.committed_ticket()) return write_ack(type, packet_id, reason, text);
  if (acks_.size() >= kMaximumWaitingAcks) {
    return protocol_error(Reason::receive_maximum_exceeded,
                          "packet identifiers are used again before their acks");
  }
  acks_.push_back({ticket, packet_id, type, reason});
  if (failed(reason)) extra().ack_texts.push_back(text);
  engine_.wait_for_commit(*this);
}

void ClientConnection::push_suback(std::string packet, std::vector<RetainedJob> jobs, Ticket ticket) {
  last_ticket_ = std::max(last_ticket_, ticket);
  if (acks_.size() >= kMaximumWaitingAcks) {
    return protocol_error(Reason::receive_maximum_exceeded,
                          "packet identifiers are used again before their acks");
  }
  extra().subacks.push_back({std::move(packet), std::move(jobs)});
  acks_.push_back({ticket, 0, PacketType::suback, Reason::success});
  if (!committed()) return;
  engine_.wait_for_commit(*this);
}

bool ClientConnection::committed() {
  while (!is_closed() && !acks_.empty() && acks_.front().ticket <= engine_.committed_ticket())
    write_next_ack();
  if (!is_closed() && session_->unsent != 0) engine_.pump(*session_);
  return !is_closed() && (!acks_.empty() || session_->unsent != 0);
}

void ClientConnection::write_next_ack() {
  const PendingAck ack = acks_.front();
  acks_.pop_front();
  if (ack.type != PacketType::suback) {
    std::string_view text;
    if (failed(ack.reason) && extra_ && !extra_->ack_texts.empty()) {
      text = extra_->ack_texts.front();
      extra_->ack_texts.pop_front();
    }
    return write_ack(ack.type, ack.packet_id, ack.reason, text);
  }
  PendingSuback suback = std::move(extra_->subacks.front());
  extra_->subacks.pop_front();
  out().append(suback.packet);
  for (RetainedJob& job : suback.jobs) {
    forget_retained(job.filter);  // asked again before it was done: from the beginning
    extra_->retained.push_back(std::move(job));
  }
  run_retained();
}

void ClientConnection::write_ack(PacketType type, std::uint16_t packet_id, Reason reason,
                                 std::string_view text) {
  const bool ends_inbound = type == PacketType::puback || type == PacketType::pubcomp ||
                            (type == PacketType::pubrec && failed(reason));
  if (ends_inbound && open_inbound_ > 0) --open_inbound_;
  if (version_ == Version::v311 || reason == Reason::success) return encode_ack(type, packet_id, out());
  Ack ack;
  ack.type = type;
  ack.packet_id = packet_id;
  ack.reason = fitting(type, reason);
  if (problem_information_ && !text.empty()) ack.reason_string = text;
  const std::size_t before = transport_.out.size();
  encode(ack, version_, out());
  if (transport_.out.size() - before > maximum_packet_size_ && ack.reason_string) {
    transport_.out.resize(before);
    ack.reason_string.reset();
    encode(ack, version_, out());
  }
}

bool ClientConnection::send(Publish& publish) {
  bool fresh = false;  // this packet introduces an alias
  if (version_ == Version::v5 && topic_alias_maximum_ != 0) {
    auto& aliases = extra().aliases_out;
    if (const auto it = aliases.find(publish.topic); it != aliases.end()) {
      publish.properties.topic_alias = it->second;
      publish.topic = {};
    } else if (aliases.size() < std::min<std::size_t>(topic_alias_maximum_, kMaximumAliases)) {
      const auto alias = static_cast<std::uint16_t>(aliases.size() + 1);
      aliases.emplace(publish.topic, alias);
      fresh = true;
      publish.properties.topic_alias = alias;
    }
  }
  const auto too_large = [&] {
    return maximum_packet_size_ < kMaxRemainingLength &&
           encoded_size(publish, version_) > maximum_packet_size_;
  };
  if (too_large()) {
    if (fresh) {
      extra_->aliases_out.erase(extra_->aliases_out.find(publish.topic));
      publish.properties.topic_alias.reset();
    }
    if (!fresh || too_large()) {
      ++engine_.counters().dropped_too_large;
      return false;
    }
  }
  encode(publish, version_, out());
  ++engine_.counters().sent;
  return true;
}

void ClientConnection::forget_retained(std::string_view filter) {
  if (!extra_) return;
  auto& jobs = extra_->retained;
  for (std::size_t i = 0; i < jobs.size();) {
    if (jobs[i].filter == filter) {
      jobs.erase(i);
    } else {
      ++i;
    }
  }
}

void ClientConnection::run_retained() {
  if (!extra_ || running_retained_) return;
  running_retained_ = true;
  auto& jobs = extra_->retained;
  while (!is_closed() && !jobs.empty()) {
    RetainedJob job = std::move(jobs.front());
    jobs.pop_front();
    bool more = true;
    bool room = true;
    while (more && (room = is_open() && transport_.unsent() <= engine_.options().maximum_unsent / 2 &&
                           session_->queue.size() <= session_->bounds.maximum_queued_messages / 2)) {
      more = retained_step(job);
    }
    if (is_closed() || room) continue;
    jobs.push_back(std::move(job));
    break;
  }
  running_retained_ = false;
}

// Sends the next retained message of the job; false when there is none.
bool ClientConnection::retained_step(RetainedJob& job) {
  const MessageRef message = engine_.retained().next(job.filter, job.after);
  if (!message) return false;
  job.after = message->part(StoredMessage::topic);
  if (message->expired(engine_.now())) return true;
  const std::uint8_t qos = std::min(message->qos, job.options.qos);
  if (qos == 0) {
    engine_.send_qos0(*session_, view_of(*message, engine_.now()), true, job.options.identifier, nullptr);
    return is_open();
  }
  Outgoing outgoing;
  outgoing.message = message;
  outgoing.qos = qos;
  outgoing.retain = true;
  outgoing.identifier = job.options.identifier;
  engine_.enqueue(*session_, std::move(outgoing));
  return is_open();
}

}  // namespace sluice::mqtt
