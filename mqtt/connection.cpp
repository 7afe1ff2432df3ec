#include "mqtt/connection.hpp"

#include <algorithm>

#include "mqtt/broker_engine.hpp"
#include "mqtt/wire.hpp"

namespace sluice::mqtt {
namespace {

// A partial packet's buffer is kept for the next one up to this size.
constexpr std::size_t kKeptTail = 4096;
// Bytes that a client may send behind its CONNECT while the host authenticates it, in units of
// maximum_connect_size.
constexpr std::size_t kPipelined = 4;
// A peer that asks (PINGREQ, publishes) but does not read the answers is cut at this many times
// maximum_unsent.
constexpr std::size_t kHopeless = 4;

}  // namespace

Reason fitting(PacketType packet, Reason reason) {
  if (reason_fits(packet, static_cast<std::uint8_t>(reason))) return reason;
  if (reason == Reason::banned && packet != PacketType::connack) return Reason::not_authorized;
  if (reason == Reason::server_shutting_down) return Reason::server_unavailable;
  return Reason::unspecified_error;
}

ClientConnection::ClientConnection(Engine& engine, Transport& transport, Milliseconds now)
    : engine_(engine), transport_(transport), opened_(now), last_received_(now) {}

bool ClientConnection::receive(std::string_view bytes) {
  Engine::Entered entered(engine_);
  if (is_closed()) return false;
  last_received_ = engine_.now();
  feed(bytes);
  if (!is_closed() && transport_.unsent() > kHopeless * engine_.options().maximum_unsent) {
    ++engine_.counters().slow_consumers_cut;
    close(Reason::quota_exceeded, DisconnectCause::slow_consumer,
          "the client does not read what it asks for");
  }
  return !is_closed();
}

void ClientConnection::feed(std::string_view bytes) {
  while (!bytes.empty() && !is_closed()) {
    if (state_ == State::authenticating) {
      if (tail_.size() + bytes.size() > kPipelined * engine_.options().maximum_connect_size) {
        protocol_error(Reason::packet_too_large, "too much was sent before CONNACK");
      } else {
        tail_.append(bytes);
      }
      return;
    }
    if (tail_.empty()) {
      bytes.remove_prefix(consume(bytes));
      if (is_closed() || state_ == State::authenticating) continue;
      tail_.assign(bytes);
      return;
    }
    const std::size_t take = std::min(missing(), bytes.size());
    tail_.append(bytes.substr(0, take));
    bytes.remove_prefix(take);
    FixedHeader header;
    bool complete = false;
    if (!acceptable(tail_, header, complete)) return;
    if (!complete || tail_.size() < header.total()) continue;
    std::string packet = std::move(tail_);
    tail_.clear();
    consume(packet);
    if (tail_.empty() && packet.capacity() <= kKeptTail) {
      packet.clear();
      tail_ = std::move(packet);
    }
  }
}

// Handles the whole packets at the front; returns how many bytes they were.
std::size_t ClientConnection::consume(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size() && !is_closed() && state_ != State::authenticating) {
    const std::string_view rest = bytes.substr(at);
    FixedHeader header;
    bool complete = false;
    if (!acceptable(rest, header, complete) || !complete || rest.size() < header.total()) break;
    at += header.total();
    handle(header, rest.substr(0, header.total()));
  }
  return at;
}

// What can be said of a packet by its first bytes; closes and returns false if it cannot be one that we take.
bool ClientConnection::acceptable(std::string_view bytes, FixedHeader& header, bool& complete) {
  if (state_ == State::awaiting_connect && static_cast<unsigned char>(bytes.front()) != 0x10) {
    protocol_error(Reason::protocol_error, "the first packet is not a CONNECT (3.1.0-1)");
    return false;
  }
  const HeaderStatus status = read_fixed_header(bytes, header);
  if (status == HeaderStatus::malformed) {
    protocol_error(Reason::malformed_packet, "malformed fixed header (2.1)");
    return false;
  }
  complete = status == HeaderStatus::complete;
  if (!complete) return true;
  const std::size_t limit = state_ == State::awaiting_connect ? engine_.options().maximum_connect_size
                                                              : engine_.options().maximum_packet_size;
  if (header.total() <= limit) return true;
  protocol_error(Reason::packet_too_large, "the packet is larger than allowed here");
  return false;
}

