#include "mqtt/properties.hpp"

#include <array>

#include "mqtt/topic.hpp"

namespace sluice::mqtt {
namespace {

enum class Kind : std::uint8_t { none, byte, two, four, variable, text, binary, pair };

constexpr std::array<Kind, 64> kKinds = [] {
  std::array<Kind, 64> kinds{};
  const auto set = [&](Kind kind, std::initializer_list<PropertyId> ids) {
    for (PropertyId id : ids) kinds[static_cast<unsigned>(id)] = kind;
  };
  using enum PropertyId;
  set(Kind::byte,
      {payload_format, request_problem_information, request_response_information, maximum_qos,
       retain_available, wildcard_available, subscription_identifiers_available, shared_available});
  set(Kind::two, {server_keep_alive, receive_maximum, topic_alias_maximum, topic_alias});
  set(Kind::four, {message_expiry, session_expiry, will_delay, maximum_packet_size});
  set(Kind::variable, {subscription_identifier});
  set(Kind::text, {content_type, response_topic, assigned_client_id, authentication_method,
                   response_information, server_reference, reason_string});
  set(Kind::binary, {correlation_data, authentication_data});
  set(Kind::pair, {user});
  return kinds;
}();

bool read_value(Reader& in, Kind kind, Property& property) {
  std::uint8_t byte = 0;
  std::uint16_t two = 0;
  std::string_view name;
  switch (kind) {
    case Kind::byte:
      if (!in.u8(byte)) return false;
      property.number = byte;
      return true;
    case Kind::two:
      if (!in.u16(two)) return false;
      property.number = two;
      return true;
    case Kind::four:
      return in.u32(property.number);
    case Kind::variable:
      return in.variable(property.number);
    case Kind::text:
      return in.text(property.text);
    case Kind::binary:
      return in.binary(property.text);
    case Kind::pair:
      return in.text(name) && in.text(property.text);
    case Kind::none:
      break;
  }
  return false;
}

// 0x26, name, value at the front of raw; 0: raw does not begin with one.
std::size_t pair_size(std::string_view raw, std::string_view& name, std::string_view& value) {
  Reader in(raw);
  std::uint8_t id = 0;
  if (!in.u8(id) || id != static_cast<std::uint8_t>(PropertyId::user) || !in.binary(name) ||
      !in.binary(value)) {
    return 0;
  }
  return raw.size() - in.left();
}

// Calls fn(whole, name, value) for each user property; steps over the others.
template <class Fn>
void walk(RawUserProperties raw, Fn&& fn) {
  while (!raw.empty()) {
    std::string_view name, value;
    std::size_t size = pair_size(raw, name, value);
    if (size != 0) {
      fn(raw.substr(0, size), name, value);
    } else {
      Reader in(raw);
      std::uint8_t id = 0;
      Property other;
      if (!in.u8(id) || id >= kKinds.size() || !read_value(in, kKinds[id], other)) return;
      size = raw.size() - in.left();
    }
    raw.remove_prefix(size);
  }
}

}  // namespace

bool PropertyReader::refuse(Reason reason, const char* text) {
  good_ = false;
  return fail(error_, reason, text);
}

bool PropertyReader::open(Reader& in) {
  std::uint32_t size = 0;
  std::string_view block;
  if (!in.variable(size))
    return refuse(Reason::malformed_packet, "property length missing or not well-formed (2.2.2.1)");
  if (!in.take(size, block))
    return refuse(Reason::malformed_packet, "property length is beyond the packet (2.2.2.1)");
  block_ = Reader(block);
  return true;
}

bool PropertyReader::next(Property& property) {
  while (good_ && block_.left() > 0) {
    const char* start = block_.position();
    if (!one(property)) return false;
    if (property.id != PropertyId::user) return true;
    const char* first = user_.empty() ? start : user_.data();
    user_ = {first, static_cast<std::size_t>(block_.position() - first)};
  }
  return false;
}

bool PropertyReader::one(Property& property) {
  std::uint32_t id = 0;
  if (!block_.variable(id) || id >= kKinds.size() || kKinds[id] == Kind::none) {
    return refuse(Reason::malformed_packet, "unknown property (2.2.2.2)");
  }
  property = {static_cast<PropertyId>(id), 0, {}};
  const PropertySet mask = bit(property.id);
  if ((allowed_ & mask) == 0)
    return refuse(Reason::malformed_packet, "property does not belong to this packet (2.2.2.2)");
  if ((seen_ & mask) != 0 && (repeats_ & mask) == 0)
    return refuse(Reason::protocol_error, "property is there twice (2.2.2.2)");
  seen_ |= mask;
  if (!read_value(block_, kKinds[id], property)) {
    return refuse(Reason::malformed_packet, "property cut short or not UTF-8 (2.2.2.2)");
  }
  const std::uint32_t number = property.number;
  switch (property.id) {
    case PropertyId::payload_format:
    case PropertyId::request_problem_information:
    case PropertyId::request_response_information:
    case PropertyId::maximum_qos:
    case PropertyId::retain_available:
    case PropertyId::wildcard_available:
    case PropertyId::subscription_identifiers_available:
    case PropertyId::shared_available:
      if (number > 1) return refuse(Reason::protocol_error, "property must be 0 or 1");
      break;
    case PropertyId::receive_maximum:
    case PropertyId::maximum_packet_size:
    case PropertyId::subscription_identifier:
      if (number == 0) return refuse(Reason::protocol_error, "property must not be 0");
      break;
    case PropertyId::topic_alias:
      if (number == 0) return refuse(Reason::topic_alias_invalid, "topic alias 0 (3.3.2.3.4)");
      break;
    case PropertyId::response_topic:
      if (!valid_topic_name(property.text)) {
        return refuse(Reason::topic_name_invalid, "response topic is empty or has wildcards (3.3.2.3.5)");
      }
      break;
    case PropertyId::user:
      if (max_user_ == 0) return refuse(Reason::protocol_error, "more user properties than accepted here");
      --max_user_;
      break;
    default:
      break;
  }
  return true;
}

void PropertyWriter::begin(PropertyId id, std::size_t value_size) {
  size_ += 1 + value_size;
  if (out_ != nullptr) put_u8(*out_, static_cast<unsigned>(id));
}
void PropertyWriter::u8(PropertyId id, std::optional<std::uint8_t> value) {
  if (!value) return;
  begin(id, 1);
  if (out_ != nullptr) put_u8(*out_, *value);
}
void PropertyWriter::u8(PropertyId id, std::optional<bool> value) {
  if (value) u8(id, std::optional<std::uint8_t>(*value ? 1 : 0));
}
void PropertyWriter::u16(PropertyId id, std::optional<std::uint16_t> value) {
  if (!value) return;
  begin(id, 2);
  if (out_ != nullptr) put_u16(*out_, *value);
}
void PropertyWriter::u32(PropertyId id, std::optional<std::uint32_t> value) {
  if (!value) return;
  begin(id, 4);
  if (out_ != nullptr) put_u32(*out_, *value);
}
void PropertyWriter::variable(PropertyId id, std::uint32_t value) {
  begin(id, variable_size(value));
  if (out_ != nullptr) put_variable(*out_, value);
}
void PropertyWriter::text(PropertyId id, std::optional<std::string_view> value) {
  if (!value) return;
  begin(id, 2 + value->size());
  if (out_ != nullptr) put_binary(*out_, *value);
}
void PropertyWriter::user(RawUserProperties raw) {
  walk(raw, [&](std::string_view whole, std::string_view, std::string_view) {
    size_ += whole.size();
    if (out_ != nullptr) out_->append(whole);
  });
}

bool take_publish_property(const Property& property, PublishProperties& properties) {
  switch (property.id) {
    case PropertyId::payload_format:
      properties.payload_format = static_cast<std::uint8_t>(property.number);
      break;
    case PropertyId::message_expiry:
      properties.message_expiry = property.number;
      break;
    case PropertyId::content_type:
      properties.content_type = property.text;
      break;
    case PropertyId::response_topic:
      properties.response_topic = property.text;
      break;
    case PropertyId::correlation_data:
      properties.correlation_data = property.text;
      break;
    case PropertyId::topic_alias:
      properties.topic_alias = static_cast<std::uint16_t>(property.number);
      break;
    case PropertyId::subscription_identifier:
      properties.subscription_identifiers.push_back(property.number);
      break;
    default:
      return false;
  }
  return true;
}

void put_publish_properties(const PublishProperties& properties, PropertyWriter& out) {
  out.u8(PropertyId::payload_format, properties.payload_format);
  out.u32(PropertyId::message_expiry, properties.message_expiry);
  out.u16(PropertyId::topic_alias, properties.topic_alias);
  out.text(PropertyId::response_topic, properties.response_topic);
  out.text(PropertyId::correlation_data, properties.correlation_data);
  for (std::uint32_t id : properties.subscription_identifiers)
    out.variable(PropertyId::subscription_identifier, id);
  out.text(PropertyId::content_type, properties.content_type);
  out.user(properties.user);
}

void for_each_user_property(RawUserProperties raw,
                            const std::function<void(std::string_view name, std::string_view value)>& fn) {
  walk(raw, [&](std::string_view, std::string_view name, std::string_view value) { fn(name, value); });
}

void append_user_property(std::string& raw, std::string_view name, std::string_view value) {
  put_u8(raw, static_cast<unsigned>(PropertyId::user));
  put_binary(raw, name);
  put_binary(raw, value);
}

}  // namespace sluice::mqtt
