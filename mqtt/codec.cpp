// The fixed header, and the way from a whole packet to the decoder of its type.
#include "mqtt/codec.hpp"

#include "mqtt/wire.hpp"

namespace sluice::mqtt {
namespace {

// 2.1.3: the flags of the types other than PUBLISH are fixed.
bool flags_fit(std::uint8_t first) {
  const unsigned flags = first & 0x0fU;
  switch (static_cast<PacketType>(first >> 4)) {
    case PacketType::publish: {
      const unsigned qos = flags >> 1 & 3U;
      const bool dup = (flags & 8U) != 0;
      return qos != 3 && !(dup && qos == 0);
    }
    case PacketType::pubrel:
    case PacketType::subscribe:
    case PacketType::unsubscribe:
      return flags == 2;
    default:
      return first >> 4 != 0 && flags == 0;
  }
}

template <class P, class Decode>
void into(Decoded& decoded, Decode&& decode_body) {
  if (!decode_body(std::get<P>(decoded.packet.emplace(P{})))) decoded.packet.reset();
}

}  // namespace

HeaderStatus read_fixed_header(std::string_view bytes, FixedHeader& header) {
  if (bytes.empty()) return HeaderStatus::incomplete;
  header.first = static_cast<std::uint8_t>(bytes[0]);
  if (!flags_fit(header.first)) return HeaderStatus::malformed;
  std::uint32_t sum = 0;
  for (unsigned i = 1; i <= 4; ++i) {
    if (i >= bytes.size()) return HeaderStatus::incomplete;
    const auto byte = static_cast<std::uint8_t>(bytes[i]);
    sum |= (byte & 0x7fU) << (7 * (i - 1));
    if ((byte & 0x80U) != 0) continue;
    if (i > 1 && byte == 0) return HeaderStatus::malformed;
    header.remaining = sum;
    header.size = static_cast<std::uint8_t>(i + 1);
    return HeaderStatus::complete;
  }
  return HeaderStatus::malformed;
}

bool decode_publish(std::string_view bytes, const FixedHeader& header, Version version, Publish& publish,
                    DecodeError& error, std::size_t max_user_properties) {
  if (bytes.size() != header.total()) return malformed(error, "packet is not as long as its header says");
  return decode_publish_body(Reader(bytes.substr(header.size)), header.first, version, publish, error,
                             max_user_properties);
}

Decoded decode(std::string_view bytes, Version version, std::size_t max_user) {
  Decoded decoded;
  DecodeError& error = decoded.error;
  FixedHeader header;
  if (read_fixed_header(bytes, header) != HeaderStatus::complete) {
    malformed(error, "fixed header not well-formed (2.1)");
    return decoded;
  }
  if (bytes.size() != header.total()) {
    malformed(error, "packet is not as long as its header says (2.1.4)");
    return decoded;
  }
  const Reader in(bytes.substr(header.size));
  const PacketType type = header.type();
  switch (type) {
    case PacketType::connect:
      into<Connect>(decoded, [&](Connect& p) { return decode_connect(in, p, error, max_user); });
      break;
    case PacketType::connack:
      into<Connack>(decoded, [&](Connack& p) { return decode_connack(in, version, p, error, max_user); });
      break;
    case PacketType::publish:
      into<Publish>(decoded, [&](Publish& p) {
        return decode_publish_body(in, header.first, version, p, error, max_user);
      });
      break;
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubrel:
    case PacketType::pubcomp:
      into<Ack>(decoded, [&](Ack& p) { return decode_ack(in, type, version, p, error, max_user); });
      break;
    case PacketType::subscribe:
      into<Subscribe>(decoded,
                      [&](Subscribe& p) { return decode_subscribe(in, version, p, error, max_user); });
      break;
    case PacketType::suback:
      into<Suback>(decoded, [&](Suback& p) { return decode_suback(in, version, p, error, max_user); });
      break;
    case PacketType::unsubscribe:
      into<Unsubscribe>(decoded,
                        [&](Unsubscribe& p) { return decode_unsubscribe(in, version, p, error, max_user); });
      break;
    case PacketType::unsuback:
      into<Unsuback>(decoded, [&](Unsuback& p) { return decode_unsuback(in, version, p, error, max_user); });
      break;
    case PacketType::pingreq:
    case PacketType::pingresp:
      if (header.remaining != 0) {
        malformed(error, "PINGREQ or PINGRESP with a body (3.12)");
      } else if (type == PacketType::pingreq) {
        decoded.packet = Pingreq{};
      } else {
        decoded.packet = Pingresp{};
      }
      break;
    case PacketType::disconnect:
      into<Disconnect>(decoded,
                       [&](Disconnect& p) { return decode_disconnect(in, version, p, error, max_user); });
      break;
    case PacketType::auth:
      if (version == Version::v311) {
        malformed(error, "packet type 15 does not exist in MQTT 3.1.1 (2.2.1)");
        break;
      }
      into<Auth>(decoded, [&](Auth& p) { return decode_auth(in, p, error, max_user); });
      break;
  }
  return decoded;
}

void encode_pingreq(std::string& out) { put_header(out, PacketType::pingreq, 0, 0); }
void encode_pingresp(std::string& out) { put_header(out, PacketType::pingresp, 0, 0); }

}  // namespace sluice::mqtt
