// The handshake: CONNECT, the host's verdict, CONNACK (3.1, 3.2).
#include <algorithm>

#include "mqtt/broker_engine.hpp"

namespace sluice::mqtt {
namespace {

// Messages open towards one client, however many more it would take: acks are looked up in that list.
constexpr std::uint16_t kMaximumWindow = 4096;
constexpr std::uint8_t kBridgeBit = 0x80;  // mosquitto's bridges set it in the protocol version

void append_connack_311(std::uint8_t code, std::string& out) {
  out.append({0x20, 2, 0, static_cast<char>(code)});
}

}  // namespace

// Lives until the host has answered or the connection has gone, whichever is first.
struct ClientConnection::PendingConnect {
  ClientConnection* connection = nullptr;
  bool inside = true;  // authenticate() has not returned
  bool answered = false;
  ConnectVerdict verdict;
  std::string packet;  // kept when the answer comes later
};

ClientConnection::~ClientConnection() = default;

void ClientConnection::on_connect(std::string_view packet) {
  const Decoded decoded = decode(packet, Version::v5, engine_.options().maximum_user_properties);
  if (!decoded.packet) return refuse_connect_packet(packet, decoded.error);
  const Connect& connect = std::get<Connect>(*decoded.packet);
  version_ = connect.version;
  problem_information_ = connect.request_problem_information;
  maximum_packet_size_ = connect.maximum_packet_size.value_or(maximum_packet_size_);
  const BrokerOptions& options = engine_.options();
  if (engine_.shutting_down()) return refuse(Reason::server_shutting_down, "the server is shutting down");
  if (connect.authentication_method) {
    return refuse(Reason::bad_authentication_method, "no authentication method is served here");
  }
  if (connect.will && connect.will->qos > options.maximum_qos) {
    return refuse(Reason::qos_not_supported, "the will's QoS is not served here");
  }
  if (connect.will && connect.will->retain && !options.retain_available) {
    return refuse(Reason::retain_not_supported, "retained messages are not served here");
  }

  auto pending = std::make_shared<PendingConnect>();
  pending->connection = this;
  pending_ = pending;
  state_ = State::authenticating;
  engine_.host().authenticate(transport_, connect, [weak = std::weak_ptr(pending)](ConnectVerdict verdict) {
    const auto alive = weak.lock();
    if (!alive || alive->answered) return;
    alive->answered = true;
    alive->verdict = std::move(verdict);
    if (!alive->inside) alive->connection->answered(*alive, std::move(alive->verdict));
  });
  pending->inside = false;
  if (is_closed()) return;
  if (!pending->answered) {
    pending->packet = packet;
    return;
  }
  pending_.reset();
  open_session(connect, pending->verdict);
}

// The host answered after authenticate() had returned.
void ClientConnection::answered(PendingConnect& pending, ConnectVerdict verdict) {
  Engine::Entered entered(engine_);
  const auto keep = std::exchange(pending_, nullptr);
  const Decoded decoded = decode(pending.packet, Version::v5, engine_.options().maximum_user_properties);
  open_session(std::get<Connect>(*decoded.packet), verdict);
  const std::string held = std::exchange(tail_, {});
  if (!is_closed()) feed(held);
}

// 3.1.2.2, 3.1.4-1: what we answer depends on the version that the client tried to speak.
void ClientConnection::refuse_connect_packet(std::string_view packet, const DecodeError& error) {
  const std::uint8_t level = protocol_level(packet);
  if (error.reason == Reason::unsupported_protocol_version) {
    const bool modern = level > 5 && !((level & kBridgeBit) != 0 && (level & ~kBridgeBit) <= 4);
    if (modern) {
      Connack connack;
      connack.reason = error.reason;
      encode(connack, Version::v5, out());
    } else {
      append_connack_311(1, out());
    }
    ++engine_.counters().connects_refused;
  } else if (level == 5) {
    Connack connack;
    connack.reason = fitting(PacketType::connack, error.reason);
    encode(connack, Version::v5, out());
  }
  protocol_error(error.reason, error.text);
}

void ClientConnection::refuse(Reason reason, std::string_view text) {
  ++engine_.counters().connects_refused;
  if (version_ == Version::v5) {
    Connack connack;
    connack.reason = fitting(PacketType::connack, reason);
    if (problem_information_ && !text.empty()) connack.reason_string = text;
    append_fitting(connack);
  } else if (reason == Reason::not_authorized || reason == Reason::banned) {
    append_connack_311(engine_.options().unauthorized_connack_311, out());
  } else {
    Connack connack;
    connack.reason = reason;
    encode(connack, version_, out());
  }
  finish(DisconnectCause::by_host, text, true, true);
}

std::uint16_t ClientConnection::granted_keep_alive(std::uint16_t asked) const {
  const BrokerOptions& options = engine_.options();
  if (options.maximum_keep_alive != 0 && (asked == 0 || asked > options.maximum_keep_alive)) {
    asked = options.maximum_keep_alive;
  }
  return asked != 0 ? std::max(asked, options.minimum_keep_alive) : asked;
}

void ClientConnection::open_session(const Connect& connect, const ConnectVerdict& verdict) {
  const BrokerOptions& options = engine_.options();
  if (verdict.reason != Reason::success) return refuse(verdict.reason, verdict.reason_string);
  if (engine_.shutting_down()) return refuse(Reason::server_shutting_down, "the server is shutting down");

  std::string client_id(connect.client_id);
  bool assigned = false;
  if (client_id.empty()) {
    if (!verdict.client_id.empty()) {
      client_id = verdict.client_id;
    } else if (!options.allow_zero_length_client_id || (version_ == Version::v311 && !connect.clean_start)) {
      return refuse(Reason::client_identifier_not_valid, "a client identifier is needed (3.1.3.1)");
    } else {
      client_id = engine_.new_client_id();
    }
    assigned = true;
  }
  if (!engine_.find(client_id) && engine_.session_limit_reached()) {
    return refuse(Reason::quota_exceeded, "too many sessions");
  }

  const std::uint32_t asked_expiry = version_ == Version::v5 ? connect.session_expiry.value_or(0)
                                     : connect.clean_start   ? 0
                                                             : options.maximum_session_expiry;
  const auto opened =
      engine_.open_session(connect, client_id, std::min(asked_expiry, options.maximum_session_expiry));
  if (is_closed()) {  // the host shut down while the old connection was put away
    if (!opened.session->connection) engine_.end_session(*opened.session);
    return;
  }
  session_ = opened.session;
  session_->connection = this;
  session_->client.host_data = verdict.host_data;
  engine_.take_bounds(*session_);
  state_ = State::open;
  keep_alive_ = Milliseconds{granted_keep_alive(connect.keep_alive)} * 1000;
  topic_alias_maximum_ = connect.topic_alias_maximum;
  window_ = std::min(connect.receive_maximum.value_or(options.maximum_inflight), kMaximumWindow);
  last_received_ = engine_.now();
  ++engine_.counters().connections;

  send_connack(connect, opened.present, assigned, asked_expiry, verdict);
  engine_.host().connected(session_->client, opened.present);
  if (is_open() && opened.present) engine_.recheck(*session_);
  if (is_open()) engine_.resume(*session_);
}

void ClientConnection::send_connack(const Connect& connect, bool present, bool assigned,
                                    std::uint32_t asked_expiry, const ConnectVerdict& verdict) {
  const BrokerOptions& options = engine_.options();
  Connack connack;
  connack.session_present = present;
  if (version_ == Version::v311) return encode(connack, version_, out());
  if (session_->expiry != asked_expiry) connack.session_expiry = session_->expiry;
  const ClientBounds& bounds = session_->bounds;
  if (bounds.receive_maximum != 0xffff) connack.receive_maximum = bounds.receive_maximum;
  if (options.maximum_qos < 2) connack.maximum_qos = options.maximum_qos;
  if (!options.retain_available) connack.retain_available = false;
  connack.maximum_packet_size = bounds.maximum_packet_size;
  if (assigned) connack.assigned_client_id = session_->client.client_id;
  connack.topic_alias_maximum = options.topic_alias_maximum;
  if (!options.wildcard_available) connack.wildcard_available = false;
  if (!options.subscription_identifiers_available) connack.subscription_identifiers_available = false;
  if (!options.shared_available) connack.shared_available = false;
  const std::uint16_t keep_alive = granted_keep_alive(connect.keep_alive);
  if (keep_alive != connect.keep_alive) connack.server_keep_alive = keep_alive;
  if (problem_information_ && !verdict.reason_string.empty()) connack.reason_string = verdict.reason_string;
  append_fitting(connack);
}

// 3.2.2-19: the reason string goes first when the client takes no packet of that size.
void ClientConnection::append_fitting(Connack& connack) {
  const std::size_t before = out().size();
  encode(connack, version_, out());
  if (transport_.out.size() - before <= maximum_packet_size_ || !connack.reason_string) return;
  transport_.out.resize(before);
  connack.reason_string.reset();
  encode(connack, version_, out());
}

}  // namespace sluice::mqtt
