// The data representations of MQTT (1.5): reading from a bounded view, appending to a string. Used only by
// the codec's own files. Nothing here throws; a short buffer is a false.
#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <string_view>

#include "mqtt/codec.hpp"

namespace sluice::mqtt {

inline bool fail(DecodeError& error, Reason reason, const char* text) {
  error = {reason, text};
  return false;
}
inline bool malformed(DecodeError& error, const char* text) {
  return fail(error, Reason::malformed_packet, text);
}
inline bool protocol_error(DecodeError& error, const char* text) {
  return fail(error, Reason::protocol_error, text);
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  const char* position() const { return at_; }

  bool u8(std::uint8_t& value) {
    if (at_ == end_) return false;
    value = static_cast<std::uint8_t>(*at_++);
    return true;
  }
  bool u16(std::uint16_t& value) {
    if (left() < 2) return false;
    value = static_cast<std::uint16_t>(byte(0) << 8 | byte(1));
    at_ += 2;
    return true;
  }
  bool u32(std::uint32_t& value) {
    if (left() < 4) return false;
    value = byte(0) << 24 | byte(1) << 16 | byte(2) << 8 | byte(3);
    at_ += 4;
    return true;
  }
  // 1.5.5: at most four bytes, and no more of them than needed.
  bool variable(std::uint32_t& value) {
    std::uint32_t sum = 0;
    for (unsigned i = 0; i < 4 && i < left(); ++i) {
      sum |= (byte(i) & 0x7f) << (7 * i);
      if ((byte(i) & 0x80) != 0) continue;
      if (i > 0 && byte(i) == 0) return false;
      at_ += i + 1;
      value = sum;
      return true;
    }
    return false;
  }
  bool take(std::size_t size, std::string_view& value) {
    if (left() < size) return false;
    value = {at_, size};
    at_ += size;
    return true;
  }
  // 1.5.6, and the frame of 1.5.4: two bytes of length, then as many bytes.
  bool binary(std::string_view& value) {
    std::uint16_t size = 0;
    return u16(size) && take(size, value);
  }
  bool text(std::string_view& value) { return binary(value) && valid_utf8(value); }
  std::string_view rest() {
    std::string_view value{at_, left()};
    at_ = end_;
    return value;
  }

 private:
  std::uint32_t byte(std::size_t i) const { return static_cast<unsigned char>(at_[i]); }

  const char* at_;
  const char* end_;
};

// A caller that breaks an encoder's bounds would put the whole stream out of step: end instead.
inline void require(bool kept) {
  if (!kept) std::terminate();
}

inline void put_u8(std::string& out, unsigned value) { out.push_back(static_cast<char>(value)); }
inline void put_u16(std::string& out, std::uint32_t value) {
  const char bytes[] = {static_cast<char>(value >> 8), static_cast<char>(value)};
  out.append(bytes, sizeof bytes);
}
inline void put_u32(std::string& out, std::uint32_t value) {
  put_u16(out, value >> 16);
  put_u16(out, value & 0xffff);
}
inline void put_binary(std::string& out, std::string_view value) {
  require(value.size() <= 0xffff);
  put_u16(out, static_cast<std::uint32_t>(value.size()));
  out.append(value);
}
inline std::size_t variable_size(std::size_t value) {
  return value < 128 ? 1 : value < 16'384 ? 2 : value < 2'097'152 ? 3 : 4;
}
inline void put_variable(std::string& out, std::size_t value) {
  require(value <= kMaxRemainingLength);
  for (; value >= 0x80; value >>= 7) put_u8(out, static_cast<unsigned>(value & 0x7f) | 0x80);
  put_u8(out, static_cast<unsigned>(value));
}
inline void put_header(std::string& out, PacketType type, unsigned flags, std::size_t remaining) {
  put_u8(out, static_cast<unsigned>(type) << 4 | flags);
  put_variable(out, remaining);
}

// The body of a packet of each type; `first` is the byte with type and flags. Used by decode().
bool decode_connect(Reader in, Connect& packet, DecodeError& error, std::size_t max_user);
bool decode_connack(Reader in, Version version, Connack& packet, DecodeError& error, std::size_t max_user);
bool decode_publish_body(Reader in, std::uint8_t first, Version version, Publish& packet, DecodeError& error,
                         std::size_t max_user);
bool decode_ack(Reader in, PacketType type, Version version, Ack& packet, DecodeError& error,
                std::size_t max_user);
bool decode_subscribe(Reader in, Version version, Subscribe& packet, DecodeError& error,
                      std::size_t max_user);
bool decode_suback(Reader in, Version version, Suback& packet, DecodeError& error, std::size_t max_user);
bool decode_unsubscribe(Reader in, Version version, Unsubscribe& packet, DecodeError& error,
                        std::size_t max_user);
bool decode_unsuback(Reader in, Version version, Unsuback& packet, DecodeError& error, std::size_t max_user);
bool decode_disconnect(Reader in, Version version, Disconnect& packet, DecodeError& error,
                       std::size_t max_user);
bool decode_auth(Reader in, Auth& packet, DecodeError& error, std::size_t max_user);

// 2.4: may this reason code stand in a packet of this type?
bool reason_fits(PacketType type, std::uint8_t code);

}  // namespace sluice::mqtt
