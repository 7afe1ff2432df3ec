// PUBLISH (3.3) and the four acknowledgements (3.4 to 3.7).
#include "mqtt/properties.hpp"
#include "mqtt/topic.hpp"

namespace sluice::mqtt {
namespace {

constexpr PropertySet kPublishProperties =
    kMessageProperties | properties({PropertyId::topic_alias, PropertyId::subscription_identifier});
constexpr PropertySet kAckProperties = properties({PropertyId::reason_string, PropertyId::user});

// Memory of the vector stays.
void clear(PublishProperties& properties) {
  properties.payload_format.reset();
  properties.message_expiry.reset();
  properties.topic_alias.reset();
  properties.content_type.reset();
  properties.response_topic.reset();
  properties.correlation_data.reset();
  properties.subscription_identifiers.clear();
  properties.user = {};
}

std::size_t remaining_length(const Publish& packet, Version version, std::size_t properties) {
  return 2 + packet.topic.size() + (packet.qos > 0 ? 2U : 0U) +
         (version == Version::v5 ? block_size(properties) : 0) + packet.payload.size();
}

}  // namespace

void put_properties(const Publish& packet, PropertyWriter& out) {
  put_publish_properties(packet.properties, out);
}

void put_properties(const Ack& packet, PropertyWriter& out) {
  out.text(PropertyId::reason_string, packet.reason_string);
  out.user(packet.user);
}

bool decode_publish_body(Reader in, std::uint8_t first, Version version, Publish& packet, DecodeError& error,
                         std::size_t max_user) {
  packet.qos = static_cast<std::uint8_t>(first >> 1 & 3);
  packet.dup = (first & 8) != 0;
  packet.retain = (first & 1) != 0;
  packet.packet_id = 0;
  clear(packet.properties);
  if (packet.qos == 3 || (packet.dup && packet.qos == 0)) return malformed(error, "PUBLISH flags (3.3.1)");
  if (!in.text(packet.topic)) return malformed(error, "PUBLISH topic cut short or not UTF-8 (3.3.2.1)");
  if (packet.qos > 0) {
    if (!in.u16(packet.packet_id)) return malformed(error, "PUBLISH without packet identifier (3.3.2.2)");
    if (packet.packet_id == 0) return protocol_error(error, "PUBLISH with packet identifier 0 (2.2.1)");
  }
  if (version == Version::v5) {
    PropertyReader properties(kPublishProperties, max_user, error, bit(PropertyId::subscription_identifier));
    if (!properties.open(in)) return false;
    Property property;
    while (properties.next(property)) take_publish_property(property, packet.properties);
    if (!properties.good()) return false;
    packet.properties.user = properties.user();
  }
  if (packet.topic.empty()) {
    if (version == Version::v311) return malformed(error, "PUBLISH with an empty topic (4.7.3)");
    if (!packet.properties.topic_alias) {
      return protocol_error(error, "PUBLISH with neither topic nor alias (3.3.2.1)");
    }
  } else if (!valid_topic_name(packet.topic)) {
    return fail(error, Reason::topic_name_invalid, "PUBLISH topic has wildcards or too many levels (4.7)");
  }
  packet.payload = in.rest();
  return true;
}

void encode(const Publish& packet, Version version, std::string& out) {
  const std::size_t properties = version == Version::v5 ? properties_size(packet) : 0;
  const unsigned flags =
      (packet.dup && packet.qos > 0 ? 8U : 0U) | unsigned{packet.qos} << 1 | (packet.retain ? 1U : 0U);
  put_header(out, PacketType::publish, flags, remaining_length(packet, version, properties));
  put_binary(out, packet.topic);
  if (packet.qos > 0) put_u16(out, packet.packet_id);
  if (version == Version::v5) put_property_block(packet, properties, out);
  out.append(packet.payload);
}

std::size_t encoded_size(const Publish& packet, Version version) {
  const std::size_t properties = version == Version::v5 ? properties_size(packet) : 0;
  const std::size_t remaining = remaining_length(packet, version, properties);
  return 1 + variable_size(remaining) + remaining;
}

bool decode_ack(Reader in, PacketType type, Version version, Ack& packet, DecodeError& error,
                std::size_t max_user) {
  packet.type = type;
  if (!in.u16(packet.packet_id)) return malformed(error, "acknowledgement without packet identifier (2.2.1)");
  if (packet.packet_id == 0) return protocol_error(error, "acknowledgement of packet identifier 0 (2.2.1)");
  if (in.left() == 0) return true;
  if (version == Version::v311)
    return malformed(error, "acknowledgement longer than two bytes (3.1.1: 3.4.1)");
  std::uint8_t code = 0;
  in.u8(code);
  if (!reason_fits(type, code))
    return protocol_error(error, "reason code does not belong to this acknowledgement (2.4)");
  packet.reason = static_cast<Reason>(code);
  if (in.left() == 0) return true;
  PropertyReader properties(kAckProperties, max_user, error);
  if (!properties.open(in)) return false;
  Property property;
  while (properties.next(property)) packet.reason_string = property.text;
  if (!properties.good()) return false;
  packet.user = properties.user();
  return in.left() == 0 || malformed(error, "bytes after the properties of an acknowledgement");
}

void encode(const Ack& packet, Version version, std::string& out) {
  const std::size_t properties = version == Version::v5 ? properties_size(packet) : 0;
  const bool code = version == Version::v5 && (packet.reason != Reason::success || properties > 0);
  const std::size_t remaining = 2 + (code ? 1U : 0U) + (properties > 0 ? block_size(properties) : 0);
  put_header(out, packet.type, packet.type == PacketType::pubrel ? 2 : 0, remaining);
  put_u16(out, packet.packet_id);
  if (code) put_u8(out, static_cast<unsigned>(packet.reason));
  if (properties > 0) put_property_block(packet, properties, out);
}

void encode_ack(PacketType type, std::uint16_t packet_id, std::string& out) {
  const unsigned first = static_cast<unsigned>(type) << 4 | (type == PacketType::pubrel ? 2U : 0U);
  const char bytes[] = {static_cast<char>(first), 2, static_cast<char>(packet_id >> 8),
                        static_cast<char>(packet_id)};
  out.append(bytes, sizeof bytes);
}

}  // namespace sluice::mqtt
