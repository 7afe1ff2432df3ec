#include "broker_harness.hpp"

#include <fmt/format.h>

namespace sluice::mqtt::test {
namespace {

std::string join(const std::vector<std::string>& parts) {
  std::string text;
  for (const auto& part : parts) text += (text.empty() ? "" : "; ") + part;
  return text;
}

std::string code(Reason reason) { return fmt::format(" 0x{:02x}", static_cast<unsigned>(reason)); }
std::string code_if_bad(Reason reason) { return reason == Reason::success ? "" : code(reason); }

std::string_view name(DisconnectCause cause) {
  constexpr std::string_view kNames[] = {
      "client_disconnect", "connection_lost", "protocol_violation", "keep_alive_timeout", "taken_over",
      "slow_consumer",     "by_host",         "server_shutdown"};
  return kNames[static_cast<std::size_t>(cause)];
}

struct Words {
  std::string operator()(const Connack& p) const {
    std::string text = "connack" + code_if_bad(p.reason) + (p.session_present ? " present" : "");
    if (p.session_expiry) text += fmt::format(" expiry={}", *p.session_expiry);
    if (p.server_keep_alive) text += fmt::format(" keepalive={}", *p.server_keep_alive);
    if (p.maximum_qos) text += fmt::format(" maxqos={}", *p.maximum_qos);
    if (p.assigned_client_id) text += " assigned";
    return text;
  }
  std::string operator()(const Publish& p) const {
    std::string text = fmt::format("publish {} '{}'", p.topic, p.payload);
    if (p.qos > 0) text += fmt::format(" q{} id={}", p.qos, p.packet_id);
    if (p.dup) text += " dup";
    if (p.retain) text += " retain";
    if (p.properties.topic_alias) text += fmt::format(" alias={}", *p.properties.topic_alias);
    if (p.properties.message_expiry) text += fmt::format(" expiry={}", *p.properties.message_expiry);
    if (p.properties.content_type) text += fmt::format(" type={}", *p.properties.content_type);
    if (p.properties.response_topic) text += fmt::format(" respond={}", *p.properties.response_topic);
    if (p.properties.correlation_data) text += fmt::format(" correlation={}", *p.properties.correlation_data);
    if (p.properties.payload_format) text += fmt::format(" format={}", *p.properties.payload_format);
    for (const auto identifier : p.properties.subscription_identifiers)
      text += fmt::format(" sub={}", identifier);
    for_each_user_property(p.properties.user, [&](std::string_view key, std::string_view value) {
      text += fmt::format(" {}:{}", key, value);
    });
    return text;
  }
  std::string operator()(const Ack& p) const {
    constexpr std::string_view kNames[] = {"puback", "pubrec", "pubrel", "pubcomp"};
    return fmt::format("{} {}{}{}", kNames[static_cast<int>(p.type) - 4], p.packet_id, code_if_bad(p.reason),
                       p.reason_string ? " '" + std::string(*p.reason_string) + "'" : "");
  }
  std::string operator()(const Suback& p) const { return acks("suback", p); }
  std::string operator()(const Unsuback& p) const { return acks("unsuback", p); }
  std::string operator()(const Pingresp&) const { return "pingresp"; }
  std::string operator()(const Disconnect& p) const { return "disconnect" + code(p.reason); }
  template <typename Other>
  std::string operator()(const Other&) const {
    return "a packet that servers do not send";
  }

