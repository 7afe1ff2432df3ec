// DISCONNECT (3.14) and AUTH (3.15).
#include "mqtt/properties.hpp"

namespace sluice::mqtt {
namespace {

using enum PropertyId;

constexpr PropertySet kDisconnectProperties =
    properties({session_expiry, reason_string, user, server_reference});
constexpr PropertySet kAuthProperties =
    properties({authentication_method, authentication_data, reason_string, user});

}  // namespace

void put_properties(const Disconnect& packet, PropertyWriter& out) {
  out.u32(session_expiry, packet.session_expiry);
  out.text(reason_string, packet.reason_string);
  out.text(server_reference, packet.server_reference);
  out.user(packet.user);
}

void put_properties(const Auth& packet, PropertyWriter& out) {
  out.text(authentication_method, packet.method);
  out.text(authentication_data, packet.data);
  out.text(reason_string, packet.reason_string);
  out.user(packet.user);
}

bool decode_disconnect(Reader in, Version version, Disconnect& packet, DecodeError& error,
                       std::size_t max_user) {
  if (in.left() == 0) return true;
  if (version == Version::v311) return malformed(error, "DISCONNECT with a body (3.1.1: 3.14)");
  std::uint8_t code = 0;
  in.u8(code);
  if (!reason_fits(PacketType::disconnect, code)) {
    return protocol_error(error, "DISCONNECT with a foreign reason code (3.14.2.1)");
  }
  packet.reason = static_cast<Reason>(code);
  if (in.left() == 0) return true;
  PropertyReader block(kDisconnectProperties, max_user, error);
  if (!block.open(in)) return false;
  Property property;
  while (block.next(property)) {
    if (property.id == session_expiry) packet.session_expiry = property.number;
    if (property.id == reason_string) packet.reason_string = property.text;
    if (property.id == server_reference) packet.server_reference = property.text;
  }
  if (!block.good()) return false;
  packet.user = block.user();
  return in.left() == 0 || malformed(error, "bytes after the properties of DISCONNECT");
}

void encode(const Disconnect& packet, Version version, std::string& out) {
  const std::size_t properties = version == Version::v5 ? properties_size(packet) : 0;
  const bool code = version == Version::v5 && (packet.reason != Reason::success || properties > 0);
  put_header(out, PacketType::disconnect, 0,
             (code ? 1U : 0U) + (properties > 0 ? block_size(properties) : 0));
  if (code) put_u8(out, static_cast<unsigned>(packet.reason));
  if (properties > 0) put_property_block(packet, properties, out);
}

bool decode_auth(Reader in, Auth& packet, DecodeError& error, std::size_t max_user) {
  if (in.left() == 0) return true;
  std::uint8_t code = 0;
  in.u8(code);
  if (!reason_fits(PacketType::auth, code))
    return protocol_error(error, "AUTH with a foreign reason code (3.15.2.1)");
  packet.reason = static_cast<Reason>(code);
  PropertyReader block(kAuthProperties, max_user, error);
  if (!block.open(in)) return false;
  Property property;
  while (block.next(property)) {
    if (property.id == authentication_method) packet.method = property.text;
    if (property.id == authentication_data) packet.data = property.text;
    if (property.id == reason_string) packet.reason_string = property.text;
  }
  if (!block.good()) return false;
  packet.user = block.user();
  if (!packet.method) return protocol_error(error, "AUTH without authentication method (3.15.2.2.2)");
  return in.left() == 0 || malformed(error, "bytes after the properties of AUTH");
}

void encode(const Auth& packet, std::string& out) {
  const std::size_t properties = properties_size(packet);
  const bool whole = packet.reason != Reason::success || properties > 0;
  put_header(out, PacketType::auth, 0, whole ? 1 + block_size(properties) : 0);
  if (!whole) return;
  put_u8(out, static_cast<unsigned>(packet.reason));
  put_property_block(packet, properties, out);
}

}  // namespace sluice::mqtt
