#include "mqtt/stored_message.hpp"

namespace sluice::mqtt {

MessageRef store_message(const Publish& publish, Milliseconds now) {
  MessageRef ref(new StoredMessage);
  StoredMessage& message = *ref;
  const PublishProperties& properties = publish.properties;
  message.arrived = now;
  message.qos = publish.qos;
  message.retain = publish.retain;
  message.expiry = properties.message_expiry.value_or(kNoExpiry);
  message.payload_format = properties.payload_format.value_or(0xff);
  const std::array<std::optional<std::string_view>, StoredMessage::part_count> parts{
      publish.topic,
      publish.payload,
      properties.content_type,
      properties.response_topic,
      properties.correlation_data,
      properties.user};
  std::size_t size = 0;
  for (const auto& part : parts) size += part ? part->size() : 0;
  message.bytes.reserve(size);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!parts[i]) continue;
    message.present = static_cast<std::uint8_t>(message.present | (1U << i));
    message.sizes[i] = static_cast<std::uint32_t>(parts[i]->size());
    message.bytes.append(*parts[i]);
  }
  return ref;
}

Publish view_of(const StoredMessage& message, Milliseconds now) {
  Publish publish;
  publish.topic = message.part(StoredMessage::topic);
  publish.payload = message.part(StoredMessage::payload);
  publish.qos = message.qos;
  publish.retain = message.retain;
  PublishProperties& properties = publish.properties;
  if (message.payload_format != 0xff) properties.payload_format = message.payload_format;
  if (message.expiry != kNoExpiry) properties.message_expiry = message.remaining_expiry(now);
  const auto given = [&](StoredMessage::Part part) { return (message.present >> part & 1U) != 0; };
  if (given(StoredMessage::content_type)) properties.content_type = message.part(StoredMessage::content_type);
  if (given(StoredMessage::response_topic))
    properties.response_topic = message.part(StoredMessage::response_topic);
  if (given(StoredMessage::correlation_data)) {
    properties.correlation_data = message.part(StoredMessage::correlation_data);
  }
  properties.user = message.part(StoredMessage::user);
  return publish;
}

}  // namespace sluice::mqtt
