// The properties of MQTT 5 (2.2.2): which there are, reading a packet's block, writing one.
// Used only by the codec's own files.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "mqtt/wire.hpp"

namespace sluice::mqtt {

enum class PropertyId : std::uint8_t {
  payload_format = 0x01,
  message_expiry = 0x02,
  content_type = 0x03,
  response_topic = 0x08,
  correlation_data = 0x09,
  subscription_identifier = 0x0b,
  session_expiry = 0x11,
  assigned_client_id = 0x12,
  server_keep_alive = 0x13,
  authentication_method = 0x15,
  authentication_data = 0x16,
  request_problem_information = 0x17,
  will_delay = 0x18,
  request_response_information = 0x19,
  response_information = 0x1a,
  server_reference = 0x1c,
  reason_string = 0x1f,
  receive_maximum = 0x21,
  topic_alias_maximum = 0x22,
  topic_alias = 0x23,
  maximum_qos = 0x24,
  retain_available = 0x25,
  user = 0x26,
  maximum_packet_size = 0x27,
  wildcard_available = 0x28,
  subscription_identifiers_available = 0x29,
  shared_available = 0x2a
};

using PropertySet = std::uint64_t;  // bit n: property n
constexpr PropertySet bit(PropertyId id) { return PropertySet{1} << static_cast<unsigned>(id); }
constexpr PropertySet properties(std::initializer_list<PropertyId> ids) {
  PropertySet set = 0;
  for (PropertyId id : ids) set |= bit(id);
  return set;
}

struct Property {
  PropertyId id{};
  std::uint32_t number = 0;  // of those that are numbers
  std::string_view text;     // of those that are strings or binary
};

// Walks one block of properties; refuses what is foreign to the packet, double, or out of range.
// Subscription identifiers may repeat if `repeats` has them (PUBLISH). User properties are not shown one by
// one: user() is the range of the block from the first to the end of the last.
class PropertyReader {
 public:
  PropertyReader(PropertySet allowed, std::size_t max_user, DecodeError& error, PropertySet repeats = 0)
      : allowed_(allowed), repeats_(repeats | bit(PropertyId::user)), max_user_(max_user), error_(error) {}

  // Reads the length of the block and takes the block out of `in`.
  bool open(Reader& in);
  // False: there are no more, or an error (see good()).
  bool next(Property& property);
  bool good() const { return good_; }
  RawUserProperties user() const { return user_; }

 private:
  bool one(Property& property);
  bool refuse(Reason reason, const char* text);

  PropertySet allowed_, repeats_, seen_ = 0;
  std::size_t max_user_;
  DecodeError& error_;
  Reader block_{{}};
  RawUserProperties user_;
  bool good_ = true;
};

// Counts, and writes if it has somewhere to write to: the length of the block comes before the block.
class PropertyWriter {
 public:
  explicit PropertyWriter(std::string* out) : out_(out) {}

  std::size_t size() const { return size_; }
  void u8(PropertyId id, std::optional<std::uint8_t> value);
  void u8(PropertyId id, std::optional<bool> value);
  void u16(PropertyId id, std::optional<std::uint16_t> value);
  void u32(PropertyId id, std::optional<std::uint32_t> value);
  void variable(PropertyId id, std::uint32_t value);
  void text(PropertyId id, std::optional<std::string_view> value);
  void user(RawUserProperties raw);

 private:
  void begin(PropertyId id, std::size_t value_size);

  std::string* out_;
  std::size_t size_ = 0;
};

// The properties of each packet that are not at their default; defined beside the packet's decoder.
void put_properties(const Connect& packet, PropertyWriter& out);
void put_properties(const Will& will, PropertyWriter& out);
void put_properties(const Connack& packet, PropertyWriter& out);
void put_properties(const Publish& packet, PropertyWriter& out);
void put_properties(const Ack& packet, PropertyWriter& out);
void put_properties(const Subscribe& packet, PropertyWriter& out);
void put_properties(const Suback& packet, PropertyWriter& out);
void put_properties(const Unsubscribe& packet, PropertyWriter& out);
void put_properties(const Disconnect& packet, PropertyWriter& out);
void put_properties(const Auth& packet, PropertyWriter& out);

template <class P>
std::size_t properties_size(const P& packet) {
  PropertyWriter counter(nullptr);
  put_properties(packet, counter);
  return counter.size();
}
template <class P>
void put_property_block(const P& packet, std::size_t size, std::string& out) {
  put_variable(out, size);
  if (size == 0) return;
  PropertyWriter writer(&out);
  put_properties(packet, writer);
}
inline std::size_t block_size(std::size_t size) { return variable_size(size) + size; }

// Those that a PUBLISH and a will share; false: not one of them.
bool take_publish_property(const Property& property, PublishProperties& properties);
void put_publish_properties(const PublishProperties& properties, PropertyWriter& out);
inline constexpr PropertySet kMessageProperties =
    properties({PropertyId::payload_format, PropertyId::message_expiry, PropertyId::content_type,
                PropertyId::response_topic, PropertyId::correlation_data, PropertyId::user});

}  // namespace sluice::mqtt
