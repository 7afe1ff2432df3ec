#include "plugins/sdk/session.hpp"

#include <charconv>
#include <cstdio>
#include <utility>

#include "mqtt/codec.hpp"
#include "mqtt/topic.hpp"
#include "plugins/sdk/base64.hpp"

namespace sluice::adapter {
namespace {

constexpr std::size_t kMostPacket = 16 * 1024 * 1024;
constexpr std::size_t kMostOthers = 1000;  // requests, answers and reports without their PUBACK
// What waits for the daemon to read: the answer to its ping is behind it.
constexpr std::size_t kMostUnsent = 256 * 1024;
// Of a health report, of which the daemon takes 64 KiB: its list of devices, one's state, its text.
constexpr std::size_t kMostDevices = 48 * 1024, kMostState = 128, kMostText = 400;
constexpr Duration kReport = std::chrono::seconds(1);

std::string text_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Answer read_answer(std::string_view payload) {
  auto json = Json::parse(payload, nullptr, false);
  if (!json.is_object()) return no("transient", "the daemon's answer is no JSON object");
  if (json.value("ok", Json()) == true) return yes(std::move(json));
  const auto word = [&json](const char* key) {
    const auto it = json.find(key);
    return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  auto error = word("error");
  return no(error.empty() ? "permanent" : std::move(error), word("text"));
}

std::string user_property(const mqtt::Publish& publish, std::string_view wanted) {
  std::string found;
  mqtt::for_each_user_property(publish.properties.user, [&](std::string_view name, std::string_view value) {
    if (name == wanted) found = value;
  });
  return found;
}

template <typename T>
T number_of(std::string_view text) {
  T value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// The part before the next slash; `rest` keeps what is behind it.
std::string_view level_of(std::string_view& rest) {
  const auto slash = rest.find('/');
  const auto level = rest.substr(0, slash);
  rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
  return level;
}

}  // namespace

Session::Session(Clock& clock, Credentials credentials, Driver& driver, Events events)
    : clock_(clock),
      credentials_(std::move(credentials)),
      driver_(driver),
      events_(std::move(events)),
      report_timer_(clock),
      keep_alive_timer_(clock) {}

void Session::open() {
  mqtt::Connect connect;
  connect.client_id = credentials_.client_id;
  connect.username = credentials_.username;
  connect.password = credentials_.password;
  connect.keep_alive = credentials_.keep_alive_s;
  connect.receive_maximum = 100;
  encode(connect, out);
  credentials_.password.clear();
  sent_ = clock_.now();
  events_.wake();
  keep_alive();
}

void Session::keep_alive() {
  const auto half = std::chrono::seconds(credentials_.keep_alive_s) / 2;
  keep_alive_timer_.start(half / 2, [this] {
    if (over_) return;
    const auto half_time = std::chrono::seconds(credentials_.keep_alive_s) / 2;
    if (clock_.now() - sent_ >= half_time / 2) {
      mqtt::encode_pingreq(out);
      sent_ = clock_.now();
      events_.wake();
    }
    keep_alive();
  });
}

void Session::fail(std::string why) {
  if (std::exchange(over_, true)) return;
  report_timer_.cancel();
  keep_alive_timer_.cancel();
  events_.closed(std::move(why));
}

void Session::receive(std::string_view bytes) {
  in_.append(bytes);
  std::string_view rest = in_;
  while (!over_ && !rest.empty()) {
    mqtt::FixedHeader header;
    const auto status = read_fixed_header(rest, header);
    if (status == mqtt::HeaderStatus::malformed || header.total() > kMostPacket)
      return fail("the daemon sent no MQTT");
    if (status == mqtt::HeaderStatus::incomplete || rest.size() < header.total()) break;
    const auto packet = rest.substr(0, header.total());
    rest.remove_prefix(header.total());
    const auto decoded = mqtt::decode(packet, mqtt::Version::v5);
    if (!decoded.packet) return fail(std::string("the daemon broke MQTT: ") + decoded.error.text);
    take(*decoded.packet);
  }
  in_.erase(0, in_.size() - rest.size());
}

void Session::take(const mqtt::Packet& packet) {
  if (const auto* ack = std::get_if<mqtt::Ack>(&packet)) return take_ack(*ack);
  if (const auto* publish = std::get_if<mqtt::Publish>(&packet)) return take_message(*publish);
  if (const auto* connack = std::get_if<mqtt::Connack>(&packet)) {
    if (connack->reason != mqtt::Reason::success)
      return fail("refused: " + std::string(connack->reason_string.value_or(to_string(connack->reason))));
    // Kept: two hundred places for answers and reports.
    most_open_ = connack->receive_maximum.value_or(65'535);
    most_open_ = most_open_ > 400 ? most_open_ - 200 : (most_open_ + 1) / 2;
    most_packet_ = connack->maximum_packet_size.value_or(most_packet_);
    if (connack->server_keep_alive) credentials_.keep_alive_s = *connack->server_keep_alive;
    return subscribe();
  }
  if (const auto* suback = std::get_if<mqtt::Suback>(&packet)) {
    if (suback->reasons.empty() || static_cast<std::uint8_t>(suback->reasons.front()) >= 0x80)
      return fail("the subscription to its inbox was refused");
    subscribed_ = true;
    report();
    return events_.subscribed();
  }
  if (const auto* disconnect = std::get_if<mqtt::Disconnect>(&packet))
    fail("the daemon ends the connection: " +
         std::string(disconnect->reason_string.value_or(to_string(disconnect->reason))));
}

void Session::subscribe() {
  const auto filter = credentials_.inbox + "/#";
  mqtt::Subscribe subscribe;
  subscribe.packet_id = new_packet_id();
  mqtt::SubscribeEntry entry;
  entry.filter = filter;
  entry.qos = 1;
  subscribe.entries.push_back(entry);
  encode(subscribe, mqtt::Version::v5, out);
  events_.wake();
}

std::uint16_t Session::new_packet_id() {
  do {
    ++last_id_;
  } while (last_id_ == 0 || publishes_.contains(last_id_) || others_.contains(last_id_));
  return last_id_;
}

std::uint16_t Session::send(std::string_view topic, std::string_view payload, std::string_view response_topic,
                            std::string_view correlation, std::string_view content_type) {
  mqtt::Publish publish;
  publish.topic = topic;
  publish.payload = payload;
  publish.qos = 1;
  publish.packet_id = new_packet_id();
  if (!response_topic.empty()) publish.properties.response_topic = response_topic;
  if (!correlation.empty()) publish.properties.correlation_data = correlation;
  if (!content_type.empty()) publish.properties.content_type = content_type;
  encode(publish, mqtt::Version::v5, out);
  sent_ = clock_.now();
  events_.wake();
  return publish.packet_id;
}

void Session::take_ack(const mqtt::Ack& ack) {
  if (others_.erase(ack.packet_id) != 0) return;
  auto node = publishes_.extract(ack.packet_id);
  if (node.empty()) return;
  if (node.mapped().done) {
    Published published;
    published.reason = static_cast<std::uint8_t>(ack.reason);
    published.on_disk = published.reason < 0x80;
    published.text = ack.reason_string.value_or(std::string_view());
    node.mapped().done(published);
  }
  maybe_room();
}

void Session::maybe_room() {
  if (!was_full_ || publishes_.size() > most_open_ / 2 || out.size() > kMostUnsent / 2) return;
  was_full_ = false;
  if (on_room_) on_room_();
}

// ---- what the daemon says

Reply Session::reply_to(const mqtt::Publish& publish) {
  if (!publish.properties.response_topic) return [](const Answer&) {};
  return [this, alive = alive_, topic = std::string(*publish.properties.response_topic),
          correlation = std::string(publish.properties.correlation_data.value_or(std::string_view())),
          said = std::make_shared<bool>(false)](const Answer& answer) {
    if (!*alive || over_ || std::exchange(*said, true)) return;
    if (others_.size() >= kMostOthers) return fail("the daemon takes no answers");
    Json json = answer.ok() ? answer.value : Json{{"error", answer.error}, {"text", answer.text}};
    json["ok"] = answer.ok();
    others_.insert(send(topic, text_of(json), {}, correlation));
  };
}

void Session::take_message(const mqtt::Publish& publish) {
  if (publish.qos == 1) {
    mqtt::encode_ack(mqtt::PacketType::puback, publish.packet_id, out);
    sent_ = clock_.now();
    events_.wake();
  }
  if (!publish.topic.starts_with(credentials_.inbox + "/")) return;
  auto rest = publish.topic.substr(credentials_.inbox.size() + 1);
  const auto what = level_of(rest);
  if (what == "answer") {
    const auto node =
        requests_.extract(number_of<std::uint64_t>(publish.properties.correlation_data.value_or("")));
    if (!node.empty() && node.mapped()) node.mapped()(read_answer(publish.payload));
  } else if (what == "call") {
    take_call(rest, publish, reply_to(publish));
  } else if (what == "msg") {
    const auto response_topic = user_property(publish, "response-topic");
    std::string correlation;
    (void)base64_append(user_property(publish, "correlation-data"), correlation);
    Message message;
    message.device = level_of(rest);
    message.topic = rest;
    message.payload = publish.payload;
    message.content_type = publish.properties.content_type.value_or(std::string_view());
    message.response_topic = response_topic;
    message.correlation_data = correlation;
    message.qos = publish.qos;
    driver_.message(message, reply_to(publish));
  } else if (what == "detached") {
    const auto json = Json::parse(publish.payload, nullptr, false);
    const auto word = [&json](const char* key) {
      return json.is_object() && json.value(key, Json()).is_string() ? json.at(key).get<std::string>()
                                                                     : std::string();
    };
    offline_.erase(std::string(rest));
    driver_.detached(rest, word("reason"), word("text"));
  }
}

void Session::take_call(std::string_view rest, const mqtt::Publish& publish, Reply reply) {
  Call call;
  call.operation = level_of(rest);
  if (call.operation == "ping") return reply(yes());
  call.device = level_of(rest);
  call.deadline_ms = number_of<std::uint32_t>(user_property(publish, "deadline-ms"));
  if (call.operation == "write") {
    call.update = level_of(rest);
    call.offset = number_of<std::uint64_t>(rest);
    call.bytes = publish.payload;
    call.arguments = Json::object();
  } else {
    call.arguments = Json::parse(publish.payload, nullptr, false);
    if (!call.arguments.is_object()) return reply(no("permanent", "the call's payload is no JSON object"));
  }
  driver_.call(call, std::move(reply));
}

// ---- what the driver says

void Session::request(std::string_view topic, const Json& payload, std::function<void(Answer)> done) {
  const auto number = ++last_request_;
  requests_[number] = std::move(done);
  others_.insert(send(topic, text_of(payload), credentials_.inbox + "/answer", std::to_string(number)));
}

void Session::attach(const Device& device, std::function<void(Answer)> done) {
  if (over_) return;
  Json json = {{"device", device.id}, {"capabilities", device.capabilities}, {"expiry_s", device.expiry_s}};
  if (device.access_token.empty()) {
    json["trusted"] = true;
  } else {
    json["accessToken"] = device.access_token;
  }
  for (const auto& [key, value] : {std::pair{"product", &device.product},
                                   {"model", &device.model},
                                   {"hardware", &device.hardware},
                                   {"firmware", &device.firmware}}) {
    if (!value->empty()) json[key] = *value;
  }
  if (!device.subscribe.empty()) json["subscribe"] = device.subscribe;
  request("$sluice/v1/attach", json, std::move(done));
}

void Session::detach(std::string_view device, std::string_view reason) {
  if (over_) return;
  offline_.erase(std::string(device));
  request("$sluice/v1/detach", {{"device", device}, {"reason", reason}}, nullptr);
}

bool Session::publish(std::string_view device, std::string_view topic, std::string_view payload,
                      std::function<void(const Published&)> done, std::string_view content_type) {
  if (over_ || publishes_.size() >= most_open_ || out.size() >= kMostUnsent) {
    was_full_ = true;
    return false;
  }
  topic_.assign("$sluice/v1/pub/").append(device).append("/").append(topic);
  // What the daemon would end the connection for is refused here.
  if (!mqtt::valid_topic_name(topic_) || topic_.size() + payload.size() + 64 > most_packet_) {
    if (done) done({false, 0x95, "the topic is not valid, or the packet is larger than the daemon takes"});
    return true;
  }
  const auto id = send(topic_, payload, {}, {}, content_type);
  publishes_[id] = {std::move(done)};
  return true;
}

void Session::health(std::string_view state, std::string_view text) {
  if (state_ == state && text_ == text) return;
  state_ = state;
  text_ = text;
  report();
}

void Session::counter(std::string_view name, std::uint64_t value) {
  auto it = counters_.find(name);
  if (it != counters_.end() && it->second == value) return;
  counters_.insert_or_assign(std::string(name), value);
  report();
}

void Session::device_state(std::string_view device, std::string_view state) {
  const auto it = offline_.find(device);
  if (state == "online" ? it == offline_.end() : it != offline_.end() && it->second == state) return;
  if (state == "online") {
    offline_.erase(it);
  } else {
    offline_.insert_or_assign(std::string(device), std::string(state));
  }
  report();
}

// Now, and then at most once a second, while the daemon reads.
void Session::report() {
  if (!subscribed_ || over_) return;
  if (report_timer_.pending()) {
    report_due_ = true;
    return;
  }
  report_due_ = out.size() >= kMostUnsent;
  if (report_due_) return report_later();
  if (others_.size() >= kMostOthers) return fail("the daemon takes no reports");
  others_.insert(send("$sluice/v1/health", text_of(health_report()), {}, {}));
  report_later();
}

// A report that is too large would be refused, and the next one, too.
Json Session::health_report() const {
  Json devices = Json::object();
  std::size_t bytes = 0;
  for (const auto& [id, state] : offline_) {
    const Json shown = state.substr(0, kMostState);
    bytes += id.size() + text_of(shown).size() + 4;
    if (bytes > kMostDevices) break;
    devices[id] = shown;
  }
  auto text = text_;
  if (const auto more = offline_.size() - devices.size(); more != 0) {
    text.resize(std::min(text.size(), kMostText));
    text += (text.empty() ? "" : "; ") + std::to_string(more) + " more devices are not online";
  }
  return {{"state", state_}, {"text", text}, {"counters", counters_}, {"devices", devices}};
}

void Session::report_later() {
  report_timer_.start(kReport, [this] {
    if (report_due_) report();
  });
}

void Session::log(int level, std::string_view text) {
  std::fprintf(stderr, "<%d>%.*s\n", level, static_cast<int>(text.size()), text.data());
}

void Session::quit(int exit_code, std::string_view why) {
  if (over_) return;
  over_ = true;
  events_.quit(exit_code, std::string(why));
}

}  // namespace sluice::adapter