// Bytes that the packet in tail_ lacks; one at a time until its length is known.
std::size_t ClientConnection::missing() const {
  FixedHeader header;
  if (read_fixed_header(tail_, header) != HeaderStatus::complete) return 1;
  return header.total() - tail_.size();
}

void ClientConnection::handle(const FixedHeader& header, std::string_view packet) {
  if (state_ == State::awaiting_connect) return on_connect(packet);
  const PacketType type = header.type();
  switch (type) {
    case PacketType::publish:
      return on_publish(header, packet);
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubcomp:
    case PacketType::pubrel: {
      // Most acks are two bytes: no need to build a variant for them.
      const int id = header.remaining == 2
                         ? static_cast<unsigned char>(packet[2]) << 8 | static_cast<unsigned char>(packet[3])
                         : 0;
      if (id == 0 || header.size != 2) return handle_decoded(type, packet);
      if (type == PacketType::pubrel) return on_pubrel(static_cast<std::uint16_t>(id));
      Ack ack;
      ack.type = type;
      ack.packet_id = static_cast<std::uint16_t>(id);
      return engine_.on_ack(*session_, ack);
    }
    case PacketType::subscribe:
    case PacketType::unsubscribe:
    case PacketType::pingreq:
    case PacketType::disconnect:
      return handle_decoded(type, packet);
    case PacketType::connect:
      return protocol_error(Reason::protocol_error, "a second CONNECT (3.1.0-2)");
    case PacketType::auth:
      if (version_ == Version::v311) {
        return protocol_error(Reason::malformed_packet, "packet type 15 is reserved in MQTT 3.1.1");
      }
      return protocol_error(Reason::protocol_error,
                            "AUTH without an authentication method in CONNECT (4.12)");
    default:
      return protocol_error(Reason::protocol_error, "a packet that only servers send (2.1.2)");
  }
}

void ClientConnection::handle_decoded(PacketType type, std::string_view packet) {
  Decoded decoded = decode(packet, version_, engine_.options().maximum_user_properties);
  if (!decoded.packet) return protocol_error(decoded.error.reason, decoded.error.text);
  if (const auto* ack = std::get_if<Ack>(&*decoded.packet)) {
    return type == PacketType::pubrel ? on_pubrel(ack->packet_id) : engine_.on_ack(*session_, *ack);
  }
  if (const auto* subscribe = std::get_if<Subscribe>(&*decoded.packet)) {
    return engine_.on_subscribe(*session_, *subscribe);
  }
  if (const auto* unsubscribe = std::get_if<Unsubscribe>(&*decoded.packet)) {
    return engine_.on_unsubscribe(*session_, *unsubscribe);
  }
  if (const auto* disconnect = std::get_if<Disconnect>(&*decoded.packet))
    return on_client_disconnect(*disconnect);
  encode_pingresp(out());
}

void ClientConnection::on_client_disconnect(const Disconnect& packet) {
  if (packet.session_expiry) {
    // 3.14.2.2.2: a session that was to end with its connection cannot be kept by DISCONNECT.
    if (session_->expiry == 0 && *packet.session_expiry != 0) {
      return protocol_error(Reason::protocol_error,
                            "DISCONNECT with a session expiry after CONNECT had none");
    }
    session_->expiry = std::min(*packet.session_expiry, engine_.options().maximum_session_expiry);
  }
  const bool keep_will = version_ == Version::v5 && packet.reason != Reason::success;
  finish(DisconnectCause::client_disconnect, packet.reason_string.value_or(to_string(packet.reason)),
         keep_will, true);
}

