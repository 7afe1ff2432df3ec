#include "device/adapter_session.hpp"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <charconv>

#include "device/session_host.hpp"
#include "mqtt/codec.hpp"

namespace sluice::device {
namespace {

using mqtt::Reason;
using Json = nlohmann::json;

constexpr double kViolations = 200, kViolationsPerSecond = 200.0 / 60;
constexpr std::size_t kMostCalls = 64;

}  // namespace

AdapterSession::AdapterSession(const AdapterHouse& house, std::string name, std::string product,
                               std::uint32_t most_devices, Events events)
    : house_(house),
      log_(house.log),
      name_(std::move(name)),
      inbox_(inbox_of(name_)),
      product_(std::move(product)),
      most_devices_(most_devices),
      events_(std::move(events)),
      violations_(kViolationsPerSecond, kViolations, house.clock.now()),
      log_limit_(0.1, 5, 200) {}

AdapterSession::~AdapterSession() { shut(); }

void AdapterSession::shut() {
  over_ = true;
  events_ = {};
  for (auto& [id, attached] : attached_) {
    attached->device()->holder.clear();
    attached->end("the adapter has gone");
  }
  attached_.clear();
}

void AdapterSession::connected(mqtt::Client& client, Wire& wire) {
  client_ = &client;
  wire_ = &wire;
}

void AdapterSession::disconnected(std::string_view detail) {
  client_ = nullptr;
  wire_ = nullptr;
  if (std::exchange(over_, true)) return;
  boost::asio::post(house_.loop, [self = shared_from_this(), why = std::string(detail)] {
    for (auto it = self->attached_.begin(); it != self->attached_.end(); it = self->attached_.begin())
      self->let_go(it, "the adapter has gone");
    auto calls = std::exchange(self->calls_, {});
    for (auto& [number, call] : calls) call.done(Error{errc::closed, "the adapter has gone"});
    if (self->events_.lost) self->events_.lost(why);
  });
}

void AdapterSession::cut(std::string_view why) {
  if (client_ == nullptr) return;
  log_.warn("adapter {}: its connection is ended: {}", name_, why);
  house_.broker->disconnect(client_->client_id, Reason::administrative_action, true);
}

bool AdapterSession::may_subscribe(std::string_view filter) const { return filter == inbox_ + "/#"; }

bool AdapterSession::may_receive(std::string_view topic) const {
  return topic.starts_with(inbox_) && topic.substr(inbox_.size()).starts_with('/');
}

void AdapterSession::subscribed() {
  subscribed_ = true;
  maybe_ready();
}

void AdapterSession::maybe_ready() {
  if (!subscribed_ || !reported_ || std::exchange(told_ready_, true)) return;
  boost::asio::post(house_.loop, [self = shared_from_this()] {
    if (!self->over_ && self->events_.ready) self->events_.ready();
  });
}

// ---- what the adapter publishes

mqtt::PublishVerdict AdapterSession::refuse(Reason reason, std::string_view text, const std::string& detail) {
  ++counts_.violations;
  if (log_limit_.try_take("violation", house_.clock.now()))
    log_.warn("adapter {}: {}: {}", name_, text, detail);
  violations_.take(1);
  const bool enough = violations_.wait(house_.clock.now()) > Duration::zero();
  if (enough)
    log_.error("adapter {}: breaks its contract too often (docs/adapters.md); its connection is ended",
               name_);
  return {.reason = reason, .deliver = false, .close = enough, .reason_string = text};
}

mqtt::PublishVerdict AdapterSession::on_publish(const mqtt::Publish& publish) {
  const auto topic = read_adapter_topic(publish.topic);
  switch (topic.kind) {
    case AdapterTopic::Kind::publish:
      return take_reading(publish, topic.device, topic.topic);
    case AdapterTopic::Kind::answer:
      return take_answer(publish);
    case AdapterTopic::Kind::attach:
      return take_attach(publish);
    case AdapterTopic::Kind::detach:
      return take_detach(publish);
    case AdapterTopic::Kind::health:
      return take_health(publish);
    case AdapterTopic::Kind::unknown:
      break;
  }
  return refuse(Reason::topic_name_invalid, "not a topic of the contract",
                std::string(publish.topic.substr(0, 128)));
}

mqtt::PublishVerdict AdapterSession::take_reading(const mqtt::Publish& publish, std::string_view device,
                                                  std::string_view topic) {
  const auto it = attached_.find(device);
  if (it == attached_.end() || !it->second->is_open() || !it->second->client) {
    if (!was_just_detached(device))
      return refuse(Reason::not_authorized, "the device is not attached", std::string(device.substr(0, 128)));
    if (wire_ != nullptr) wire_->count_publish();
    ++counts_.refused;
    return {
        .reason = Reason::not_authorized, .deliver = false, .reason_string = "the device has been detached"};
  }
  if (wire_ != nullptr) wire_->count_publish();
  mqtt::Publish own = publish;
  own.topic = topic;
  auto verdict = house_.host.publish_for(*it->second->client, own);
  if (!mqtt::failed(verdict.reason)) {
    ++counts_.published;
  } else {
    ++counts_.refused;
  }
  return verdict;
}

mqtt::PublishVerdict AdapterSession::take_health(const mqtt::Publish& publish) {
  auto report = read_health(publish.payload);
  if (!report) return refuse(Reason::payload_format_invalid, "not a health report", report.error().text);
  if (report->state != health_.state || report->text != health_.text) {
    if (report->state == HealthReport::State::ok) {
      if (reported_) log_.info("adapter {}: well again", name_);
    } else if (log_limit_.try_take("health", house_.clock.now())) {
      log_.warn("adapter {}: {}: {}", name_, to_string(report->state), report->text);
    }
  }
  health_ = std::move(*report);
  reported_ = true;
  maybe_ready();
  return {.deliver = false, .reason_string = {}};
}

// ---- calls of the adapter, and its answers

void AdapterSession::call(std::string_view operation, std::string_view target, std::string_view payload,
                          Duration deadline, Answered done) {
  if (client_ == nullptr || !told_ready_) return done(Error{errc::closed, "the adapter is not ready"});
  if (calls_.size() >= kMostCalls) return done(Error{errc::full, "too many calls of the adapter are open"});
  const auto number = ++last_call_;
  calls_[number] = {std::string(operation), std::move(done), house_.clock.now() + deadline};
  ++counts_.calls;
  std::string user;
  mqtt::append_user_property(
      user, "deadline-ms",
      std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(deadline).count()));
  send(fmt::format("{}/call/{}{}{}", inbox_, operation, target.empty() ? "" : "/", target), payload,
       fmt::format("c{}", number), 1, user);
}

