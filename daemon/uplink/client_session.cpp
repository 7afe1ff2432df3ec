#include "uplink/client_session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "mqtt/topic.hpp"
#include "uplink/connack_words.hpp"

namespace sluice::uplink {
namespace {

using mqtt::PacketType;
using mqtt::Reason;

constexpr std::uint64_t kSubscribeToken = UINT64_MAX;
constexpr std::size_t kLongestFixedHeader = 5;

std::uint16_t seconds(Duration d) {
  return static_cast<std::uint16_t>(
      std::clamp<std::int64_t>(std::chrono::duration_cast<std::chrono::seconds>(d).count(), 1, 65'535));
}

}  // namespace

void Heard::clear() {
  granted.reset();
  failure.reset();
  loss.reset();
  acks.clear();
  suback.clear();
  messages.clear();
}

ClientSession::ClientSession(const LinkOptions& options)
    : options_(options), version_(options.mqtt5 ? mqtt::Version::v5 : mqtt::Version::v311) {
  mqtt::Connect connect;
  connect.version = version_;
  // The session goes on: the cloud keeps commands while we are away.
  connect.clean_start = options.clean_start;
  connect.keep_alive = seconds(options.keep_alive);
  connect.client_id = options.client_id;
  if (v5()) {
    connect.session_expiry = options.session_expiry;
    connect.receive_maximum = kReceiveMaximum;
    connect.maximum_packet_size = kMostPacketBytes;
  }
  mqtt::encode(connect, out_);
}

void ClientSession::receive(std::string_view bytes, Heard& heard) {
  while (state_ != State::ended && !bytes.empty()) {
    mqtt::FixedHeader header;
    // The header of a packet that was cut may be in both parts.
    std::array<char, kLongestFixedHeader> head{};
    std::string_view begin = bytes;
    if (!cut_.empty()) {
      auto size = cut_.copy(head.data(), head.size());
      size += bytes.copy(head.data() + size, head.size() - size);
      begin = {head.data(), size};
    }
    switch (mqtt::read_fixed_header(begin, header)) {
      case mqtt::HeaderStatus::malformed:
        return violated(Reason::malformed_packet, "bytes that are not MQTT", heard);
      case mqtt::HeaderStatus::incomplete:
        cut_.append(bytes);
        return;
      case mqtt::HeaderStatus::complete:
        break;
    }
    if (header.total() > kMostPacketBytes) {
      return violated(Reason::packet_too_large,
                      fmt::format("a packet of {} bytes; we take {}", header.total(), kMostPacketBytes),
                      heard);
    }
    const auto missing = header.total() - std::min(header.total(), cut_.size());
    if (bytes.size() < missing) {
      cut_.append(bytes);
      return;
    }
    if (cut_.empty()) {
      packet(bytes.substr(0, missing), header, heard);
    } else {
      cut_.append(bytes.substr(0, missing));
      packet(cut_, header, heard);
      cut_.clear();
    }
    bytes.remove_prefix(missing);
  }
  if (cut_.empty() && cut_.capacity() > kLongestFixedHeader * 16) cut_ = {};
}

void ClientSession::packet(std::string_view bytes, const mqtt::FixedHeader& header, Heard& heard) {
  const auto type = header.type();
  if (state_ == State::connecting) {
    if (type == PacketType::connack) return on_connack(bytes, heard);
    return violated(Reason::protocol_error, "a packet before CONNACK", heard);
  }
  switch (type) {
    case PacketType::publish:
      return on_publish(bytes, header, heard);
    case PacketType::puback:
      return on_ack(bytes, heard);
    case PacketType::suback:
      return on_suback(bytes, heard);
    case PacketType::pubrel:
      return on_pubrel(bytes, heard);
    case PacketType::disconnect:
      return on_disconnect(bytes, heard);
    case PacketType::pingresp:
      if (header.remaining == 0) return;
      break;
    default:
      break;
  }
  violated(Reason::protocol_error,
           fmt::format("a packet of type {} that we did not ask for", static_cast<unsigned>(type)), heard);
}

void ClientSession::violated(Reason reason, std::string_view words, Heard& heard) {
  if (state_ == State::connecting) {
    heard.failure = ConnectFailure{
        ConnectFailure::Kind::refused,
        0,
        {errc::protocol, fmt::format("what answers at {}:{} does not speak MQTT as a server: {}; is "
                                     "cloud.endpoint the right one?",
                                     options_.host, options_.port, words)}};
  } else {
    heard.loss = Loss{0, fmt::format("the server broke the protocol: {}", words)};
    mqtt::Disconnect goodbye;
    goodbye.reason = reason;
    mqtt::encode(goodbye, version_, out_);
  }
  state_ = State::ended;
}

void ClientSession::on_connack(std::string_view bytes, Heard& heard) {
  // A server of 3.1.1 answers in its own language, and AWS's has a code of its own: read before it is
  // decoded.
  const bool short_one = bytes.size() == 4;
  const auto code = short_one ? static_cast<std::uint8_t>(bytes[3]) : std::uint8_t{0};
  if (short_one && (code != 0 || v5())) {
    heard.failure = connack_failure(options_, code == 0 ? 0x84 : code);
    state_ = State::ended;
    return;
  }
  const auto decoded = mqtt::decode(bytes, version_);
  if (!decoded.packet) return violated(decoded.error.reason, decoded.error.text, heard);
  const auto& connack = std::get<mqtt::Connack>(*decoded.packet);
  if (connack.reason != Reason::success) {
    heard.failure = connack_failure(options_, static_cast<int>(connack.reason));
    state_ = State::ended;
    return;
  }
  if (connack.maximum_qos.value_or(1) == 0)
    return violated(Reason::qos_not_supported, "it takes no QoS 1, which our readings need", heard);
  auto& granted = heard.granted.emplace();
  granted.session_present = connack.session_present;
  granted.mqtt5 = v5();
  granted.receive_maximum = std::min<std::uint32_t>(connack.receive_maximum.value_or(65'535), kMostInFlight);
  granted.maximum_packet_size = most_packet_ = connack.maximum_packet_size.value_or(0);
  granted.server_keep_alive = connack.server_keep_alive.value_or(0);
  state_ = State::up;
}

void ClientSession::on_ack(std::string_view bytes, Heard& heard) {
  // Nearly all of them: success, four bytes.
  if (bytes.size() == 4) {
    return answer(static_cast<std::uint16_t>(static_cast<std::uint8_t>(bytes[2]) << 8 |
                                             static_cast<std::uint8_t>(bytes[3])),
                  0, heard);
  }
  const auto decoded = mqtt::decode(bytes, version_);
  if (!decoded.packet) return violated(decoded.error.reason, decoded.error.text, heard);
  const auto& ack = std::get<mqtt::Ack>(*decoded.packet);
  answer(ack.packet_id, static_cast<std::uint8_t>(ack.reason), heard);
}

void ClientSession::answer(std::uint16_t packet_id, std::uint8_t reason, Heard& heard) {
  const auto token = ids_.token(packet_id);
  if (!token || *token == kSubscribeToken) return;  // late or twice: nothing of ours
  ids_.free(packet_id);
  heard.acks.push_back({*token, reason});
}

void ClientSession::on_suback(std::string_view bytes, Heard& heard) {
  const auto decoded = mqtt::decode(bytes, version_);
  if (!decoded.packet) return violated(decoded.error.reason, decoded.error.text, heard);
  const auto& suback = std::get<mqtt::Suback>(*decoded.packet);
  if (suback.packet_id != subscribe_id_) return;
  ids_.free(std::exchange(subscribe_id_, std::uint16_t{0}));
  heard.suback.clear();
  for (const Reason reason : suback.reasons) heard.suback.push_back(static_cast<std::uint8_t>(reason));
}

void ClientSession::on_publish(std::string_view bytes, const mqtt::FixedHeader& header, Heard& heard) {
  mqtt::DecodeError error;
  // As many user properties as fit: a message that we refuse would only come again.
  if (!mqtt::decode_publish(bytes, header, version_, publish_, error, kMostPacketBytes))
    return violated(error.reason, error.text, heard);
  if (publish_.properties.topic_alias)
    return violated(Reason::topic_alias_invalid, "a topic alias, of which we allow none", heard);
  if (publish_.qos == 2) {
    const bool known =
        std::find(unreleased_.begin(), unreleased_.end(), publish_.packet_id) != unreleased_.end();
    // Sent again before its PUBREL: it is ours already, or about to be.
    if (known) return;
    unreleased_.push_back(publish_.packet_id);
  }
  take_over(publish_, heard);
}

void ClientSession::take_over(const mqtt::Publish& publish, Heard& heard) {
  // Those of QoS 2 count until they are released (4.9), accepted or not.
  const auto unaccepted_qos1 = static_cast<std::size_t>(
      std::count_if(unaccepted_.begin(), unaccepted_.end(), [](const auto& u) { return u.qos == 1; }));
  const std::size_t most = v5() ? kReceiveMaximum : 65'535;
  if (publish.qos > 0 && unaccepted_qos1 + unreleased_.size() + (publish.qos == 1 ? 1 : 0) > most) {
    return violated(Reason::receive_maximum_exceeded,
                    fmt::format("more than {} messages that we have not acknowledged", most), heard);
  }
  auto& in = heard.messages.emplace_back();
  in.topic = publish.topic;
  in.payload = publish.payload;
  in.qos = publish.qos;
  const auto& properties = publish.properties;
  in.content_type = properties.content_type.value_or("");
  in.response_topic = properties.response_topic.value_or("");
  in.correlation_data = properties.correlation_data.value_or("");
  in.expiry = properties.message_expiry.value_or(0);
  if (!properties.user.empty()) {
    mqtt::for_each_user_property(properties.user, [&in](std::string_view name, std::string_view value) {
      mqtt::append_user_property(in.user_properties, name, value);
    });
  }
  if (publish.qos == 0) return;
  unaccepted_.push_back({publish.packet_id, publish.qos, false});
  in.ack = first_unaccepted_ + unaccepted_.size() - 1;
}

void ClientSession::accept(std::uint64_t ack) {
  if (state_ != State::up || ack < first_unaccepted_ || ack - first_unaccepted_ >= unaccepted_.size()) return;
  unaccepted_[ack - first_unaccepted_].accepted = true;
  // In the order in which they came (4.6).
  for (; !unaccepted_.empty() && unaccepted_.front().accepted; unaccepted_.pop_front(), ++first_unaccepted_) {
    const auto& done = unaccepted_.front();
    mqtt::encode_ack(done.qos == 1 ? PacketType::puback : PacketType::pubrec, done.packet_id, out_);
  }
}

void ClientSession::on_pubrel(std::string_view bytes, Heard& heard) {
  const auto decoded = mqtt::decode(bytes, version_);
  if (!decoded.packet) return violated(decoded.error.reason, decoded.error.text, heard);
  mqtt::Ack complete;
  complete.type = PacketType::pubcomp;
  complete.packet_id = std::get<mqtt::Ack>(*decoded.packet).packet_id;
  // Unknown: of an earlier connection, whose message was taken over then.
  if (std::erase(unreleased_, complete.packet_id) == 0) complete.reason = Reason::packet_identifier_not_found;
  mqtt::encode(complete, version_, out_);
}

void ClientSession::on_disconnect(std::string_view bytes, Heard& heard) {
  const auto decoded = mqtt::decode(bytes, version_);
  if (!decoded.packet) return violated(decoded.error.reason, decoded.error.text, heard);
  state_ = State::ended;
  heard.loss = Loss{static_cast<std::uint8_t>(std::get<mqtt::Disconnect>(*decoded.packet).reason), {}};
}

std::optional<std::uint8_t> ClientSession::publish(const Publication& publication, std::uint64_t token) {
  // What the encoder could not write down; the caller checks AWS's stricter limits.
  if (!mqtt::valid_topic_name(publication.topic) || !mqtt::valid_utf8(publication.topic))
    return static_cast<std::uint8_t>(Reason::topic_name_invalid);
  if (publication.payload.size() + publication.user_properties.size() > mqtt::kMaxRemainingLength / 2 ||
      publication.content_type.size() > 65'535)
    return static_cast<std::uint8_t>(Reason::packet_too_large);
  const auto id = ids_.take(token);
  if (id == 0) return static_cast<std::uint8_t>(Reason::quota_exceeded);
  mqtt::Publish& packet = publish_;
  packet = {};
  packet.topic = publication.topic;
  packet.payload = publication.payload;
  packet.packet_id = id;
  packet.qos = 1;
  if (v5()) {
    if (!publication.content_type.empty()) packet.properties.content_type = publication.content_type;
    packet.properties.user = publication.user_properties;
  }
  const auto before = out_.size();
  mqtt::encode(packet, version_, out_);
  if (most_packet_ == 0 || out_.size() - before <= most_packet_) return std::nullopt;
  out_.resize(before);
  ids_.free(id);
  return static_cast<std::uint8_t>(Reason::packet_too_large);
}

void ClientSession::subscribe(std::span<const std::string> filters) {
  if (subscribe_id_ != 0) ids_.free(subscribe_id_);  // it was never answered
  mqtt::Subscribe packet;
  packet.packet_id = subscribe_id_ = ids_.take(kSubscribeToken);
  for (const auto& filter : filters) packet.entries.push_back({.filter = filter, .qos = 1});
  if (packet.packet_id != 0) mqtt::encode(packet, version_, out_);
}

void ClientSession::disconnect() {
  if (state_ == State::up) mqtt::encode(mqtt::Disconnect{}, version_, out_);
  state_ = State::ended;
}

}  // namespace sluice::uplink
