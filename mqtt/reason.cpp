#include <array>

#include "mqtt/wire.hpp"

namespace sluice::mqtt {
namespace {

constexpr unsigned in(PacketType type) { return 1U << static_cast<unsigned>(type); }
constexpr unsigned kConnack = in(PacketType::connack), kPuback = in(PacketType::puback),
                   kPubrec = in(PacketType::pubrec), kPubrel = in(PacketType::pubrel),
                   kPubcomp = in(PacketType::pubcomp), kSuback = in(PacketType::suback),
                   kUnsuback = in(PacketType::unsuback), kDisconnect = in(PacketType::disconnect),
                   kAuth = in(PacketType::auth);
constexpr unsigned kPublishAcks = kPuback | kPubrec, kSubAcks = kSuback | kUnsuback;

struct Row {
  Reason reason;
  unsigned packets;
  std::string_view name;
};

// 2.4, table 2-6.
constexpr Row kRows[] = {
    {Reason::success, kConnack | kPublishAcks | kPubrel | kPubcomp | kSubAcks | kDisconnect | kAuth,
     "Success"},
    {Reason::granted_qos1, kSuback, "Granted QoS 1"},
    {Reason::granted_qos2, kSuback, "Granted QoS 2"},
    {Reason::disconnect_with_will, kDisconnect, "Disconnect with Will Message"},
    {Reason::no_matching_subscribers, kPublishAcks, "No matching subscribers"},
    {Reason::no_subscription_existed, kUnsuback, "No subscription existed"},
    {Reason::continue_authentication, kAuth, "Continue authentication"},
    {Reason::re_authenticate, kAuth, "Re-authenticate"},
    {Reason::unspecified_error, kConnack | kPublishAcks | kSubAcks | kDisconnect, "Unspecified error"},
    {Reason::malformed_packet, kConnack | kDisconnect, "Malformed Packet"},
    {Reason::protocol_error, kConnack | kDisconnect, "Protocol Error"},
    {Reason::implementation_specific_error, kConnack | kPublishAcks | kSubAcks | kDisconnect,
     "Implementation specific error"},
    {Reason::unsupported_protocol_version, kConnack, "Unsupported Protocol Version"},
    {Reason::client_identifier_not_valid, kConnack, "Client Identifier not valid"},
    {Reason::bad_user_name_or_password, kConnack, "Bad User Name or Password"},
    {Reason::not_authorized, kConnack | kPublishAcks | kSubAcks | kDisconnect, "Not authorized"},
    {Reason::server_unavailable, kConnack, "Server unavailable"},
    {Reason::server_busy, kConnack | kDisconnect, "Server busy"},
    {Reason::banned, kConnack, "Banned"},
    {Reason::server_shutting_down, kDisconnect, "Server shutting down"},
    {Reason::bad_authentication_method, kConnack | kDisconnect, "Bad authentication method"},
    {Reason::keep_alive_timeout, kDisconnect, "Keep Alive timeout"},
    {Reason::session_taken_over, kDisconnect, "Session taken over"},
    {Reason::topic_filter_invalid, kSubAcks | kDisconnect, "Topic Filter invalid"},
    {Reason::topic_name_invalid, kConnack | kPublishAcks | kDisconnect, "Topic Name invalid"},
    {Reason::packet_identifier_in_use, kPublishAcks | kSubAcks, "Packet Identifier in use"},
    {Reason::packet_identifier_not_found, kPubrel | kPubcomp, "Packet Identifier not found"},
    {Reason::receive_maximum_exceeded, kDisconnect, "Receive Maximum exceeded"},
    {Reason::topic_alias_invalid, kDisconnect, "Topic Alias invalid"},
    {Reason::packet_too_large, kConnack | kDisconnect, "Packet too large"},
    {Reason::message_rate_too_high, kDisconnect, "Message rate too high"},
    {Reason::quota_exceeded, kConnack | kPublishAcks | kSuback | kDisconnect, "Quota exceeded"},
    {Reason::administrative_action, kDisconnect, "Administrative action"},
    {Reason::payload_format_invalid, kConnack | kPublishAcks | kDisconnect, "Payload format invalid"},
    {Reason::retain_not_supported, kConnack | kDisconnect, "Retain not supported"},
    {Reason::qos_not_supported, kConnack | kDisconnect, "QoS not supported"},
    {Reason::use_another_server, kConnack | kDisconnect, "Use another server"},
    {Reason::server_moved, kConnack | kDisconnect, "Server moved"},
    {Reason::shared_subscriptions_not_supported, kSuback | kDisconnect, "Shared Subscriptions not supported"},
    {Reason::connection_rate_exceeded, kConnack | kDisconnect, "Connection rate exceeded"},
    {Reason::maximum_connect_time, kDisconnect, "Maximum connect time"},
    {Reason::subscription_identifiers_not_supported, kSuback | kDisconnect,
     "Subscription Identifiers not supported"},
    {Reason::wildcard_subscriptions_not_supported, kSuback | kDisconnect,
     "Wildcard Subscriptions not supported"},
};

constexpr std::array<std::uint8_t, 256> kIndex = [] {  // code → row + 1
  std::array<std::uint8_t, 256> index{};
  std::uint8_t row = 0;
  for (const Row& r : kRows) index[static_cast<std::uint8_t>(r.reason)] = ++row;
  return index;
}();

}  // namespace

std::string_view to_string(Reason reason) {
  const std::uint8_t row = kIndex[static_cast<std::uint8_t>(reason)];
  return row == 0 ? std::string_view("unknown reason code") : kRows[row - 1].name;
}

bool reason_fits(PacketType type, std::uint8_t code) {
  const std::uint8_t row = kIndex[code];
  return row != 0 && (kRows[row - 1].packets & in(type)) != 0;
}

}  // namespace sluice::mqtt
