// MQTT 3.1.1 and 5.0 control packets as plain values. Strings and payloads are views into the buffer that
// was decoded (or that the encoder's caller owns): valid only as long as it. Used by the codec, the broker
// and every client of the codec. Section numbers are those of OASIS MQTT 5.0.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

namespace sluice::mqtt {

enum class Version : std::uint8_t { v311 = 4, v5 = 5 };

enum class PacketType : std::uint8_t {
  connect = 1,
  connack,
  publish,
  puback,
  pubrec,
  pubrel,
  pubcomp,
  subscribe,
  suback,
  unsubscribe,
  unsuback,
  pingreq,
  pingresp,
  disconnect,
  auth
};

// 2.4: all reason codes of MQTT 5.0. 3.1.1's CONNACK codes are mapped by the codec (encode_connack).
enum class Reason : std::uint8_t {
  success = 0x00,
  granted_qos1 = 0x01,
  granted_qos2 = 0x02,
  disconnect_with_will = 0x04,
  no_matching_subscribers = 0x10,
  no_subscription_existed = 0x11,
  continue_authentication = 0x18,
  re_authenticate = 0x19,
  unspecified_error = 0x80,
  malformed_packet = 0x81,
  protocol_error = 0x82,
  implementation_specific_error = 0x83,
  unsupported_protocol_version = 0x84,
  client_identifier_not_valid = 0x85,
  bad_user_name_or_password = 0x86,
  not_authorized = 0x87,
  server_unavailable = 0x88,
  server_busy = 0x89,
  banned = 0x8a,
  server_shutting_down = 0x8b,
  bad_authentication_method = 0x8c,
  keep_alive_timeout = 0x8d,
  session_taken_over = 0x8e,
  topic_filter_invalid = 0x8f,
  topic_name_invalid = 0x90,
  packet_identifier_in_use = 0x91,
  packet_identifier_not_found = 0x92,
  receive_maximum_exceeded = 0x93,
  topic_alias_invalid = 0x94,
  packet_too_large = 0x95,
  message_rate_too_high = 0x96,
  quota_exceeded = 0x97,
  administrative_action = 0x98,
  payload_format_invalid = 0x99,
  retain_not_supported = 0x9a,
  qos_not_supported = 0x9b,
  use_another_server = 0x9c,
  server_moved = 0x9d,
  shared_subscriptions_not_supported = 0x9e,
  connection_rate_exceeded = 0x9f,
  maximum_connect_time = 0xa0,
  subscription_identifiers_not_supported = 0xa1,
  wildcard_subscriptions_not_supported = 0xa2
};
std::string_view to_string(Reason reason);  // the name of the specification, for logs
constexpr bool failed(Reason reason) { return static_cast<std::uint8_t>(reason) >= 0x80; }

// User properties stay in wire form (each 0x26, name, value), already validated by the decoder: nothing is
// allocated for them. A peer may put other properties between them; then the range holds those too, and the
// encoders and for_each_user_property() in codec.hpp step over them.
using RawUserProperties = std::string_view;

struct PublishProperties {
  std::optional<std::uint8_t> payload_format;           // 0x01: 0 bytes, 1 UTF-8
  std::optional<std::uint32_t> message_expiry;          // 0x02: seconds
  std::optional<std::uint16_t> topic_alias;             // 0x23
  std::optional<std::string_view> content_type;         // 0x03
  std::optional<std::string_view> response_topic;       // 0x08
  std::optional<std::string_view> correlation_data;     // 0x09
  std::vector<std::uint32_t> subscription_identifiers;  // 0x0b; never from a client
  RawUserProperties user;
};

struct Will {
  std::string_view topic, payload;
  std::uint8_t qos = 0;
  bool retain = false;
  std::uint32_t delay = 0;  // 0x18: seconds
  PublishProperties properties;
};

struct Connect {
  Version version = Version::v5;
  bool clean_start = true;
  std::uint16_t keep_alive = 0;  // seconds; 0: none
  std::string_view client_id;
  std::optional<Will> will;
  std::optional<std::string_view> username, password;
  // MQTT 5
  std::optional<std::uint32_t> session_expiry;       // 0x11: seconds, 0xffffffff never
  std::optional<std::uint16_t> receive_maximum;      // 0x21
  std::optional<std::uint32_t> maximum_packet_size;  // 0x27
  std::uint16_t topic_alias_maximum = 0;             // 0x22
  bool request_response_information = false;         // 0x19
  bool request_problem_information = true;           // 0x17
  std::optional<std::string_view> authentication_method, authentication_data;  // 0x15, 0x16
  RawUserProperties user;
};

struct Connack {
  bool session_present = false;
  Reason reason = Reason::success;
  std::optional<std::uint32_t> session_expiry, maximum_packet_size;
  std::optional<std::uint16_t> receive_maximum, server_keep_alive;
  std::optional<std::uint8_t> maximum_qos;  // 0x24: 0 or 1; absent: 2
  std::optional<bool> retain_available, wildcard_available, subscription_identifiers_available,
      shared_available;
  std::uint16_t topic_alias_maximum = 0;
  std::optional<std::string_view> assigned_client_id, reason_string, response_information, server_reference,
      authentication_method, authentication_data;
  RawUserProperties user;
};

struct Publish {
  std::string_view topic;  // empty with an alias
  std::string_view payload;
  std::uint16_t packet_id = 0;  // QoS 1 and 2
  std::uint8_t qos = 0;
  bool dup = false, retain = false;
  PublishProperties properties;
};

// PUBACK, PUBREC, PUBREL, PUBCOMP.
struct Ack {
  PacketType type = PacketType::puback;
  std::uint16_t packet_id = 0;
  Reason reason = Reason::success;
  std::optional<std::string_view> reason_string;
  RawUserProperties user;
};

struct SubscribeEntry {
  std::string_view filter;
  std::uint8_t qos = 0;
  bool no_local = false, retain_as_published = false;  // MQTT 5
  std::uint8_t retain_handling = 0;                    // MQTT 5: 0 send, 1 send if new, 2 do not send
};

struct Subscribe {
  std::uint16_t packet_id = 0;
  std::optional<std::uint32_t> subscription_identifier;
  std::vector<SubscribeEntry> entries;
  RawUserProperties user;
};

struct Suback {  // and UNSUBACK
  std::uint16_t packet_id = 0;
  std::vector<Reason> reasons;
  std::optional<std::string_view> reason_string;
  RawUserProperties user;
};

struct Unsubscribe {
  std::uint16_t packet_id = 0;
  std::vector<std::string_view> filters;
  RawUserProperties user;
};

struct Unsuback : Suback {};

struct Pingreq {};
struct Pingresp {};

struct Disconnect {
  Reason reason = Reason::success;
  std::optional<std::uint32_t> session_expiry;
  std::optional<std::string_view> reason_string, server_reference;
  RawUserProperties user;
};

struct Auth {
  Reason reason = Reason::success;
  std::optional<std::string_view> method, data, reason_string;
  RawUserProperties user;
};

using Packet = std::variant<Connect, Connack, Publish, Ack, Subscribe, Suback, Unsubscribe, Unsuback, Pingreq,
                            Pingresp, Disconnect, Auth>;

}  // namespace sluice::mqtt
