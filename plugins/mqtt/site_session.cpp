#include "plugins/mqtt/site_session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "mqtt/topic.hpp"

namespace sluice::site {
namespace {

using mqtt::PacketType;
using mqtt::Reason;

constexpr std::size_t kMostSent = 100;  // commands without their PUBACK

// What 3.1.1 says in numbers of its own.
Reason reason_of(std::uint8_t code) {
  switch (code) {
    case 1:
      return Reason::unsupported_protocol_version;
    case 2:
      return Reason::client_identifier_not_valid;
    case 3:
      return Reason::server_unavailable;
    case 4:
      return Reason::bad_user_name_or_password;
    case 5:
      return Reason::not_authorized;
    default:
      return static_cast<Reason>(code);
  }
}

std::string refusal(Reason reason, const SessionOptions& options) {
  switch (reason) {
    case Reason::bad_user_name_or_password:
    case Reason::not_authorized:
      return options.username.empty()
                 ? "it lets nobody in without a name and password: give `user` and `password_file`"
                 : fmt::format("it does not let user `{}` in: wrong password, or not allowed",
                               options.username);
    case Reason::unsupported_protocol_version:
      return options.version == mqtt::Version::v5 ? "it does not speak MQTT 5: give `version: 3.1.1`"
                                                  : "it does not speak MQTT 3.1.1";
    case Reason::client_identifier_not_valid:
      return fmt::format("it does not take the client id `{}`: give another `client_id`", options.client_id);
    default:
      return fmt::format("it refuses the connection: {}", to_string(reason));
  }
}

}  // namespace

SiteSession::SiteSession(const SessionOptions& options, bool subscribe_always, Events events)
    : options_(options), subscribe_always_(subscribe_always), events_(std::move(events)) {
  mqtt::Connect connect;
  connect.version = options.version;
  connect.clean_start = false;  // what came while we were away is ours
  connect.keep_alive = options.keep_alive_s;
  connect.client_id = options.client_id;
  if (!options.username.empty()) connect.username = options.username;
  if (!options.password.empty()) connect.password = options.password;
  if (v5()) {
    connect.session_expiry = options.session_s;
    connect.receive_maximum = options.in_flight;
    connect.maximum_packet_size = options.most_packet;
  }
  encode(connect, out);
}

void SiteSession::end(End how, const std::string& why) {
  if (std::exchange(over_, true)) return;
  up_ = false;
  events_.ended(how, why);
}

void SiteSession::abandon() {
  over_ = true;
  up_ = false;
  auto sent = std::exchange(sent_, {});
  for (auto& [id, done] : sent) done({false, true, "the connection to the site's broker was lost"});
}

void SiteSession::receive(std::string_view bytes) {
  std::string whole;
  if (!cut_.empty()) {
    whole = std::exchange(cut_, {});
    whole.append(bytes);
    bytes = whole;
  }
  while (!over_ && !bytes.empty()) {
    mqtt::FixedHeader header;
    const auto status = read_fixed_header(bytes, header);
    if (status == mqtt::HeaderStatus::malformed)
      return end(End::violation, "what answers does not speak MQTT");
    if (status == mqtt::HeaderStatus::complete && header.total() > options_.most_packet)
      return end(End::violation, fmt::format("it sends a packet of {} bytes; `max_packet` is {}",
                                             header.total(), options_.most_packet));
    if (status == mqtt::HeaderStatus::incomplete || bytes.size() < header.total()) {
      cut_ = bytes;
      return;
    }
    packet(bytes.substr(0, header.total()), header);
    bytes.remove_prefix(header.total());
  }
}

void SiteSession::packet(std::string_view bytes, const mqtt::FixedHeader& header) {
  if (!up_) {
    if (header.type() == PacketType::connack) return on_connack(bytes);
    return end(End::violation, "what answers does not speak MQTT: a packet before CONNACK");
  }
  if (header.type() == PacketType::publish) return on_publish(bytes, header);
  const auto decoded = mqtt::decode(bytes, options_.version);
  if (!decoded.packet)
    return end(End::violation, fmt::format("the broker broke MQTT: {}", decoded.error.text));
  if (const auto* ack = std::get_if<mqtt::Ack>(&*decoded.packet);
      ack != nullptr && ack->type == PacketType::puback)
    return on_puback(*ack);
  if (const auto* suback = std::get_if<mqtt::Suback>(&*decoded.packet)) return on_suback(*suback);
  if (std::holds_alternative<mqtt::Pingresp>(*decoded.packet)) return;
  if (const auto* goodbye = std::get_if<mqtt::Disconnect>(&*decoded.packet)) {
    return end(End::lost,
               goodbye->reason == Reason::session_taken_over
                   ? fmt::format("another client uses the client id `{}`: give this adapter a `client_id` "
                                 "of its own",
                                 options_.client_id)
                   : fmt::format("the broker ends the connection: {}", to_string(goodbye->reason)));
  }
  end(End::violation, "the broker sent a packet that nobody asked for");
}

void SiteSession::on_connack(std::string_view bytes) {
  // A broker of 3.1.1 answers a CONNECT of MQTT 5 in its own language.
  if (bytes.size() == 4 && (bytes[3] != 0 || v5())) {
    const auto code = static_cast<std::uint8_t>(bytes[3]);
    return end(End::refused,
               refusal(code == 0 ? Reason::unsupported_protocol_version : reason_of(code), options_));
  }
  const auto decoded = mqtt::decode(bytes, options_.version);
  if (!decoded.packet)
    return end(End::violation, fmt::format("the broker broke MQTT: {}", decoded.error.text));
  const auto& connack = std::get<mqtt::Connack>(*decoded.packet);
  if (connack.reason != Reason::success) return end(End::refused, refusal(connack.reason, options_));
  if (connack.maximum_qos.value_or(1) == 0) return end(End::refused, "it has no QoS 1");
  most_sent_ = std::min<std::size_t>(connack.receive_maximum.value_or(65'535), kMostSent);
  most_packet_ = connack.maximum_packet_size.value_or(0);
  up_ = true;
  if (subscribe_always_ || !connack.session_present) subscribe();
  events_.up(connack.session_present);
}

void SiteSession::subscribe() {
  mqtt::Subscribe packet;
  packet.packet_id = subscribe_id_ = ++last_id_;
  for (const auto& filter : options_.filters) {
    packet.entries.push_back(
        {.filter = filter, .qos = 1, .no_local = v5(), .retain_handling = options_.retain_handling});
  }
  encode(packet, options_.version, out);
}

void SiteSession::on_suback(const mqtt::Suback& suback) {
  if (suback.packet_id != subscribe_id_) return;
  subscribe_id_ = 0;
  std::string refused;
  for (std::size_t n = 0; n < std::min(suback.reasons.size(), options_.filters.size()); ++n) {
    if (suback.reasons[n] < Reason::unspecified_error) continue;
    refused += (refused.empty() ? "" : ", ") + options_.filters[n];
  }
  events_.subscribed(refused);
}

void SiteSession::on_publish(std::string_view bytes, const mqtt::FixedHeader& header) {
  mqtt::DecodeError error;
  if (!mqtt::decode_publish(bytes, header, options_.version, publish_, error, options_.most_packet))
    return end(End::violation, fmt::format("the broker broke MQTT: {}", error.text));
  if (publish_.qos == 2 || publish_.properties.topic_alias)
    return end(End::violation, "the broker sent QoS 2 or a topic alias, which were not asked for");
  if (publish_.qos == 1) {
    // Not held to the Receive Maximum: mosquitto 2.0.11 goes beyond it when it goes on with a session, and
    // would do so again after each connect. The driver stops reading when it has enough.
    if (owed_.size() >= 65'535) return end(End::violation, "the broker sent more than there are identifiers");
    owed_.push_back({publish_.packet_id, false});
  }
  Arrived arrived;
  arrived.topic = publish_.topic;
  arrived.payload = publish_.payload;
  arrived.content_type = publish_.properties.content_type.value_or(std::string_view());
  arrived.retained = publish_.retain;
  arrived.ticket = publish_.qos == 0 ? 0 : first_owed_ + owed_.size() - 1;
  events_.message(arrived);
}

void SiteSession::acknowledge(std::uint64_t ticket) {
  if (!up_ || ticket < first_owed_ || ticket - first_owed_ >= owed_.size()) return;
  owed_[ticket - first_owed_].ready = true;
  for (; !owed_.empty() && owed_.front().ready; owed_.pop_front(), ++first_owed_)
    mqtt::encode_ack(PacketType::puback, owed_.front().packet_id, out);
}

bool SiteSession::publish(std::string_view topic, std::string_view payload, std::uint8_t qos, bool retain,
                          std::function<void(const Taken&)> done) {
  if (!up_ || sent_.size() >= most_sent_) return false;
  mqtt::Publish packet;
  packet.topic = topic;
  packet.payload = payload;
  packet.qos = qos;
  packet.retain = retain;
  if (qos != 0) {
    do {
      ++last_id_;
    } while (last_id_ == 0 || sent_.contains(last_id_) || last_id_ == subscribe_id_);
    packet.packet_id = last_id_;
  }
  if (!mqtt::valid_topic_name(topic) || !mqtt::valid_utf8(topic) || topic.starts_with('$')) {
    done({false, false, "not a topic: " + std::string(topic.substr(0, 200))});
  } else if (most_packet_ != 0 && mqtt::encoded_size(packet, options_.version) > most_packet_) {
    done({false, false, fmt::format("the site's broker takes packets of {} bytes at most", most_packet_)});
  } else {
    encode(packet, options_.version, out);
    if (qos == 0) {
      done({true, false, {}});
    } else {
      sent_[packet.packet_id] = std::move(done);
    }
  }
  return true;
}

void SiteSession::on_puback(const mqtt::Ack& ack) {
  const auto node = sent_.extract(ack.packet_id);
  if (node.empty()) return;
  const bool well = ack.reason < Reason::unspecified_error;
  const bool again = ack.reason == Reason::quota_exceeded || ack.reason == Reason::unspecified_error;
  node.mapped()(
      {well, again,
       well ? std::string() : fmt::format("the site's broker refuses it: {}", to_string(ack.reason))});
}

void SiteSession::disconnect() {
  if (up_) encode(mqtt::Disconnect{}, options_.version, out);
  up_ = false;
  over_ = true;
}

}  // namespace sluice::site