mqtt::PublishVerdict AdapterSession::take_answer(const mqtt::Publish& publish) {
  auto answer = read_answer(publish.payload);
  if (!answer) return refuse(Reason::payload_format_invalid, "not an answer", answer.error().text);
  // Our own words: `c<number>` of a call, `m<number>/<device>` of a message.
  const auto correlation = publish.properties.correlation_data.value_or(std::string_view());
  std::uint64_t number = 0;
  const auto* end = correlation.data() + correlation.size();
  const auto read = correlation.empty() ? std::from_chars_result{end, std::errc::invalid_argument}
                                        : std::from_chars(correlation.data() + 1, end, number);
  if (read.ec != std::errc())
    return refuse(Reason::payload_format_invalid, "an answer to nothing", "its correlation data is not ours");
  const auto rest = correlation.substr(static_cast<std::size_t>(read.ptr - correlation.data()));
  if (correlation.front() == 'c' && rest.empty()) {
    auto node = calls_.extract(number);  // none: it was too late
    if (!node.empty()) {
      boost::asio::post(
          house_.loop, [done = std::move(node.mapped().done), answer = std::move(*answer)] { done(answer); });
    }
    return {.deliver = false, .reason_string = {}};
  }
  if (correlation.front() == 'm' && rest.starts_with('/')) {
    boost::asio::post(house_.loop, [self = shared_from_this(), device = std::string(rest.substr(1)), number,
                                    answer = std::move(*answer)] {
      self->answer_to_message(device, static_cast<std::uint32_t>(number), answer);
    });
    return {.deliver = false, .reason_string = {}};
  }
  return refuse(Reason::payload_format_invalid, "an answer to nothing", "its correlation data is not ours");
}

