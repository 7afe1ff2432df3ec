// Commands of the cloud on their way to a device: the CommandSink half of the session host.
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "device/session_host.hpp"

namespace sluice::device {

// How many sessions took it, not counting connected ones of other devices (a monitor that listens in).
std::size_t SessionHost::send(const Command& command, Ticket& ticket) {
  const auto optional = [](const std::string& text) {
    return text.empty() ? std::optional<std::string_view>() : std::optional<std::string_view>(text);
  };
  mqtt::Publish publish;
  publish.topic = command.topic;
  publish.payload = command.payload;
  publish.qos = command.qos;
  publish.properties.content_type = optional(command.content_type);
  publish.properties.response_topic = optional(command.response_topic);
  publish.properties.correlation_data = optional(command.correlation_data);
  publish.properties.user = command.user_properties;
  if (command.ttl_seconds != 0) publish.properties.message_expiry = command.ttl_seconds;

  std::size_t recipients = 0;
  reached_others_ = 0;
  delivering_to_ = command.device.empty() ? nullptr : &command.device;
  ticket = std::max(ticket, broker_->publish(publish, &recipients));
  delivering_to_ = nullptr;
  return recipients - std::min(recipients, reached_others_);
}

Ticket SessionHost::deliver(const Command& command) {
  Ticket ticket = 0;
  if (send(command, ticket) > 0 || command.device.empty() || command.qos == 0) return ticket;
  const auto device = directory_.find(command.device);
  if (!device) {
    if (may_log("command for unknown"))
      log_.warn("a command on {} is for an unknown device and goes nowhere", command.topic);
    return ticket;
  }
  return std::max(ticket, mailbox_.put(command));
}

// Not from inside the broker's callback: what is handed over is itself a publish.
void SessionHost::soon_hand_over(const std::string& device) {
  if (!mailbox_.has(device) || !hand_over_to_.insert(device).second) return;
  boost::asio::post(loop_, [this, alive = alive_, device] {
    if (!*alive) return;
    hand_over_to_.erase(device);
    hand_over(device);
  });
}

void SessionHost::hand_over(const std::string& device) {
  mailbox_.hand_over(device, [this](const Command& command) {
    Ticket ticket = 0;
    return send(command, ticket) > 0;
  });
}

}  // namespace sluice::device
