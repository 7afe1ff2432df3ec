// CONNECT (3.1) and CONNACK (3.2).
#include "mqtt/properties.hpp"
#include "mqtt/topic.hpp"

namespace sluice::mqtt {
namespace {

using enum PropertyId;

constexpr PropertySet kConnectProperties = properties(
    {session_expiry, receive_maximum, maximum_packet_size, topic_alias_maximum, request_response_information,
     request_problem_information, user, authentication_method, authentication_data});
constexpr PropertySet kWillProperties = kMessageProperties | bit(will_delay);
constexpr PropertySet kConnackProperties =
    properties({session_expiry, receive_maximum, maximum_qos, retain_available, maximum_packet_size,
                assigned_client_id, topic_alias_maximum, reason_string, user, wildcard_available,
                subscription_identifiers_available, shared_available, server_keep_alive, response_information,
                server_reference, authentication_method, authentication_data});

constexpr unsigned kReserved = 0x01, kCleanStart = 0x02, kWill = 0x04, kWillRetain = 0x20, kPassword = 0x40,
                   kUsername = 0x80;

bool read_connect_properties(Reader& in, Connect& packet, DecodeError& error, std::size_t max_user) {
  PropertyReader block(kConnectProperties, max_user, error);
  if (!block.open(in)) return false;
  Property property;
  while (block.next(property)) {
    switch (property.id) {
      case session_expiry:
        packet.session_expiry = property.number;
        break;
      case receive_maximum:
        packet.receive_maximum = static_cast<std::uint16_t>(property.number);
        break;
      case maximum_packet_size:
        packet.maximum_packet_size = property.number;
        break;
      case topic_alias_maximum:
        packet.topic_alias_maximum = static_cast<std::uint16_t>(property.number);
        break;
      case request_response_information:
        packet.request_response_information = property.number == 1;
        break;
      case request_problem_information:
        packet.request_problem_information = property.number == 1;
        break;
      case authentication_method:
        packet.authentication_method = property.text;
        break;
      case authentication_data:
        packet.authentication_data = property.text;
        break;
      default:
        break;
    }
  }
  if (!block.good()) return false;
  packet.user = block.user();
  if (packet.authentication_data && !packet.authentication_method) {
    return protocol_error(error, "CONNECT with authentication data but no method (3.1.2.11.10)");
  }
  return true;
}

bool read_will(Reader& in, Version version, Will& will, DecodeError& error, std::size_t max_user) {
  if (version == Version::v5) {
    PropertyReader block(kWillProperties, max_user, error);
    if (!block.open(in)) return false;
    Property property;
    while (block.next(property)) {
      if (property.id == will_delay) will.delay = property.number;
      take_publish_property(property, will.properties);
    }
    if (!block.good()) return false;
    will.properties.user = block.user();
  }
  if (!in.text(will.topic)) return malformed(error, "will topic missing or not UTF-8 (3.1.3.3)");
  if (!valid_topic_name(will.topic)) {
    return fail(error, Reason::topic_name_invalid, "will topic is empty or has wildcards (4.7)");
  }
  if (!in.binary(will.payload)) return malformed(error, "will payload missing or cut short (3.1.3.4)");
  return true;
}

// 3.1.1: 3.2.2.3. What it has no code for is "server unavailable": the client may try again.
unsigned connack_code_311(Reason reason) {
  switch (reason) {
    case Reason::success:
      return 0;
    case Reason::unsupported_protocol_version:
      return 1;
    case Reason::client_identifier_not_valid:
      return 2;
    case Reason::bad_user_name_or_password:
    case Reason::bad_authentication_method:
      return 4;
    case Reason::not_authorized:
    case Reason::banned:
      return 5;
    default:
      return 3;
  }
}

bool reason_of_code_311(std::uint8_t code, Reason& reason) {
  constexpr Reason kReasons[] = {Reason::success,
                                 Reason::unsupported_protocol_version,
                                 Reason::client_identifier_not_valid,
                                 Reason::server_unavailable,
                                 Reason::bad_user_name_or_password,
                                 Reason::not_authorized};
  constexpr std::uint8_t kAwsNotAuthorized = 7;  // not in the specification, but AWS IoT sends it
  if (code == kAwsNotAuthorized) code = 5;
  if (code >= std::size(kReasons)) return false;
  reason = kReasons[code];
  return true;
}

}  // namespace

void put_properties(const Connect& packet, PropertyWriter& out) {
  out.u32(session_expiry, packet.session_expiry);
  out.u16(receive_maximum, packet.receive_maximum);
  out.u32(maximum_packet_size, packet.maximum_packet_size);
  if (packet.topic_alias_maximum != 0) out.u16(topic_alias_maximum, packet.topic_alias_maximum);
  if (packet.request_response_information) out.u8(request_response_information, std::optional(true));
  if (!packet.request_problem_information) out.u8(request_problem_information, std::optional(false));
  out.text(authentication_method, packet.authentication_method);
  out.text(authentication_data, packet.authentication_data);
  out.user(packet.user);
}

void put_properties(const Will& will, PropertyWriter& out) {
  if (will.delay != 0) out.u32(will_delay, will.delay);
  put_publish_properties(will.properties, out);
}

void put_properties(const Connack& packet, PropertyWriter& out) {
  out.u32(session_expiry, packet.session_expiry);
  out.u16(receive_maximum, packet.receive_maximum);
  out.u8(maximum_qos, packet.maximum_qos);
  out.u8(retain_available, packet.retain_available);
  out.u32(maximum_packet_size, packet.maximum_packet_size);
  out.text(assigned_client_id, packet.assigned_client_id);
  if (packet.topic_alias_maximum != 0) out.u16(topic_alias_maximum, packet.topic_alias_maximum);
  out.text(reason_string, packet.reason_string);
  out.u8(wildcard_available, packet.wildcard_available);
  out.u8(subscription_identifiers_available, packet.subscription_identifiers_available);
  out.u8(shared_available, packet.shared_available);
  out.u16(server_keep_alive, packet.server_keep_alive);
  out.text(response_information, packet.response_information);
  out.text(server_reference, packet.server_reference);
  out.text(authentication_method, packet.authentication_method);
  out.text(authentication_data, packet.authentication_data);
  out.user(packet.user);
}

std::uint8_t protocol_level(std::string_view bytes) {
  FixedHeader header;
  if (read_fixed_header(bytes, header) != HeaderStatus::complete || header.type() != PacketType::connect)
    return 0;
  Reader in(bytes.substr(header.size));
  std::string_view name;
  std::uint8_t level = 0;
  return in.binary(name) && (name == "MQTT" || name == "MQIsdp") && in.u8(level) ? level : 0;
}

bool decode_connect(Reader in, Connect& packet, DecodeError& error, std::size_t max_user) {
  std::string_view name;
  std::uint8_t level = 0;
  std::uint8_t flags = 0;
  if (!in.binary(name)) return malformed(error, "CONNECT without protocol name (3.1.2.1)");
  if (name == "MQIsdp")
    return fail(error, Reason::unsupported_protocol_version, "CONNECT of MQTT 3.1, not served");
  if (name != "MQTT") return malformed(error, "CONNECT with a protocol name other than MQTT (3.1.2.1)");
  if (!in.u8(level)) return malformed(error, "CONNECT without protocol version (3.1.2.2)");
  if (level != 4 && level != 5) {
    return fail(error, Reason::unsupported_protocol_version,
                "CONNECT of a protocol version other than 4 and 5 (3.1.2.2)");
  }
  packet.version = static_cast<Version>(level);
  if (!in.u8(flags) || !in.u16(packet.keep_alive)) return malformed(error, "CONNECT cut short (3.1.2)");

  const unsigned will_qos = flags >> 3 & 3U;
  if ((flags & kReserved) != 0) return malformed(error, "CONNECT reserved flag is set (3.1.2.3)");
  if (will_qos == 3) return malformed(error, "CONNECT with will QoS 3 (3.1.2.6)");
  if ((flags & kWill) == 0 && (will_qos != 0 || (flags & kWillRetain) != 0)) {
    return malformed(error, "CONNECT with will QoS or will retain but no will (3.1.2.6)");
  }
  if (packet.version == Version::v311 && (flags & kPassword) != 0 && (flags & kUsername) == 0) {
    return malformed(error, "CONNECT with a password but no user name (3.1.1: 3.1.2.9)");
  }
  packet.clean_start = (flags & kCleanStart) != 0;

  if (packet.version == Version::v5 && !read_connect_properties(in, packet, error, max_user)) return false;
  if (!in.text(packet.client_id))
    return malformed(error, "CONNECT client identifier missing or not UTF-8 (3.1.3.1)");
  if ((flags & kWill) != 0) {
    Will& will = packet.will.emplace();
    will.qos = static_cast<std::uint8_t>(will_qos);
    will.retain = (flags & kWillRetain) != 0;
    if (!read_will(in, packet.version, will, error, max_user)) return false;
  }
  if ((flags & kUsername) != 0 && !in.text(packet.username.emplace())) {
    return malformed(error, "CONNECT user name missing or not UTF-8 (3.1.3.5)");
  }
  if ((flags & kPassword) != 0 && !in.binary(packet.password.emplace())) {
    return malformed(error, "CONNECT password missing or cut short (3.1.3.6)");
  }
  return in.left() == 0 || malformed(error, "bytes after the payload of CONNECT");
}

void encode(const Connect& packet, std::string& out) {
  const bool v5 = packet.version == Version::v5;
  unsigned flags = packet.clean_start ? kCleanStart : 0;
  std::size_t remaining = 10 + 2 + packet.client_id.size();
  const std::size_t properties = v5 ? properties_size(packet) : 0;
  const std::size_t will_properties = v5 && packet.will ? properties_size(*packet.will) : 0;
  if (v5) remaining += block_size(properties);
  if (packet.will) {
    flags |= kWill | unsigned{packet.will->qos} << 3 | (packet.will->retain ? kWillRetain : 0);
    remaining += 4 + packet.will->topic.size() + packet.will->payload.size();
    if (v5) remaining += block_size(will_properties);
  }
  if (packet.username) flags |= kUsername;
  if (packet.username) remaining += 2 + packet.username->size();
  if (packet.password) flags |= kPassword;
  if (packet.password) remaining += 2 + packet.password->size();

  put_header(out, PacketType::connect, 0, remaining);
  put_binary(out, "MQTT");
  put_u8(out, static_cast<unsigned>(packet.version));
  put_u8(out, flags);
  put_u16(out, packet.keep_alive);
  if (v5) put_property_block(packet, properties, out);
  put_binary(out, packet.client_id);
  if (packet.will) {
    if (v5) put_property_block(*packet.will, will_properties, out);
    put_binary(out, packet.will->topic);
    put_binary(out, packet.will->payload);
  }
  if (packet.username) put_binary(out, *packet.username);
  if (packet.password) put_binary(out, *packet.password);
}

bool decode_connack(Reader in, Version version, Connack& packet, DecodeError& error, std::size_t max_user) {
  std::uint8_t flags = 0;
  std::uint8_t code = 0;
  if (!in.u8(flags) || !in.u8(code)) return malformed(error, "CONNACK cut short (3.2.2)");
  if (flags > 1) return malformed(error, "CONNACK reserved flags are set (3.2.2.1)");
  packet.session_present = flags == 1;
  if (flags == 1 && code != 0) return protocol_error(error, "CONNACK refuses but has a session (3.2.2.1.1)");
  if (version == Version::v311) {
    if (!reason_of_code_311(code, packet.reason))
      return malformed(error, "CONNACK return code is reserved (3.1.1: 3.2.2.3)");
    return in.left() == 0 || malformed(error, "CONNACK longer than two bytes (3.1.1: 3.2.1)");
  }
  if (!reason_fits(PacketType::connack, code))
    return protocol_error(error, "CONNACK with a foreign reason code (3.2.2.2)");
  packet.reason = static_cast<Reason>(code);
  PropertyReader block(kConnackProperties, max_user, error);
  if (!block.open(in)) return false;
  Property property;
  while (block.next(property)) {
    const std::uint32_t number = property.number;
    switch (property.id) {
      case session_expiry:
        packet.session_expiry = number;
        break;
      case receive_maximum:
        packet.receive_maximum = static_cast<std::uint16_t>(number);
        break;
      case maximum_qos:
        packet.maximum_qos = static_cast<std::uint8_t>(number);
        break;
      case retain_available:
        packet.retain_available = number == 1;
        break;
      case maximum_packet_size:
        packet.maximum_packet_size = number;
        break;
      case assigned_client_id:
        packet.assigned_client_id = property.text;
        break;
      case topic_alias_maximum:
        packet.topic_alias_maximum = static_cast<std::uint16_t>(number);
        break;
      case reason_string:
        packet.reason_string = property.text;
        break;
      case wildcard_available:
        packet.wildcard_available = number == 1;
        break;
      case subscription_identifiers_available:
        packet.subscription_identifiers_available = number == 1;
        break;
      case shared_available:
        packet.shared_available = number == 1;
        break;
      case server_keep_alive:
        packet.server_keep_alive = static_cast<std::uint16_t>(number);
        break;
      case response_information:
        packet.response_information = property.text;
        break;
      case server_reference:
        packet.server_reference = property.text;
        break;
      case authentication_method:
        packet.authentication_method = property.text;
        break;
      case authentication_data:
        packet.authentication_data = property.text;
        break;
      default:
        break;
    }
  }
  if (!block.good()) return false;
  packet.user = block.user();
  if (packet.authentication_data && !packet.authentication_method) {
    return protocol_error(error, "CONNACK with authentication data but no method (3.2.2.3.18)");
  }
  return in.left() == 0 || malformed(error, "bytes after the properties of CONNACK");
}

void encode(const Connack& packet, Version version, std::string& out) {
  const unsigned flags = packet.session_present && packet.reason == Reason::success ? 1 : 0;
  if (version == Version::v311) {
    put_header(out, PacketType::connack, 0, 2);
    put_u8(out, flags);
    put_u8(out, connack_code_311(packet.reason));
    return;
  }
  const std::size_t properties = properties_size(packet);
  put_header(out, PacketType::connack, 0, 2 + block_size(properties));
  put_u8(out, flags);
  put_u8(out, static_cast<unsigned>(packet.reason));
  put_property_block(packet, properties, out);
}

}  // namespace sluice::mqtt
