// QoS 1 and 2 towards clients, from the packet id to the last ack (4.3.2, 4.3.3, 4.4, 4.9).
//
//   admitted ─▶ sent ─(PUBACK, or PUBREC with an error)─▶ forgotten
//                 └─(PUBREC)─▶ released ─(PUBCOMP)─▶ forgotten
//
// With a persistent session each step is in the journal. QoS 2 is sent, and PUBREL too, only after the step
// before is committed: otherwise a crash could make us use the packet id for another message, which the
// client would then take for a duplicate. QoS 1 need not wait; a crash there costs a duplicate at most.
#include "mqtt/broker_engine.hpp"

namespace sluice::mqtt {

void Engine::admit(Session& session, Outgoing outgoing) {
  outgoing.packet_id = session.new_packet_id();
  outgoing.state = OutState::admitted;
  outgoing.ticket = 0;
  if (session.client.persistent) {
    persistence_.put_queued(session, outgoing);
    if (outgoing.qos == 1) outgoing.ticket = 0;
  }
  session.inflight.push_back(std::move(outgoing));
  ++session.unsent;
  flush_inflight(session);
}

// Sends, in order, what has a packet id and has not left over this connection.
void Engine::flush_inflight(Session& session) {
  ClientConnection* const connection = session.connection;
  if (!connection) return;
  for (std::size_t i = 0; session.unsent != 0 && i < session.inflight.size();) {
    Outgoing& outgoing = session.inflight[i];
    if (outgoing.on_wire || outgoing.state == OutState::released) {
      ++i;
      continue;
    }
    if (outgoing.ticket > committed_) return wait_for_commit(*connection);
    if (!connection->has_quota() || connection->congested()) return;
    const bool again = outgoing.state == OutState::sent;
    if (again) {
      // Rights may have changed while it waited; the first time they were checked on admission.
      const std::uint16_t packet_id = outgoing.packet_id;
      const MessageRef message = outgoing.message;
      const bool allowed = host_.may_receive(session.client, message->part(StoredMessage::topic));
      if (session.dead || session.connection != connection) return;
      if (i >= session.inflight.size() || session.inflight[i].packet_id != packet_id) {
        i = 0;
        continue;
      }
      if (!allowed) {
        complete(session, i);
        continue;
      }
    }
    Outgoing& entry = session.inflight[i];
    Publish publish = view_of(*entry.message, now_);
    publish.qos = entry.qos;
    publish.retain = entry.retain;
    publish.dup = again;
    publish.packet_id = entry.packet_id;
    if (entry.identifier != 0) publish.properties.subscription_identifiers.push_back(entry.identifier);
    if (entry.more_identifiers) {
      publish.properties.subscription_identifiers.insert(publish.properties.subscription_identifiers.end(),
                                                         entry.more_identifiers->begin(),
                                                         entry.more_identifiers->end());
    }
    if (!connection->send(publish)) {  // 3.1.2-25: as if it had been sent and acknowledged
      complete(session, i);
      continue;
    }
    entry.state = OutState::sent;
    entry.on_wire = true;
    --session.unsent;
    connection->take_quota();
    ++i;
  }
}

// Forgets a message for good; the client has it, refused it, or cannot take it.
void Engine::complete(Session& session, std::size_t index) {
  Outgoing& outgoing = session.inflight[index];
  if (outgoing.on_wire) {
    if (session.connection) session.connection->return_quota();
  } else if (outgoing.state != OutState::released) {
    --session.unsent;
  }
  release(session, outgoing);
  session.inflight.erase(index);
}

void Engine::on_ack(Session& session, const Ack& ack) {
  ClientConnection& connection = *session.connection;
  const std::size_t index = session.find_inflight(ack.packet_id);
  const bool known = index != Session::npos &&
                     (session.inflight[index].on_wire || session.inflight[index].state == OutState::released);
  if (!known) {
    // A late or repeated ack: PUBREC wants an answer (4.3.3), the others are done with.
    if (ack.type == PacketType::pubrec && !failed(ack.reason)) {
      connection.push_ack(PacketType::pubrel, ack.packet_id, Reason::packet_identifier_not_found, 0);
    }
    return;
  }
  Outgoing& outgoing = session.inflight[index];
  const bool qos2 = ack.type != PacketType::puback;
  if (qos2 != (outgoing.qos == 2) ||
      (ack.type == PacketType::pubcomp && outgoing.state != OutState::released)) {
    return connection.protocol_error(Reason::protocol_error,
                                     "an ack that does not fit the message's state (4.3)");
  }
  if (ack.type == PacketType::pubrec && !failed(ack.reason)) {
    if (outgoing.state != OutState::released) {
      const bool was_journaled = outgoing.journaled;
      persistence_.forget_message(outgoing);
      session.bytes -= outgoing.message->size();
      queued_bytes_ -= sizeof(Outgoing) + (--outgoing.message->queued == 0 ? outgoing.message->size() : 0);
      outgoing.message = MessageRef();
      outgoing.state = OutState::released;
      outgoing.ticket = 0;
      if (was_journaled) persistence_.put_queued(session, outgoing);
    }
    return connection.push_ack(PacketType::pubrel, ack.packet_id, Reason::success, outgoing.ticket);
  }
  complete(session, index);
  pump(session);
}

// 4.4: the client is back. PUBREL and PUBLISH go again in the order of old, then what waited.
void Engine::resume(Session& session) {
  ClientConnection* const connection = session.connection;
  for (std::size_t i = 0; i < session.inflight.size() && session.connection == connection; ++i) {
    const Outgoing& outgoing = session.inflight[i];
    if (outgoing.state != OutState::released) continue;
    connection->push_ack(PacketType::pubrel, outgoing.packet_id, Reason::success, outgoing.ticket);
  }
  if (session.connection == connection) pump(session);
}

}  // namespace sluice::mqtt
