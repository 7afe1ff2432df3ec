// The MQTT codec: bytes in, values out, and back. Pure: no state, no allocation on a header's word, no I/O.
// Used by the broker, by tests and by tools that speak MQTT themselves.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "mqtt/packet.hpp"

namespace sluice::mqtt {

// 2.1.4: a remaining length is at most this.
inline constexpr std::uint32_t kMaxRemainingLength = 268'435'455;

struct FixedHeader {
  std::uint8_t first = 0;       // type and flags as sent
  std::uint32_t remaining = 0;  // length of what follows the fixed header
  std::uint8_t size = 0;        // of the fixed header itself, 2..5
  PacketType type() const { return static_cast<PacketType>(first >> 4); }
  std::size_t total() const { return size + std::size_t{remaining}; }
};

enum class HeaderStatus { complete, incomplete, malformed };

// Looks at the fixed header only. Malformed: type 0, wrong reserved flags (2.1.3), PUBLISH with QoS 3, DUP on
// QoS 0, a remaining length of five bytes (1.5.5). Needs no more than the first five bytes to decide.
HeaderStatus read_fixed_header(std::string_view bytes, FixedHeader& header);

// Why a packet was refused: the reason code that MQTT 5 asks for and words for the log.
struct DecodeError {
  Reason reason = Reason::malformed_packet;
  const char* text = "";
};

// Decodes one whole packet (header.total() bytes). `version` is that of the connection; a CONNECT brings its
// own. All normative checks that need no session are done here: UTF-8 (1.5.4), lengths, duplicate or foreign
// properties, zero packet ids, topic name and filter rules (4.7), subscription options, will flags.
// max_user_properties bounds 0x26 entries per packet (protocol_error beyond).
struct Decoded {
  std::optional<Packet> packet;  // or
  DecodeError error;
};
Decoded decode(std::string_view bytes, Version version, std::size_t max_user_properties = 64);

// The hot path: a PUBLISH into an existing value, reusing its memory. Same checks as decode().
bool decode_publish(std::string_view bytes, const FixedHeader& header, Version version, Publish& publish,
                    DecodeError& error, std::size_t max_user_properties = 64);

// Encoders append to out. For 3.1.1 properties and reason codes that it does not have are left out.
void encode(const Connect& packet, std::string& out);
void encode(const Connack& packet, Version version, std::string& out);
void encode(const Publish& packet, Version version, std::string& out);
void encode(const Ack& packet, Version version, std::string& out);
void encode(const Subscribe& packet, Version version, std::string& out);
void encode(const Suback& packet, Version version, std::string& out);
void encode(const Unsubscribe& packet, Version version, std::string& out);
void encode(const Unsuback& packet, Version version, std::string& out);
void encode(const Disconnect& packet, Version version, std::string& out);
void encode(const Auth& packet, std::string& out);
void encode_pingreq(std::string& out);
void encode_pingresp(std::string& out);
// A bare acknowledgement (success, no properties): four bytes, both versions.
void encode_ack(PacketType type, std::uint16_t packet_id, std::string& out);
// The whole size of the PUBLISH on the wire, to compare with the peer's Maximum Packet Size.
std::size_t encoded_size(const Publish& packet, Version version);

// Walks user properties in wire form. Input must come from the decoder or from append_user_property.
void for_each_user_property(RawUserProperties raw,
                            const std::function<void(std::string_view name, std::string_view value)>& fn);
// Name and value at most 65,535 bytes each, valid MQTT UTF-8.
void append_user_property(std::string& raw, std::string_view name, std::string_view value);

// 1.5.4: well-formed UTF-8 without U+0000 and without surrogates.
bool valid_utf8(std::string_view text);
// 3.3.2.3.2: what a payload with format indicator 1 must be; U+0000 is allowed there. decode() does not check
// it (the server may, with payload_format_invalid).
bool valid_utf8_payload(std::string_view payload);

// The protocol level of a CONNECT that may be broken otherwise, to refuse it in its own language: 3
// (MQTT 3.1) and 4 get the CONNACK of 3.1.1, 5 and more that of 5.0. 0: it is not a CONNECT of MQTT, close
// silently.
std::uint8_t protocol_level(std::string_view bytes);

}  // namespace sluice::mqtt
