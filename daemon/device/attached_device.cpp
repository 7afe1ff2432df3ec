#include "device/attached_device.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "mqtt/codec.hpp"
#include "mqtt/topic.hpp"

namespace sluice::device {
namespace {

constexpr std::uint16_t kMostWaiting = 16;
constexpr std::uint16_t kKeepAlive = 1200;
constexpr Duration kPingAfter = 300s;
constexpr Duration kAgain = 5s;        // after `transient` or `busy`
constexpr Duration kUnanswered = 60s;  // without any answer

}  // namespace

AttachedDevice::AttachedDevice(boost::asio::io_context& loop, Clock& clock, std::string adapter,
                               std::shared_ptr<Device> device, AttachRequest request, AttachedEvents events)
    : loop_(loop),
      clock_(clock),
      adapter_(std::move(adapter)),
      device_(std::move(device)),
      request_(std::move(request)),
      events_(std::move(events)),
      pinged_(clock.now()) {}

void AttachedDevice::open(mqtt::Broker& broker) {
  connection_ = &broker.open(*this);
  const bool hears = !request_.subscribe.empty();
  mqtt::Connect connect;
  connect.client_id = device_->ref.id;
  connect.clean_start = !hears;
  connect.keep_alive = kKeepAlive;
  connect.session_expiry = hears ? request_.expiry_s : 0;
  connect.receive_maximum = kMostWaiting;
  std::string packet;
  encode(connect, packet);
  say(packet);
}

void AttachedDevice::say(const std::string& packet) {
  if (connection_ != nullptr) connection_->receive(packet);
}

void AttachedDevice::again(AttachRequest request, std::function<void(result<bool>)> done) {
  request_ = std::move(request);
  if (request_.subscribe.empty()) return done(session_present_);
  subscribed_ = std::move(done);
  mqtt::Subscribe subscribe;
  subscribe.packet_id = 1;
  for (const auto& filter : request_.subscribe) {
    mqtt::SubscribeEntry entry;
    entry.filter = filter;
    entry.qos = 1;
    entry.retain_handling = 1;  // not again for a session that goes on
    subscribe.entries.push_back(entry);
  }
  std::string packet;
  encode(subscribe, mqtt::Version::v5, packet);
  say(packet);
}

void AttachedDevice::end(std::string_view why) {
  events_ = {};
  subscribed_ = nullptr;
  open_ = false;
  const auto self = shared_from_this();
  if (auto* connection = std::exchange(connection_, nullptr)) connection->lost(why);
}

void AttachedDevice::close() {
  connection_ = nullptr;
  open_ = false;
  read();  // its last words say why
  boost::asio::post(loop_, [self = shared_from_this()] {
    const auto closed = std::exchange(self->events_, {}).closed;
    if (closed) closed(self->goodbye_.empty() ? "the daemon has ended it" : self->goodbye_);
  });
}

void AttachedDevice::wake() {
  if (std::exchange(posted_, true)) return;
  boost::asio::post(loop_, [self = shared_from_this()] {
    self->posted_ = false;
    if (self->connection_ == nullptr) return;
    self->read();
    if (self->connection_ != nullptr) self->connection_->writable();
  });
}

void AttachedDevice::read() {
  const std::string bytes = std::exchange(out, {});
  std::string_view rest = bytes;
  while (!rest.empty()) {
    mqtt::FixedHeader header;
    if (read_fixed_header(rest, header) != mqtt::HeaderStatus::complete || rest.size() < header.total())
      return;
    const auto packet = rest.substr(0, header.total());
    rest.remove_prefix(header.total());
    const auto decoded = mqtt::decode(packet, mqtt::Version::v5);
    if (decoded.packet) take(*decoded.packet, packet);
  }
}

void AttachedDevice::take(const mqtt::Packet& packet, std::string_view bytes) {
  if (const auto* connack = std::get_if<mqtt::Connack>(&packet)) {
    if (connack->reason != mqtt::Reason::success) {
      goodbye_ = fmt::format("{}", connack->reason_string.value_or(mqtt::to_string(connack->reason)));
      if (events_.opened) events_.opened(Error{errc::refused, goodbye_});
      return;
    }
    session_present_ = connack->session_present;
    again(std::move(request_), [this](result<bool> done) {
      open_ = done.has_value();
      if (events_.opened) events_.opened(std::move(done));
    });
  } else if (const auto* suback = std::get_if<mqtt::Suback>(&packet)) {
    if (!subscribed_) return;
    const auto done = std::exchange(subscribed_, nullptr);
    for (std::size_t i = 0; i < suback->reasons.size() && i < request_.subscribe.size(); ++i) {
      if (static_cast<std::uint8_t>(suback->reasons[i]) < 0x80) continue;
      return done(Error{errc::denied, fmt::format("the device's product may not subscribe to `{}`",
                                                  request_.subscribe[i])});
    }
    done(session_present_);
  } else if (const auto* publish = std::get_if<mqtt::Publish>(&packet)) {
    take_publish(*publish, bytes);
  } else if (const auto* ack = std::get_if<mqtt::Ack>(&packet);
             ack != nullptr && ack->type == mqtt::PacketType::pubrel) {
    std::string done;
    mqtt::encode_ack(mqtt::PacketType::pubcomp, ack->packet_id, done);
    say(done);
  } else if (const auto* disconnect = std::get_if<mqtt::Disconnect>(&packet)) {
    goodbye_ = disconnect->reason_string.value_or(mqtt::to_string(disconnect->reason));
  }
}

// A session of before may hold messages of filters that the device does not want any more.
bool AttachedDevice::wants(std::string_view topic) const {
  return std::any_of(request_.subscribe.begin(), request_.subscribe.end(),
                     [topic](const std::string& filter) {
                       const auto shared = mqtt::split_shared(filter);
                       return mqtt::topic_matches(shared ? shared->filter : std::string_view(filter), topic);
                     });
}

void AttachedDevice::take_publish(const mqtt::Publish& publish, std::string_view bytes) {
  if (connection_ == nullptr) return;
  if (publish.qos == 0) {
    if (events_.message && wants(publish.topic)) events_.message(publish, 0);
    return;
  }
  const auto number = ++last_number_;
  waiting_[number] = {std::string(bytes), publish.packet_id, publish.qos, clock_.now() + kUnanswered};
  if (!wants(publish.topic)) return answered(number);
  if (events_.message) events_.message(publish, number);
}

void AttachedDevice::answered(std::uint32_t number) {
  const auto node = waiting_.extract(number);
  if (node.empty()) return;
  std::string packet;
  // QoS 2: a session that the device had when it connected by itself.
  const auto type = node.mapped().qos == 2 ? mqtt::PacketType::pubrec : mqtt::PacketType::puback;
  mqtt::encode_ack(type, node.mapped().packet_id, packet);
  say(packet);
}

void AttachedDevice::postpone(std::uint32_t number) {
  if (const auto it = waiting_.find(number); it != waiting_.end()) it->second.again = clock_.now() + kAgain;
}

void AttachedDevice::tick(MonoTime now) {
  if (connection_ == nullptr) return;
  if (now - pinged_ >= kPingAfter) {
    pinged_ = now;
    std::string ping;
    mqtt::encode_pingreq(ping);
    say(ping);
  }
  std::vector<std::pair<std::uint32_t, std::string>> due;
  for (auto& [number, waiting] : waiting_) {
    if (now < waiting.again) continue;
    waiting.again = now + kUnanswered;
    due.emplace_back(number, waiting.packet);
  }
  for (const auto& [number, packet] : due) {
    const auto decoded = mqtt::decode(packet, mqtt::Version::v5);
    if (decoded.packet && events_.message) events_.message(std::get<mqtt::Publish>(*decoded.packet), number);
  }
}

}  // namespace sluice::device
