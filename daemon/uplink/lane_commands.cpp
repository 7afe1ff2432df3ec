// What comes from the cloud on a lane: subscriptions, commands and their acknowledgement; and the lane's
// status.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "uplink/command_topic.hpp"
#include "uplink/lane.hpp"

namespace sluice::uplink {
namespace {

constexpr std::size_t kFiltersPerSubscribe = 8;  // AWS IoT's limit
constexpr Duration kSubackDeadline = 15s;
constexpr Duration kSubscribeAgain = 60s;
constexpr Duration kSubscribeAgainAfterLosses = 10min;
constexpr unsigned kLossesToSkip = 3;  // 3.1.1: a denied SUBSCRIBE may close the connection

}  // namespace

void Lane::subscribe_next() {
  const std::size_t left = filters_.size() - subscribed_;
  if (left == 0) {
    if (state_ == State::subscribing) run();
    return;
  }
  if (state_ == State::subscribing && lost_subscribing_ >= kLossesToSkip) {
    command_trouble_ = fmt::format(
        "the cloud closes the connection when we subscribe to {}: no commands arrive; allow "
        "iot:Subscribe and iot:Receive in the policy",
        filters_[subscribed_]);
    run();
    again_.start(kSubscribeAgainAfterLosses, [this] { subscribe_next(); });
    return;
  }
  asked_ = std::min(left, kFiltersPerSubscribe);
  const auto first = filters_.begin() + static_cast<std::ptrdiff_t>(subscribed_);
  link_->subscribe({first, first + static_cast<std::ptrdiff_t>(asked_)});
  // Readings must not wait for ever for an answer that only commands need.
  again_.start(kSubackDeadline, [this] {
    command_trouble_ = "the cloud does not answer SUBSCRIBE: no commands arrive";
    if (state_ == State::subscribing) run();
    subscribe_again_later();
  });
}

void Lane::subscribe_again_later() {
  again_.start(kSubscribeAgain, [this] {
    subscribed_ = 0;
    subscribe_next();
  });
}

void Lane::subscribed(std::span<const std::uint8_t> reasons) {
  again_.cancel();
  for (std::size_t i = 0; i < std::min(reasons.size(), asked_); ++i) {
    if (reasons[i] < 0x80) continue;
    command_trouble_ = fmt::format(
        "the cloud refuses the subscription to {} (0x{:02x}): its commands do not arrive; allow "
        "iot:Subscribe on topicfilter/{} in the policy",
        filters_[subscribed_ + i], reasons[i], filters_[subscribed_ + i]);
    log_.warn("{}", command_trouble_);
  }
  subscribed_ += asked_;
  asked_ = 0;
  const bool all = subscribed_ == filters_.size();
  subscribe_next();
  if (!all) return;
  if (!command_trouble_.empty()) {
    subscribe_again_later();
    // Only what the next round says counts.
    if (std::all_of(reasons.begin(), reasons.end(), [](auto r) { return r < 0x80; }) &&
        filters_.size() <= kFiltersPerSubscribe) {
      command_trouble_.clear();
      again_.cancel();
    }
  }
}

void Lane::message(Incoming&& message) {
  if (abandoned_) return;
  sender_.command_received(message.topic.size() + message.payload.size());
  LocalTopic local;
  Ticket ticket = 0;
  if (local_topic(filters_, shared_.cloud.command_to, thing_, id_ == kGatewayLane, message.topic, local)) {
    ++commands_;
    const auto ttl = static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::seconds>(shared_.cloud.command_ttl).count());
    Command command;
    command.device = std::move(local.device);
    command.topic = std::move(local.topic);
    command.payload = std::move(message.payload);
    command.content_type = std::move(message.content_type);
    command.response_topic = std::move(message.response_topic);
    command.correlation_data = std::move(message.correlation_data);
    command.user_properties = std::move(message.user_properties);
    command.ttl_seconds = message.expiry == 0 ? ttl
                          : ttl == 0          ? message.expiry
                                              : std::min(message.expiry, ttl);
    command.qos = message.qos;
    ticket = shared_.commands.deliver(command);
  } else {
    ++unmatched_;
  }
  if (message.ack == 0 || !link_) return;
  if (ticket <= shared_.store.committed()) {
    link_->accept(message.ack);
  } else {
    unsafe_.emplace_back(ticket, message.ack);
    shared_.awaiting_commit.insert(id_);
  }
}

void Lane::committed(Ticket ticket) {
  while (!unsafe_.empty() && unsafe_.front().first <= ticket) {
    if (link_) link_->accept(unsafe_.front().second);
    unsafe_.pop_front();
  }
  if (unsafe_.empty()) shared_.awaiting_commit.erase(id_);
}

nlohmann::json Lane::status() {
  nlohmann::json out = {
      {"lane", id_},
      {"thing", thing_},
      {"state", to_string(state_)},
      {"since_s", std::chrono::duration_cast<std::chrono::seconds>(shared_.clock.now() - since_).count()},
      {"error", error_.empty() ? command_trouble_ : error_},
      {"endpoint", endpoint()},
      {"mqtt", mqtt5_ ? "5" : "3.1.1"},
      {"connects", connects_},
      {"losses", losses_},
      {"commands", commands_},
      {"commands_unmatched", unmatched_},
      {"certificate_expires", granted_.certificate_expires},
  };
  sender_.fill_status(out);
  return out;
}

}  // namespace sluice::uplink
