#include "plugins/mqtt/site_driver.hpp"

#include <fmt/format.h>

#include <utility>

#include "plugins/mqtt/device_words.hpp"

namespace sluice::site {
namespace {

using adapter::no;
using adapter::yes;

// Beyond one of these the site's broker is not read until half of it is on disk.
constexpr std::size_t kMostOpen = 2000, kMostBytes = 8 * 1024 * 1024;
constexpr std::uint8_t kQuotaExceeded = 0x97;
constexpr std::size_t kMostInfo = 1000;

}  // namespace

result<std::unique_ptr<adapter::Driver>> SiteDriver::make(const adapter::Start& start, adapter::House house) {
  auto settings = read_settings(start.section, start.name);
  if (!settings) return settings.error();
  const auto link_settings = settings->link;
  auto driver = std::make_unique<SiteDriver>(std::move(*settings), start.most_devices, house);
  auto* self = driver.get();
  auto link = SiteLink::make(
      house, link_settings, start.listeners,
      {[self](bool) { self->up(); },
       [self](const std::string& filters) {
         self->refused_filters_ = filters;
         self->gateway_.log(4, fmt::format("the site's broker does not let us read {}", filters));
         self->report();
       },
       [self](const Arrived& arrived, Receipt receipt) { self->arrived(arrived, receipt); },
       [self](const std::string& why) { self->down(why); },
       [self, text = link_settings.text] {
         self->gateway_.quit(64,
                             fmt::format("broker: {} is this gateway itself: its readings would go round for "
                                         "ever; name the site's own broker",
                                         text));
       }});
  if (!link) return link.error();
  self->link_ = std::move(*link);
  return std::unique_ptr<Driver>(std::move(driver));
}

SiteDriver::SiteDriver(Settings settings, std::size_t most_devices, adapter::House house)
    : settings_(std::move(settings)),
      gateway_(house.gateway),
      devices_(house, settings_, most_devices, [this] { pump(); }),
      echoes_(house.clock),
      unblock_(house.clock) {}

SiteDriver::~SiteDriver() { *alive_ = false; }

void SiteDriver::start() {
  gateway_.on_room([this] {
    no_room_ = false;
    pump();
  });
  devices_.start();
  link_->start();
}

void SiteDriver::stop(std::function<void()> done) {
  stopping_ = true;
  stopped_ = std::move(done);
  unblock_.cancel();
  // What was not given to the daemon the broker still has.
  for (const auto& [number, reading] : held_) {
    --open_;
    bytes_ -= reading->payload.size();
  }
  held_.clear();
  link_->pause(true);
  if (open_ == 0) link_->stop(std::exchange(stopped_, nullptr));
}

// ---- from the site

void SiteDriver::arrived(const Arrived& arrived, Receipt receipt) {
  if (stopping_) return;
  ++counts_.messages;
  const auto nothing = [&] {
    link_->acknowledge(receipt);
    count();
  };
  if (echoes_.came_back(arrived.topic, arrived.payload)) {
    ++counts_.echoes;
    return nothing();
  }
  Captures captures;
  const auto* rule = settings_.rules.find(arrived.topic, captures);
  if (rule == nullptr) {
    ++counts_.unmatched;
    return nothing();
  }
  if (rule->role == Role::ignore) return nothing();
  if (rule->role == Role::info) {
    for (auto& info : read_info(arrived.payload, rule->info, kMostInfo)) {
      if (info.name.empty()) info.name = value_of(captures, "name");
      devices_.learned(info);
    }
    return nothing();
  }
  auto* device = devices_.seen(value_of(captures, "name"));
  if (device == nullptr) return nothing();
  if (rule->role == Role::availability) {
    if (const auto online = read_availability(arrived.payload)) devices_.present(*device, *online);
  }
  if (arrived.retained && !settings_.retained) return nothing();
  captures.emplace_back("device", device->id());
  take(*device, rule->to.fill(captures), arrived, receipt);
}

void SiteDriver::take(SiteDevice& device, std::string topic, const Arrived& arrived, Receipt receipt) {
  auto reading = std::make_shared<Reading>(Reading{&device, std::move(topic), std::string(arrived.payload),
                                                   std::string(arrived.content_type), receipt, ++numbers_});
  ++open_;
  bytes_ += reading->payload.size();
  const bool at_once =
      device.state() == SiteDevice::State::ready && device.held == 0 && !no_room_ && !blocked_;
  if (!at_once || !publish(reading)) keep(reading);
  if (device.state() == SiteDevice::State::refused) pump();
  weigh();
  count();
}

void SiteDriver::keep(const Shared& reading) {
  if (held_.emplace(reading->number, reading).second) ++reading->device->held;
}

bool SiteDriver::publish(const Shared& reading) {
  const bool taken = gateway_.publish(
      reading->device->id(), reading->topic, reading->payload,
      [this, alive = alive_, reading](const adapter::Published& published) {
        if (*alive) answered(reading, published);
      },
      reading->content_type);
  no_room_ = !taken;
  return taken;
}

void SiteDriver::answered(const Shared& reading, const adapter::Published& published) {
  if (published.reason == kQuotaExceeded && !published.on_disk) {
    if (stopping_) return forget(*reading);  // the broker still has it
    keep(reading);
    return store_is_full();
  }
  if (published.on_disk) {
    ++counts_.published;
    full_backoff_.reset();
  } else {
    ++counts_.refused;
    auto why = fmt::format(
        "{}: not taken on {}: {}", reading->device->id(), reading->topic.substr(0, 200),
        published.text.empty() ? fmt::format("reason 0x{:02x}", published.reason) : published.text);
    if (why != last_refusal_) gateway_.log(4, last_refusal_ = std::move(why));
  }
  settle(*reading);
}

// The daemon cannot store now: the site's broker keeps its messages, and gets no PUBACK.
void SiteDriver::store_is_full() {
  if (std::exchange(blocked_, true)) return;
  unblock_.start(full_backoff_.next(), [this] {
    blocked_ = false;
    pump();
    report();
  });
  report();
}

void SiteDriver::pump() {
  if (std::exchange(pumping_, true)) return;  // an answer may come from inside publish()
  for (auto it = held_.begin(); it != held_.end() && !stopping_;) {
    const auto reading = it->second;
    const auto state = reading->device->state();
    if (state == SiteDevice::State::ready && (blocked_ || no_room_)) break;
    if (state == SiteDevice::State::waiting) {
      ++it;
      continue;
    }
    it = held_.erase(it);
    --reading->device->held;
    if (state == SiteDevice::State::refused) {
      ++counts_.refused;
      settle(*reading);
    } else if (!publish(reading)) {
      keep(reading);
      break;
    }
  }
  pumping_ = false;
  report();
}

void SiteDriver::settle(const Reading& reading) {
  link_->acknowledge(reading.receipt);
  forget(reading);
  weigh();
  count();
}

void SiteDriver::forget(const Reading& reading) {
  --open_;
  bytes_ -= reading.payload.size();
  if (stopping_ && open_ == 0 && stopped_) link_->stop(std::exchange(stopped_, nullptr));
}

void SiteDriver::weigh() {
  if (open_ >= kMostOpen || bytes_ >= kMostBytes || stopping_) return link_->pause(true);
  if (open_ <= kMostOpen / 2 && bytes_ <= kMostBytes / 2) link_->pause(false);
}

// ---- to the site

void SiteDriver::message(const adapter::Message& message, adapter::Reply reply) {
  auto* device = devices_.by_id(message.device);
  if (device == nullptr) return reply(no("not_attached", "no such device behind this broker"));
  Captures values;
  const auto* command = settings_.rules.find_command(message.topic, values);
  if (command == nullptr || value_of(values, "device") != message.device)
    return reply(no("permanent", fmt::format("no command goes by {}", message.topic)));
  values.emplace_back("name", device->name());
  values.emplace_back("payload", message.payload);
  const auto topic = command->topic.fill(values), payload = command->payload.fill(values);
  ++counts_.commands;
  const bool taken = link_->publish(topic, payload, command->qos, command->retain,
                                    [this, alive = alive_, reply](const Taken& taken) {
                                      if (!*alive) return;
                                      if (taken.well) return reply(yes());
                                      ++counts_.commands_failed;
                                      reply(no(taken.again ? "transient" : "permanent", taken.text));
                                    });
  if (taken) {
    if (settings_.link.session.version == mqtt::Version::v311) echoes_.said(topic, payload);
  } else {
    ++counts_.commands_failed;
    reply(link_->is_up() ? no("busy", "too many commands wait for the site's broker")
                         : no("transient", "the site's broker is not there"));
  }
  count();
}

void SiteDriver::call(const adapter::Call& call, adapter::Reply reply) {
  if (call.operation != "capabilities" || devices_.by_id(call.device) == nullptr)
    return Driver::call(call, std::move(reply));
  reply(yes({{"capabilities", {{"update", false}}}}));
}

void SiteDriver::detached(std::string_view device, std::string_view, std::string_view text) {
  devices_.detached(device, text);
}

// ---- how it is

void SiteDriver::up() {
  gateway_.log(6, settings_.link.text + ": connected");
  down_.clear();
  refused_filters_.clear();
  report();
  count();
}

void SiteDriver::down(const std::string& why) {
  if (stopping_) return;
  if (why != down_) gateway_.log(4, why);
  down_ = why;
  report();
}

void SiteDriver::report() {
  if (!down_.empty()) return gateway_.health("degraded", down_);
  if (!refused_filters_.empty())
    return gateway_.health("degraded", fmt::format("{}: its access list does not let us read {}",
                                                   settings_.link.text, refused_filters_.substr(0, 300)));
  if (blocked_)
    return gateway_.health("degraded",
                           "the store takes no more: the site's broker keeps its messages meanwhile");
  if (devices_.is_full())
    return gateway_.health(
        "degraded",
        fmt::format("more devices than limits.devices ({}): the others are not served", devices_.count()));
  gateway_.health("ok", "");
}

void SiteDriver::count() {
  gateway_.counter("messages", counts_.messages);
  gateway_.counter("published", counts_.published);
  gateway_.counter("refused", counts_.refused);
  gateway_.counter("unmatched", counts_.unmatched);
  gateway_.counter("unknown_devices", devices_.unknown);
  gateway_.counter("echoes", counts_.echoes);
  gateway_.counter("commands", counts_.commands);
  gateway_.counter("commands_failed", counts_.commands_failed);
  gateway_.counter("connects", link_->connects);
}

}  // namespace sluice::site
