#include "fleet/device.hpp"

#include <fmt/format.h>

#include <cmath>

#include "core/task.hpp"
#include "fleet/session.hpp"
#include "mqtt/codec.hpp"

namespace sluice::fleet {
namespace asio = boost::asio;
namespace {

constexpr std::size_t kMaxUnsent =
    1 << 20;  // bytes that the gateway does not take: no more readings meanwhile

std::string with_device(std::string topic, const std::string& id) {
  constexpr std::string_view kPlace = "{device}";
  for (auto at = topic.find(kPlace); at != std::string::npos; at = topic.find(kPlace, at + id.size())) {
    topic.replace(at, kPlace.size(), id);
  }
  return topic;
}

}  // namespace

void Statistics::add_sample(Duration wait) {
  const auto us =
      static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::microseconds>(wait).count());
  if (ack_us.size() < kMostSamples) {
    ack_us.push_back(us);
  } else {
    ack_us[acked % kMostSamples] = us;
  }
}

Device::Device(Fleet& fleet, std::size_t number)
    : fleet_(fleet),
      id_(fmt::format("{}{:04}", fleet.options.prefix, number + 1)),
      topic_(with_device(fleet.options.topic, id_)),
      url_(fleet.options.urls[number % fleet.options.urls.size()]),
      backoff_({.first = 50ms, .most = 1s, .well_after = 1s}, number) {
  // Readings of an earlier run that were never acknowledged may be in the gateway: leave their numbers alone.
  if (const auto before = fleet.acked.highest(id_); before > 0) seq_ = before + fleet.options.window;
}

Device::~Device() = default;

void Device::start() {
  spawn(fleet_.loop, fleet_.log, id_, [this] { return run(); });
}

bool Device::connected() const { return session_ && session_->up(); }

void Device::stop() {
  if (session_) session_->disconnect();
}

asio::awaitable<void> Device::run() {
  while (!fleet_.stopping) {
    session_ = std::make_shared<Session>(fleet_, *this);
    const auto why = co_await session_->run();
    session_.reset();
    if (fleet_.stopping) break;
    backoff_.down(fleet_.clock.now());
    ++fleet_.statistics.failures;
    fleet_.statistics.last_failure = fmt::format("{} at {}: {}", id_, url_.text, why);
    fleet_.log.debug("{}", fleet_.statistics.last_failure);
    co_await sleep_for(fleet_.clock, backoff_.next());
  }
}

void Device::session_up(std::uint16_t receive_maximum) {
  ++fleet_.statistics.connects;
  backoff_.up(fleet_.clock.now());
  window_ = std::min<std::size_t>(fleet_.options.window, receive_maximum);
  // By sequence, so that the order of a device's readings stays.
  std::map<std::uint64_t, Pending> again;
  for (auto& [packet_id, pending] : pending_) again.emplace(pending.seq, std::move(pending));
  pending_.clear();
  last_packet_id_ = 0;
  for (auto& [seq, pending] : again) {
    ++fleet_.statistics.sent_again;
    send(++last_packet_id_, pending_.emplace(last_packet_id_, std::move(pending)).first->second);
  }
}

std::string Device::payload(std::uint64_t seq) const {
  const auto ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(fleet_.clock.wall().time_since_epoch()).count();
  auto text = fmt::format(R"({{"device":"{}","seq":{},"t":{},"temp":{:.2f})", id_, seq, ms,
                          21 + 4 * std::sin(static_cast<double>(seq) / 50));
  if (text.size() + 10 < fleet_.options.payload_bytes) {
    text += fmt::format(R"(,"pad":"{}")", std::string(fleet_.options.payload_bytes - text.size() - 10, 'x'));
  }
  return text + '}';
}

bool Device::produce() {
  if (!connected() || pending_.size() >= window_ || session_->unsent() > kMaxUnsent) {
    ++fleet_.statistics.held_back;
    return false;
  }
  ++fleet_.statistics.produced;
  Pending pending{++seq_, payload(seq_), {}};
  if (fleet_.options.qos == 0) {
    send(0, pending);
    return true;
  }
  do {
    ++last_packet_id_;
  } while (last_packet_id_ == 0 || pending_.contains(last_packet_id_));
  send(last_packet_id_, pending_.emplace(last_packet_id_, std::move(pending)).first->second);
  return true;
}

void Device::send(std::uint16_t packet_id, Pending& pending) {
  mqtt::Publish publish;
  publish.topic = topic_;
  publish.payload = pending.payload;
  publish.packet_id = packet_id;
  publish.qos = fleet_.options.qos;
  pending.sent = fleet_.clock.now();
  mqtt::encode(publish, fleet_.options.version, session_->out());
  session_->wake();
}

void Device::on_ack(std::uint16_t packet_id, mqtt::Reason reason) {
  const auto it = pending_.find(packet_id);
  if (it == pending_.end()) return;
  if (reason >= mqtt::Reason::unspecified_error) {
    ++fleet_.statistics.refused;
    fleet_.statistics.last_failure = fmt::format("{}: {} refused: {}", id_, topic_, mqtt::to_string(reason));
  } else {
    fleet_.statistics.add_sample(fleet_.clock.now() - it->second.sent);
    ++fleet_.statistics.acked;
    fleet_.acked.add(id_, it->second.seq);
  }
  pending_.erase(it);
}

}  // namespace sluice::fleet