void ClientConnection::protocol_error(Reason reason, std::string_view text) {
  if (is_closed()) return;
  ++engine_.counters().protocol_errors;
  engine_.host().note(session_ ? &session_->client : nullptr, reason, text);
  close(reason, DisconnectCause::protocol_violation, text);
}

void ClientConnection::close(Reason reason, DisconnectCause cause, std::string_view text) {
  if (is_closed()) return;
  if (state_ == State::open && version_ == Version::v5) {
    Disconnect packet;
    packet.reason = fitting(PacketType::disconnect, reason);
    if (problem_information_ && !text.empty()) packet.reason_string = text;
    const std::size_t before = transport_.out.size();
    encode(packet, version_, transport_.out);
    if (transport_.out.size() - before > maximum_packet_size_) {
      transport_.out.resize(before);
      packet.reason_string.reset();
      encode(packet, version_, transport_.out);
      if (transport_.out.size() - before > maximum_packet_size_) transport_.out.resize(before);
    }
  }
  finish(cause, text, true, true);
}

void ClientConnection::finish(DisconnectCause cause, std::string_view text, bool keep_will,
                              bool tell_transport) {
  state_ = State::closed;
  pending_.reset();
  Session* session = std::exchange(session_, nullptr);
  const std::string detail(text);  // the text may be a view into what the callbacks below change
  if (session) engine_.detach(*session, cause, detail, keep_will);
  engine_.bury(*this);
  if (tell_transport) transport_.close();
}

void ClientConnection::lost(std::string_view detail) {
  Engine::Entered entered(engine_);
  if (is_closed()) return;
  finish(DisconnectCause::connection_lost, detail, true, false);
}

void ClientConnection::writable() {
  Engine::Entered entered(engine_);
  if (!is_open()) return;
  stalled_since_ = -1;
  engine_.pump(*session_);
  run_retained();
}

Reason ClientConnection::overdue(Milliseconds now) {
  const BrokerOptions& options = engine_.options();
  if (state_ == State::awaiting_connect) {
    return now - opened_ > options.connect_deadline ? Reason::maximum_connect_time : Reason::success;
  }
  if (state_ == State::authenticating) {
    // The host has its own deadline; this one is for a host that forgot.
    return now - opened_ > 12 * options.connect_deadline ? Reason::server_unavailable : Reason::success;
  }
  if (state_ != State::open) return Reason::success;
  if (keep_alive_ != 0 && 2 * (now - last_received_) > 3 * keep_alive_) return Reason::keep_alive_timeout;
  if (transport_.unsent() <= options.maximum_unsent) {
    stalled_since_ = -1;
  } else if (stalled_since_ < 0) {
    stalled_since_ = now;
  } else if (now - stalled_since_ > options.maximum_stall) {
    return Reason::quota_exceeded;
  }
  return Reason::success;
}

void ClientConnection::idle() {
  if (!is_open()) return;
  acks_.shrink();
  if (tail_.empty() && tail_.capacity() > 64) tail_.shrink_to_fit();
  session_->queue.shrink();
  session_->inflight.shrink();
  if (!session_->queue.empty() || session_->unsent != 0) engine_.pump(*session_);
  if (is_open() && extra_ && !extra_->retained.empty()) run_retained();
}

bool ClientConnection::congested() {
  if (transport_.unsent() <= engine_.options().maximum_unsent) return false;
  if (stalled_since_ < 0) stalled_since_ = engine_.now();
  return true;
}

std::string& ClientConnection::out() {
  if (!is_dirty) engine_.dirty(*this);
  return transport_.out;
}

ClientConnection::Extra& ClientConnection::extra() {
  if (!extra_) extra_ = std::make_unique<Extra>();
  return *extra_;
}

}  // namespace sluice::mqtt