  static std::string acks(std::string_view what, const Suback& p) {
    std::string text = fmt::format("{} {}", what, p.packet_id);
    for (const Reason reason : p.reasons) text += code(reason);
    return text;
  }
};

}  // namespace

void FakeJournal::put(Space space, std::string_view key, std::string_view value) {
  ++writes;
  if (automatic) {
    disk[{space, std::string(key)}] = value;
  } else {
    open_.emplace_back(Key{space, key}, std::string(value));
  }
}

void FakeJournal::erase(Space space, std::string_view key) {
  ++writes;
  if (automatic) {
    disk.erase({space, std::string(key)});
  } else {
    open_.emplace_back(Key{space, key}, std::nullopt);
  }
}

Ticket FakeJournal::commit() {
  if (!open_.empty()) ++last_;
  for (auto& [key, value] : open_) {
    if (value) {
      disk[key] = *value;
    } else {
      disk.erase(key);
    }
  }
  open_.clear();
  return last_;
}

std::size_t FakeJournal::count(Space space) const {
  std::size_t n = 0;
  for (const auto& [key, value] : disk) n += key.first == space ? 1 : 0;
  return n;
}

void FakeHost::authenticate(Transport&, const Connect&, ConnectReply reply) {
  if (answers_later) {
    replies.push_back(std::move(reply));
  } else {
    reply(verdict);
  }
}

void FakeHost::connected(Client& client, bool present) {
  events.push_back("connected " + client.client_id + (present ? " present" : ""));
  if (on_connected) on_connected(client);
}

void FakeHost::disconnected(Client& client, DisconnectCause cause, std::string_view) {
  events.push_back(fmt::format("disconnected {} {}", client.client_id, name(cause)));
  if (on_disconnected) on_disconnected(client);
}

PublishVerdict FakeHost::on_publish(Client& client, const Publish& publish, bool from_will) {
  events.push_back(fmt::format("{} {} {} '{}'", from_will ? "will" : "publish", client.client_id,
                               publish.topic, publish.payload));
  return publishes ? publishes(client, publish, from_will) : PublishVerdict{};
}

SubscribeVerdict FakeHost::may_subscribe(Client& client, std::string_view filter, std::uint8_t qos) {
  return subscriptions ? subscriptions(client, filter, qos) : SubscribeVerdict{};
}

void FakeHost::subscribed(Client& client, std::string_view filter) {
  events.push_back(fmt::format("subscribed {} {}", client.client_id, filter));
}

void FakeHost::unsubscribed(Client& client, std::string_view filter) {
  events.push_back(fmt::format("unsubscribed {} {}", client.client_id, filter));
}

bool FakeHost::may_receive(Client& client, std::string_view topic) {
  return receives ? receives(client, topic) : true;
}

void FakeHost::note(const Client*, Reason, std::string_view) { ++notes; }

std::string FakeHost::told() {
  const std::string text = join(events);
  events.clear();
  return text;
}

House::House(BrokerOptions options) : options_(options), broker_(make_broker(options, host, journal)) {
  broker_->restored(now);
}

void House::pass(Milliseconds ms) {
  for (const Milliseconds until = now + ms; now < until;) {
    now = std::min(now + 500, until);
    broker_->tick(now);
  }
}

void House::kill_and_restart(Milliseconds away) {
  journal.kill();
  now += away;
  broker_ = make_broker(options_, host, journal);
  const auto disk = journal.disk;
  for (const auto& [key, value] : disk) broker_->restore(key.first, key.second, value);
  broker_->restored(now);
  broker_->committed(journal.ticket());
}

std::size_t House::host_says(std::string_view topic, std::string_view payload, std::uint8_t qos,
                             bool retain) {
  Publish publish;
  publish.topic = topic;
  publish.payload = payload;
  publish.qos = qos;
  publish.retain = retain;
  std::size_t recipients = 0;
  broker_->publish(publish, &recipients);
  return recipients;
}

Peer::Peer(House& house, Version version)
    : house_(house), version_(version), wire_(std::make_shared<Wire>()) {}

// A peer that ends with its test leaves the broker alone: the house may have been killed before.
Peer::~Peer() = default;

Peer& Peer::connect(std::string_view client_id, const Edit& edit) {
  Connect packet;
  packet.version = version_;
  packet.client_id = client_id;
  if (edit) edit(packet);
  std::string bytes;
  encode(packet, bytes);
  return raw(bytes);
}

Peer& Peer::publish(std::string_view topic, std::string_view payload, std::uint8_t qos, std::uint16_t id,
                    const std::function<void(Publish&)>& edit) {
  Publish packet;
  packet.topic = topic;
  packet.payload = payload;
  packet.qos = qos;
  packet.packet_id = id;
  if (edit) edit(packet);
  std::string bytes;
  encode(packet, version_, bytes);
  return raw(bytes);
}

Peer& Peer::subscribe(std::string_view filter, std::uint8_t qos,
                      const std::function<void(Subscribe&)>& edit) {
  Subscribe packet;
  packet.packet_id = 1;
  SubscribeEntry entry;
  entry.filter = filter;
  entry.qos = qos;
  packet.entries.push_back(entry);
  if (edit) edit(packet);
  std::string bytes;
  encode(packet, version_, bytes);
  return raw(bytes);
}

Peer& Peer::unsubscribe(std::string_view filter) {
  Unsubscribe packet;
  packet.packet_id = 2;
  packet.filters.push_back(filter);
  std::string bytes;
  encode(packet, version_, bytes);
  return raw(bytes);
}

Peer& Peer::ack(PacketType type, std::uint16_t id, Reason reason) {
  Ack packet;
  packet.type = type;
  packet.packet_id = id;
  packet.reason = reason;
  std::string bytes;
  encode(packet, version_, bytes);
  return raw(bytes);
}

Peer& Peer::disconnect(Reason reason, std::optional<std::uint32_t> expiry) {
  Disconnect packet;
  packet.reason = reason;
  packet.session_expiry = expiry;
  std::string bytes;
  encode(packet, version_, bytes);
  return raw(bytes);
}

Peer& Peer::raw(std::string_view bytes) {
  if (!connection_) {
    house_.transports.push_back(wire_);
    connection_ = &house_.broker().open(*wire_);
  }
  if (!wire_->is_closed) connection_->receive(bytes);
  return *this;
}

void Peer::drop() {
  if (connection_ && !wire_->is_closed) connection_->lost("the peer has gone");
  wire_->is_closed = true;
}

bool Peer::closed() const { return wire_->is_closed; }

std::string Peer::hears() {
  std::vector<std::string> parts;
  std::string_view rest = wire_->out;
  FixedHeader header;
  while (read_fixed_header(rest, header) == HeaderStatus::complete && rest.size() >= header.total()) {
    const Decoded decoded = decode(rest.substr(0, header.total()), version_);
    parts.push_back(decoded.packet ? std::visit(Words{}, *decoded.packet)
                                   : std::string("?? ") + decoded.error.text);
    rest.remove_prefix(header.total());
  }
  if (!rest.empty()) parts.push_back("half a packet");
  wire_->out.clear();
  if (wire_->is_closed) parts.emplace_back("closed");
  return join(parts);
}

Peer::Edit keep(std::uint32_t expiry, bool clean_start) {
  return [=](Connect& connect) {
    if (connect.version == Version::v5) connect.session_expiry = expiry;
    connect.clean_start = clean_start;
  };
}

Peer::Edit with_will(std::string_view topic, std::string_view payload, std::uint32_t delay,
                     std::uint32_t expiry) {
  return [=](Connect& connect) {
    Will will;
    will.topic = topic;
    will.payload = payload;
    will.delay = delay;
    connect.will = will;
    if (expiry != 0) {
      connect.session_expiry = expiry;
      connect.clean_start = false;
    }
  };
}

}  // namespace sluice::mqtt::test
