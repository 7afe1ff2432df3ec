// SUBSCRIBE (3.8), SUBACK (3.9), UNSUBSCRIBE (3.10), UNSUBACK (3.11).
#include "mqtt/properties.hpp"
#include "mqtt/topic.hpp"

namespace sluice::mqtt {
namespace {

constexpr PropertySet kSubscribeProperties =
    properties({PropertyId::subscription_identifier, PropertyId::user});
constexpr PropertySet kUnsubscribeProperties = properties({PropertyId::user});
constexpr PropertySet kSubackProperties = properties({PropertyId::reason_string, PropertyId::user});

bool read_packet_id(Reader& in, std::uint16_t& packet_id, DecodeError& error) {
  if (!in.u16(packet_id)) return malformed(error, "packet identifier missing (2.2.1)");
  return packet_id != 0 || protocol_error(error, "packet identifier 0 (2.2.1)");
}

bool read_filter(Reader& in, std::string_view& filter, DecodeError& error) {
  if (!in.text(filter)) return malformed(error, "topic filter cut short or not UTF-8 (3.8.3)");
  return valid_topic_filter(filter) ||
         fail(error, Reason::topic_filter_invalid,
              "topic filter breaks the rules of wildcards or sharing (4.7, 4.8)");
}

bool read_options(Reader& in, Version version, SubscribeEntry& entry, DecodeError& error) {
  std::uint8_t options = 0;
  if (!in.u8(options)) return malformed(error, "topic filter without options (3.8.3)");
  entry.qos = options & 3U;
  if (version == Version::v311) {
    return options <= 2 || malformed(error, "requested QoS is not 0, 1 or 2 (3.1.1: 3.8.3)");
  }
  entry.no_local = (options & 4U) != 0;
  entry.retain_as_published = (options & 8U) != 0;
  entry.retain_handling = options >> 4 & 3U;
  if ((options & 0xc0U) != 0) return malformed(error, "reserved subscription options are set (3.8.3.1)");
  if (entry.qos == 3) return protocol_error(error, "subscription with QoS 3 (3.8.3.1)");
  if (entry.retain_handling == 3)
    return protocol_error(error, "subscription with retain handling 3 (3.8.3.1)");
  if (entry.no_local && split_shared(entry.filter)) {
    return protocol_error(error, "no-local on a shared subscription (3.8.3.1)");
  }
  return true;
}

bool read_suback_head(Reader& in, Version version, Suback& packet, DecodeError& error, std::size_t max_user) {
  if (!read_packet_id(in, packet.packet_id, error)) return false;
  if (version == Version::v311) return true;
  PropertyReader block(kSubackProperties, max_user, error);
  if (!block.open(in)) return false;
  Property property;
  while (block.next(property)) packet.reason_string = property.text;
  packet.user = block.user();
  return block.good();
}

void put_suback(PacketType type, const Suback& packet, Version version, std::string& out) {
  const std::size_t properties = version == Version::v5 ? properties_size(packet) : 0;
  const bool codes = version == Version::v5 || type == PacketType::suback;
  put_header(out, type, 0,
             2 + (version == Version::v5 ? block_size(properties) : 0) + (codes ? packet.reasons.size() : 0));
  put_u16(out, packet.packet_id);
  if (version == Version::v5) put_property_block(packet, properties, out);
  if (!codes) return;
  for (Reason reason : packet.reasons) {
    const auto code = static_cast<unsigned>(reason);
    put_u8(out, version == Version::v311 && code > 2 ? 0x80U : code);  // 3.1.1 knows one failure (3.9.3)
  }
}

}  // namespace

void put_properties(const Subscribe& packet, PropertyWriter& out) {
  if (packet.subscription_identifier)
    out.variable(PropertyId::subscription_identifier, *packet.subscription_identifier);
  out.user(packet.user);
}

void put_properties(const Unsubscribe& packet, PropertyWriter& out) { out.user(packet.user); }

void put_properties(const Suback& packet, PropertyWriter& out) {
  out.text(PropertyId::reason_string, packet.reason_string);
  out.user(packet.user);
}

bool decode_subscribe(Reader in, Version version, Subscribe& packet, DecodeError& error,
                      std::size_t max_user) {
  if (!read_packet_id(in, packet.packet_id, error)) return false;
  if (version == Version::v5) {
    PropertyReader block(kSubscribeProperties, max_user, error);
    if (!block.open(in)) return false;
    Property property;
    while (block.next(property)) packet.subscription_identifier = property.number;
    if (!block.good()) return false;
    packet.user = block.user();
  }
  if (in.left() == 0) return protocol_error(error, "SUBSCRIBE without a topic filter (3.8.3)");
  while (in.left() > 0) {
    SubscribeEntry entry;
    if (!read_filter(in, entry.filter, error) || !read_options(in, version, entry, error)) return false;
    packet.entries.push_back(entry);
  }
  return true;
}

void encode(const Subscribe& packet, Version version, std::string& out) {
  const std::size_t properties = version == Version::v5 ? properties_size(packet) : 0;
  std::size_t remaining = 2 + (version == Version::v5 ? block_size(properties) : 0);
  for (const SubscribeEntry& entry : packet.entries) remaining += 3 + entry.filter.size();
  put_header(out, PacketType::subscribe, 2, remaining);
  put_u16(out, packet.packet_id);
  if (version == Version::v5) put_property_block(packet, properties, out);
  for (const SubscribeEntry& entry : packet.entries) {
    unsigned options = entry.qos;
    if (version == Version::v5) {
      options |= (entry.no_local ? 4U : 0U) | (entry.retain_as_published ? 8U : 0U) |
                 unsigned{entry.retain_handling} << 4;
    }
    put_binary(out, entry.filter);
    put_u8(out, options);
  }
}

bool decode_suback(Reader in, Version version, Suback& packet, DecodeError& error, std::size_t max_user) {
  if (!read_suback_head(in, version, packet, error, max_user)) return false;
  if (in.left() == 0) return protocol_error(error, "SUBACK without reason codes (3.9.3)");
  packet.reasons.reserve(in.left());
  for (std::uint8_t code = 0; in.u8(code);) {
    const bool fits =
        version == Version::v311 ? code <= 2 || code == 0x80 : reason_fits(PacketType::suback, code);
    if (!fits) return protocol_error(error, "SUBACK with a foreign reason code (3.9.3)");
    packet.reasons.push_back(static_cast<Reason>(code));
  }
  return true;
}

void encode(const Suback& packet, Version version, std::string& out) {
  put_suback(PacketType::suback, packet, version, out);
}

bool decode_unsubscribe(Reader in, Version version, Unsubscribe& packet, DecodeError& error,
                        std::size_t max_user) {
  if (!read_packet_id(in, packet.packet_id, error)) return false;
  if (version == Version::v5) {
    PropertyReader block(kUnsubscribeProperties, max_user, error);
    if (!block.open(in)) return false;
    Property property;
    while (block.next(property)) {
    }
    if (!block.good()) return false;
    packet.user = block.user();
  }
  if (in.left() == 0) return protocol_error(error, "UNSUBSCRIBE without a topic filter (3.10.3)");
  while (in.left() > 0) {
    if (!read_filter(in, packet.filters.emplace_back(), error)) return false;
  }
  return true;
}

void encode(const Unsubscribe& packet, Version version, std::string& out) {
  const std::size_t properties = version == Version::v5 ? properties_size(packet) : 0;
  std::size_t remaining = 2 + (version == Version::v5 ? block_size(properties) : 0);
  for (std::string_view filter : packet.filters) remaining += 2 + filter.size();
  put_header(out, PacketType::unsubscribe, 2, remaining);
  put_u16(out, packet.packet_id);
  if (version == Version::v5) put_property_block(packet, properties, out);
  for (std::string_view filter : packet.filters) put_binary(out, filter);
}

bool decode_unsuback(Reader in, Version version, Unsuback& packet, DecodeError& error, std::size_t max_user) {
  if (!read_suback_head(in, version, packet, error, max_user)) return false;
  if (version == Version::v311)
    return in.left() == 0 || malformed(error, "UNSUBACK longer than two bytes (3.1.1: 3.11)");
  if (in.left() == 0) return protocol_error(error, "UNSUBACK without reason codes (3.11.3)");
  packet.reasons.reserve(in.left());
  for (std::uint8_t code = 0; in.u8(code);) {
    if (!reason_fits(PacketType::unsuback, code))
      return protocol_error(error, "UNSUBACK with a foreign reason code (3.11.3)");
    packet.reasons.push_back(static_cast<Reason>(code));
  }
  return true;
}

void encode(const Unsuback& packet, Version version, std::string& out) {
  put_suback(PacketType::unsuback, packet, version, out);
}

}  // namespace sluice::mqtt
