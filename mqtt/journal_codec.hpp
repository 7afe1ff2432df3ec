// How durable MQTT state looks in the Journal. Numbers are big-endian; every value begins with the version of
// its encoding (now 1), and one that does not decode to its last byte is corrupt.
//
//   space         key                                     value
//   session       client id                               number, protocol, expiry, disconnect time,
//   username, will subscription  session number (8), filter              options, identifier message message
//   id (8)                          the message queued        session number (8), sequence (8)        message
//   id, state, packet id, QoS, retain, identifiers inbound_qos2  session number (8), packet id (2) (version
//   only) retained      topic                                   the message
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mqtt/session.hpp"

namespace sluice::mqtt::journal {

struct SessionRecord {
  std::uint64_t number = 0;
  Version version = Version::v5;
  std::uint32_t expiry = 0;
  Milliseconds disconnected_at = -1;  // -1: was connected
  std::string username;
  MessageRef will;  // or nothing
  std::uint32_t will_delay = 0;
};

struct QueuedRecord {
  std::uint64_t message = 0;  // 0 when released
  OutState state = OutState::queued;
  std::uint16_t packet_id = 0;
  std::uint8_t qos = 1;
  bool retain = false;
  std::vector<std::uint32_t> identifiers;
};

std::string key_of(std::uint64_t number);
std::string key_of(std::uint64_t session, std::uint64_t sequence);
std::string key_of(std::uint64_t session, std::uint16_t packet_id);
std::string key_of(std::uint64_t session, std::string_view filter);

void encode(const SessionRecord& record, std::string& out);
void encode(const SubscriptionOptions& options, std::string& out);
void encode(const StoredMessage& message, std::string& out);
void encode(const Outgoing& outgoing, std::string& out);
std::string inbound_value();

// Nothing: corrupt, or of a later version.
std::optional<SessionRecord> decode_session(std::string_view value);
std::optional<SubscriptionOptions> decode_subscription(std::string_view value);
MessageRef decode_message(std::string_view value);
std::optional<QueuedRecord> decode_queued(std::string_view value);
bool decode_inbound(std::string_view value);

std::optional<std::uint64_t> decode_number(std::string_view key);
// The parts of a key behind the session's number.
struct SubKey {
  std::uint64_t session = 0;
  std::string_view rest;
};
std::optional<SubKey> decode_subkey(std::string_view key);
std::optional<std::uint16_t> decode_packet_id(std::string_view bytes);

}  // namespace sluice::mqtt::journal