// ---- messages for devices

void AdapterSession::deliver(const std::string& device, const mqtt::Publish& publish, std::uint32_t number) {
  ++counts_.messages;
  std::string user(publish.properties.user);
  if (publish.properties.response_topic)
    mqtt::append_user_property(user, "response-topic", *publish.properties.response_topic);
  if (publish.properties.correlation_data)
    mqtt::append_user_property(user, "correlation-data", base64(*publish.properties.correlation_data));
  send(fmt::format("{}/msg/{}/{}", inbox_, device, publish.topic), publish.payload,
       number == 0 ? std::string() : fmt::format("m{}/{}", number, device), publish.qos == 0 ? 0 : 1, user,
       &publish);
}

void AdapterSession::answer_to_message(const std::string& device, std::uint32_t number,
                                       const AdapterAnswer& answer) {
  const auto it = attached_.find(device);
  if (it == attached_.end() || !it->second->waits_for(number)) return;
  if (!answer.ok && answer.again()) return it->second->postpone(number);
  if (!answer.ok) {
    ++counts_.messages_dropped;
    if (log_limit_.try_take("message", house_.clock.now()))
      log_.warn("adapter {}: {} does not take a message: {}: {}", name_, device, answer.error, answer.text);
  }
  it->second->answered(number);
}

void AdapterSession::send(const std::string& topic, std::string_view payload, std::string_view correlation,
                          std::uint8_t qos, std::string_view user, const mqtt::Publish* like) {
  mqtt::Publish publish;
  publish.topic = topic;
  publish.payload = payload;
  publish.qos = qos;
  publish.properties.user = user;
  if (like != nullptr) {
    publish.properties.content_type = like->properties.content_type;
    publish.properties.payload_format = like->properties.payload_format;
    publish.properties.message_expiry = like->properties.message_expiry;
  }
  if (!correlation.empty()) {
    // An answer of ours wants none.
    if (!topic.ends_with("/answer")) publish.properties.response_topic = kAnswerTopic;
    publish.properties.correlation_data = correlation;
  }
  house_.broker->publish(publish);
}

void AdapterSession::tick(MonoTime now) {
  std::vector<Answered> late;
  for (auto it = calls_.begin(); it != calls_.end();) {
    if (now < it->second.deadline) {
      ++it;
      continue;
    }
    late.push_back(std::move(it->second.done));
    it = calls_.erase(it);
  }
  const auto self = shared_from_this();
  for (auto& done : late) done(Error{errc::timeout, "the adapter has not answered in time"});
  const auto attached = attached_;
  for (const auto& [id, device] : attached) device->tick(now);
}

const AttachRequest* AdapterSession::attached(std::string_view device) const {
  const auto it = attached_.find(device);
  return it == attached_.end() || !it->second->is_open() ? nullptr : &it->second->request();
}

Json AdapterSession::devices() const {
  Json all = Json::array();
  for (const auto& [id, attached] : attached_) {
    const auto& request = attached->request();
    const auto state = health_.devices.find(id);
    all.push_back({{"id", id},
                   {"product", attached->device()->ref.product},
                   {"model", request.model},
                   {"hardware", request.hardware},
                   {"firmware", request.firmware},
                   {"capabilities", request.capabilities},
                   {"trusted", request.trusted},
                   {"waiting", attached->waiting()},
                   {"readings", attached->device()->readings},
                   {"state", state == health_.devices.end() ? "online" : state->second}});
  }
  return all;
}

}  // namespace sluice::device
