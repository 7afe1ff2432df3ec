#include "plugins/mqtt/site_devices.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace sluice::site {
namespace {

constexpr std::size_t kMostAsked = 32;  // attaches that wait for their answer
constexpr std::uint64_t kMostClashes = 20;
// Whoever has it goes within seconds (an adapter that a reload has renamed), or does not: then its readings
// may not keep those of others from being read.
constexpr Duration kBusy = std::chrono::seconds(30);

// What an id may not have becomes a hyphen.
std::string fit_for_id(std::string id) {
  constexpr std::string_view kGood = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_-";
  for (auto& c : id) {
    if (kGood.find(c) == std::string_view::npos) c = '-';
  }
  return id;
}

}  // namespace

SiteDevices::SiteDevices(adapter::House house, const Settings& settings, std::size_t most,
                         std::function<void()> settled)
    : house_(house),
      rules_(settings.rules),
      named_(settings.devices),
      others_(settings.others),
      most_(most),
      settled_(std::move(settled)) {}

void SiteDevices::start() {
  for (auto& device : std::exchange(named_, {})) add(std::move(device));
}

SiteDevice* SiteDevices::by_id(std::string_view id) {
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : it->second;
}

SiteDevice* SiteDevices::seen(std::string_view name) {
  if (const auto it = by_name_.find(name); it != by_name_.end()) return it->second.get();
  SiteDevice* device = nullptr;
  if (!others_.empty() && !name.empty() && name.size() <= 512) {
    constexpr std::array<std::string_view, 1> kName = {"name"};
    DeviceSettings settings;
    settings.id = fit_for_id(TextTemplate::payload(others_, kName).fill({{"name", name}}));
    settings.name = name;
    device = add(std::move(settings));
  }
  if (device == nullptr) ++unknown;
  return device;
}

SiteDevice* SiteDevices::add(DeviceSettings settings) {
  if (by_name_.size() >= most_) {
    if (!std::exchange(full_, true))
      house_.gateway.log(
          4, fmt::format("`{}` is not served: limits.devices of this adapter is {}", settings.name, most_));
    return nullptr;
  }
  if (settings.id.empty() || settings.id.size() > 128) return nullptr;
  if (const auto* other = by_id(settings.id)) {
    // Two names that make one id: whoever came first has it.
    if (clashes_++ < kMostClashes)
      house_.gateway.log(4, fmt::format("`{}` is not served: its id {} is that of `{}`; name it in `devices`",
                                        settings.name, settings.id, other->name()));
    return nullptr;
  }
  auto made = std::unique_ptr<SiteDevice>(new SiteDevice(std::move(settings)));
  auto* device = made.get();
  by_id_[device->id()] = device;
  by_name_[device->name()] = std::move(made);
  ask(*device);
  return device;
}

void SiteDevices::ask(SiteDevice& device) {
  if (device.asked_) {
    device.changed_ = true;
    return;
  }
  if (device.queued_) return;
  if (asked_ < kMostAsked) return attach(device);
  device.queued_ = true;
  queue_.push_back(&device);
}

void SiteDevices::attach(SiteDevice& device) {
  device.asked_ = true;
  device.changed_ = false;
  ++asked_;
  const auto& own = device.settings_;
  adapter::Device wish;
  wish.id = own.id;
  wish.access_token = own.token;
  wish.model = own.model;
  wish.hardware = own.hardware;
  wish.firmware = own.firmware;
  if (!device.without_commands_) wish.subscribe = rules_.command_filters(own.id);
  house_.gateway.attach(wish, [this, alive = alive_, &device](const adapter::Answer& answer) {
    if (*alive) answered(device, answer);
  });
}

void SiteDevices::answered(SiteDevice& device, const adapter::Answer& answer) {
  device.asked_ = false;
  --asked_;
  if (answer.ok()) {
    device.state_ = SiteDevice::State::ready;
    device.backoff_.reset();
    device.busy_since_.reset();
    device.told_ = false;
    tell(device, device.presence_);
    if (device.changed_) ask(device);
  } else if ((answer.error == "refused" || answer.error == "invalid") && !device.without_commands_ &&
             !rules_.command_filters(device.id()).empty()) {
    // Perhaps it is only the commands that its product does not allow.
    device.without_commands_ = true;
    house_.gateway.log(5, fmt::format("{}: {}; once more, without commands", device.id(), answer.text));
    ask(device);
  } else {
    device.without_commands_ = false;
    if (!std::exchange(device.told_, true))
      house_.gateway.log(4,
                         fmt::format("{} is not attached: {}: {}", device.id(), answer.error, answer.text));
    tell(device, answer.error);
    refused(device, answer.error);
  }
  while (asked_ < kMostAsked && !queue_.empty()) {
    auto* next = queue_.front();
    queue_.pop_front();
    next->queued_ = false;
    attach(*next);
  }
  settled_();
}

void SiteDevices::refused(SiteDevice& device, const std::string& error) {
  const auto now = house_.clock.now();
  if (error == "busy" && !device.busy_since_) device.busy_since_ = now;
  const bool busy = error == "busy" && now - *device.busy_since_ < kBusy;
  // `unavailable` is a matter of seconds; the others are for a person to mend.
  device.state_ = busy || error == "unavailable" ? SiteDevice::State::waiting : SiteDevice::State::refused;
  const auto wait = device.backoff_.next();
  try_after(device, busy ? std::min(wait, *device.busy_since_ + kBusy - now) : wait);
}

void SiteDevices::try_after(SiteDevice& device, Duration wait) {
  device.retry_ = std::make_unique<Timer>(house_.clock);
  device.retry_->start(wait, [this, &device] { ask(device); });
}

void SiteDevices::detached(std::string_view id, std::string_view text) {
  auto* device = by_id(id);
  if (device == nullptr) return;
  house_.gateway.log(4, fmt::format("{} was detached: {}", id, text));
  device->state_ = SiteDevice::State::refused;
  try_after(*device, std::chrono::seconds(5) + device->backoff_.next());
  settled_();
}

void SiteDevices::learned(const DeviceInfo& info) {
  const auto before = by_name_.size();
  auto* device = seen(info.name);
  if (device == nullptr) return;
  bool news = false;
  for (const auto& [from, to] : {std::pair{&info.model, &device->settings_.model},
                                 {&info.hardware, &device->settings_.hardware},
                                 {&info.firmware, &device->settings_.firmware}}) {
    if (from->empty() || *from == *to) continue;
    *to = *from;
    news = true;
  }
  if (news || by_name_.size() != before) ask(*device);
}

void SiteDevices::present(SiteDevice& device, bool online) {
  device.presence_ = online ? "online" : "offline";
  if (device.state_ == SiteDevice::State::ready) tell(device, device.presence_);
}

void SiteDevices::tell(const SiteDevice& device, const std::string& word) {
  house_.gateway.device_state(device.id(), word);
}

}  // namespace sluice::site
