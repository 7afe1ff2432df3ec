#include "plugins/serial/driver.hpp"

#include <fmt/format.h>

#include <utility>

namespace sluice::serial {
namespace {

using adapter::Answer;
using adapter::no;
using adapter::yes;

constexpr Duration kNoiseWatch = std::chrono::seconds(5);
constexpr std::uint64_t kNoiseBytes = 64;
constexpr Duration kDrain = std::chrono::milliseconds(500);  // for the last acknowledgements, at the end
constexpr std::size_t kMostHeld = 128 * 1024;

std::string filled(std::string text, std::string_view what, std::string_view with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
  return text;
}

bool fit_for_id(std::string_view id) {
  return !id.empty() && id.size() <= 128 &&
         id.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_-") ==
             std::string_view::npos;
}

}  // namespace

result<std::unique_ptr<adapter::Driver>> SerialDriver::make(const adapter::Start& start,
                                                            adapter::House house) {
  auto settings = read_settings(start.section);
  if (!settings) return settings.error();
  auto framing = make_framing(settings->framing);
  if (!framing) return framing.error();
  std::unique_ptr<Dialect> dialect;
  if (settings->codec.empty()) {
    dialect = make_plain(settings->plain);
  } else {
    auto loaded = load_codec(
        settings->codec, settings->codec_config,
        [&gateway = house.gateway](int level, std::string_view text) { gateway.log(level, text); });
    if (!loaded) return loaded.error();
    dialect = std::move(*loaded);
  }
  return std::unique_ptr<Driver>(std::make_unique<SerialDriver>(
      std::move(*settings), start.most_devices, house, std::move(*framing), std::move(dialect)));
}

SerialDriver::SerialDriver(Settings settings, std::size_t most_devices, adapter::House house,
                           std::unique_ptr<Framing> framing, std::unique_ptr<Dialect> dialect)
    : settings_(std::move(settings)),
      most_devices_(most_devices),
      house_(house),
      gateway_(house.gateway),
      framing_(std::move(framing)),
      dialect_(std::move(dialect)),
      port_(house.loop, house.clock, settings_.port,
            {[this](std::string_view got) { bytes(got); }, [this] { framing_->noise(); },
             [this] { opened(); }, [this](const std::string& why) { closed(why); }}),
      poller_(house.clock,
              {.every = settings_.every,
               .timeout = settings_.timeout,
               .between = settings_.between,
               .retries = settings_.retries},
              {[this](const std::string& address) { return ask(address); },
               [this](const std::string& address, bool online) {
                 if (auto* unit = unit_of(address))
                   gateway_.device_state(unit->settings.id, online ? "online" : "silent");
               }}),
      gap_(house.clock),
      noise_(house.clock) {
  for (const auto& device : settings_.devices) {
    addresses_[device.id] = device.address;
    units_[device.address].settings = device;
    if (settings_.polls) poller_.add(device.address);
  }
}

SerialDriver::~SerialDriver() { *alive_ = false; }

void SerialDriver::start() {
  gateway_.on_room([this] { offer_held(); });
  for (auto& [address, unit] : units_) attach(unit);
  port_.start();
  watch_noise();
}

void SerialDriver::stop(std::function<void()> done) {
  stopping_ = true;
  poller_.stop();
  port_.pause(true);
  stopped_ = std::move(done);
  // What is on its way to the disk gets its acknowledgement, if that is quick.
  if (open_ == 0) finish();
}

void SerialDriver::finish() {
  port_.drain(kDrain, [this] {
    if (stopped_) std::exchange(stopped_, nullptr)();
  });
}

void SerialDriver::opened() {
  gateway_.log(6, settings_.port.path + ": open");
  gateway_.health("ok", "");
  noisy_ = false;
  count();
  if (settings_.polls && !stopping_) poller_.start();
}

void SerialDriver::closed(const std::string& why) {
  poller_.stop();
  framing_->silence([](std::string_view) {});  // the half frame's other half went with the line
  if (stopping_) return;
  gateway_.log(4, why);
  gateway_.health("degraded", why);
}

// ---- from the line

void SerialDriver::bytes(std::string_view got) {
  framing_->feed(got, [this](std::string_view whole) { frame(whole); });
  count();
  wait_gap();
}

// What waits to be read, or came while we did not look, is no silence of the device.
void SerialDriver::wait_gap() {
  gap_.start(settings_.gap, [this] {
    if (port_.waits()) return wait_gap();
    framing_->silence([this](std::string_view whole) { frame(whole); });
  });
}

void SerialDriver::frame(std::string_view whole) {
  std::vector<Reading> readings;
  Dialect::Frames replies;
  const auto decoded = dialect_->decode(whole, readings, replies);
  send(replies);
  if (decoded == Decoded::bad || decoded == Decoded::failed) {
    ++refused_;
    return;
  }
  if (settings_.polls) {
    const auto asked = poller_.heard(readings.empty() ? "" : readings.front().address);
    // An answer that does not say whose it is is that of whoever was asked.
    for (auto& reading : readings) {
      if (reading.address.empty()) reading.address = asked;
    }
  }
  if (readings.empty()) return;
  auto open = std::make_shared<Open>();
  open->address = readings.front().address;
  open->frame = whole;
  open->left = readings.size();
  open_ += readings.size();
  for (const auto& reading : readings) {
    auto* unit = unit_of(reading.address);
    if (unit == nullptr || !unit->attached) {
      ++(unit == nullptr ? unknown_ : refused_);
      settled(open, false);
      continue;
    }
    auto topic = filled(unit->settings.topic, "{device}", unit->settings.id);
    if (!reading.topic.empty()) topic += "/" + reading.topic;
    Said said{open, unit->settings.id, std::move(topic), reading.payload};
    if (!held_.empty() || !offer(said)) hold(std::move(said));
  }
}

bool SerialDriver::offer(const Said& said) {
  return gateway_.publish(said.device, said.topic, said.payload,
                          [this, alive = alive_, open = said.open](const adapter::Published& published) {
                            if (!*alive) return;
                            if (!published.on_disk) ++refused_;
                            settled(open, published.on_disk);
                          });
}

// The line is not read until there is room; of what has been read already, the device must say again what is
// too much.
void SerialDriver::hold(Said said) {
  port_.pause(true);
  if (held_bytes_ + said.size() > kMostHeld) {
    ++refused_;
    return settled(said.open, false);
  }
  held_bytes_ += said.size();
  held_.push_back(std::move(said));
}

void SerialDriver::offer_held() {
  while (!held_.empty()) {
    auto said = std::move(held_.front());
    held_.pop_front();
    if (!offer(said)) return held_.push_front(std::move(said));
    held_bytes_ -= said.size();
  }
  if (!stopping_) port_.pause(false);
}

void SerialDriver::settled(const std::shared_ptr<Open>& open, bool taken) {
  open->taken = open->taken && taken;
  --open_;
  if (--open->left == 0) send(dialect_->ack(open->address, open->frame, open->taken));
  count();
  if (open_ == 0 && stopped_) finish();
}

// ---- to the line

void SerialDriver::send(const Dialect::Frames& frames, std::function<void(bool)> done) {
  std::string bytes;
  for (const auto& each : frames) {
    auto framed = framing_->encode(each);
    if (!framed) {
      gateway_.log(4, "not sent: " + framed.error().text);
      if (done) done(false);
      return;
    }
    bytes += *framed;
  }
  if (bytes.empty()) {
    if (done) done(true);
    return;
  }
  auto shared = std::make_shared<std::function<void(bool)>>(std::move(done));
  const bool taken = port_.write(std::move(bytes), [shared](bool well) {
    if (*shared) (*shared)(well);
  });
  if (!taken && *shared) (*shared)(false);
}

bool SerialDriver::ask(const std::string& address) {
  if (!port_.is_open()) return false;
  const auto* unit = unit_of(address);
  auto frames = unit != nullptr && !unit->settings.poll.empty() ? Dialect::Frames{unit->settings.poll}
                                                                : dialect_->poll(address);
  send(frames);
  return !frames.empty();
}

void SerialDriver::message(const adapter::Message& message, adapter::Reply reply) {
  const auto it = addresses_.find(message.device);
  if (it == addresses_.end()) return reply(no("not_attached", "no such device on this line"));
  auto frames = dialect_->encode(it->second, message.topic, message.payload);
  if (!frames) return reply(no("permanent", frames.error().text));
  for (const auto& each : *frames) {
    if (auto framed = framing_->encode(each); !framed) return reply(no("permanent", framed.error().text));
  }
  auto write = [this, frames = std::move(*frames), reply] {
    send(frames, [reply](bool well) { reply(well ? yes() : no("transient", "the line is not there")); });
  };
  if (!port_.is_open()) return reply(no("transient", "the line is not there"));
  if (!settings_.polls) return write();
  if (!poller_.soon(std::move(write))) reply(no("busy", "too many messages wait for the bus"));
}

void SerialDriver::call(const adapter::Call& call, adapter::Reply reply) {
  const auto it = addresses_.find(call.device);
  if (call.operation != "capabilities" || it == addresses_.end()) return Driver::call(call, std::move(reply));
  reply(yes({{"capabilities", {{"update", false}}}}));
}

// ---- devices

SerialDriver::Unit* SerialDriver::unit_of(const std::string& address) {
  auto it = units_.find(address);
  // Alone on its line, and the frames do not say whose they are.
  if (it == units_.end() && address.empty() && units_.size() == 1) it = units_.begin();
  if (it != units_.end()) return &it->second;
  if (settings_.others.empty() || units_.size() >= most_devices_) return nullptr;
  const auto id = filled(settings_.others, "{address}", address);
  if (!fit_for_id(id) || addresses_.contains(id)) return nullptr;
  auto& unit = units_[address];
  unit.settings.id = id;
  unit.settings.address = address;
  unit.settings.topic = settings_.topic;
  addresses_[id] = address;
  attach(unit);
  return &unit;
}

void SerialDriver::attach(Unit& unit) {
  if (unit.attached || std::exchange(unit.attaching, true)) return;
  const auto& own = unit.settings;
  adapter::Device device;
  device.id = own.id;
  device.access_token = own.token;
  device.model = own.model;
  device.hardware = own.hardware;
  device.firmware = own.firmware;
  device.subscribe = own.subscribe;
  gateway_.attach(device, [this, alive = alive_, address = own.address](const Answer& answer) {
    if (!*alive) return;
    auto& now = units_[address];
    now.attaching = false;
    now.attached = answer.ok();
    if (answer.ok()) {
      now.backoff.reset();
      gateway_.device_state(now.settings.id, "online");
      return;
    }
    gateway_.log(4, fmt::format("{} is not attached: {}: {}", now.settings.id, answer.error, answer.text));
    gateway_.device_state(now.settings.id, answer.error);
    now.retry = std::make_unique<Timer>(house_.clock);
    now.retry->start(now.backoff.next(), [this, address] { attach(units_[address]); });
  });
}

void SerialDriver::detached(std::string_view device, std::string_view, std::string_view text) {
  const auto it = addresses_.find(device);
  if (it == addresses_.end()) return;
  gateway_.log(4, fmt::format("{} was detached: {}", device, text));
  auto& unit = units_[it->second];
  unit.attached = false;
  unit.retry = std::make_unique<Timer>(house_.clock);
  unit.retry->start(unit.backoff.next() + std::chrono::seconds(5),
                    [this, address = it->second] { attach(units_[address]); });
}

// ---- how it is

void SerialDriver::count() {
  const auto& counts = framing_->counts();
  gateway_.counter("frames", counts.frames);
  gateway_.counter("bad_frames", counts.bad);
  gateway_.counter("skipped_bytes", counts.skipped);
  gateway_.counter("refused_frames", refused_);
  gateway_.counter("unknown_devices", unknown_);
  gateway_.counter("opens", port_.opens);
  if (settings_.polls) {
    gateway_.counter("requests", poller_.counts().requests);
    gateway_.counter("timeouts", poller_.counts().timeouts);
  }
}

// Bytes without frames: somebody set the wrong rate.
void SerialDriver::watch_noise() {
  const auto frames = framing_->counts().frames;
  const bool noisy = port_.is_open() && frames == frames_seen_ && port_.bytes_in - bytes_seen_ >= kNoiseBytes;
  if (noisy != noisy_) {
    gateway_.health(
        noisy ? "degraded" : "ok",
        noisy ? settings_.port.path + ": bytes come, but no whole frame: wrong baud, parity or framing?"
              : "");
  }
  noisy_ = noisy;
  frames_seen_ = frames;
  bytes_seen_ = port_.bytes_in;
  noise_.start(kNoiseWatch, [this] { watch_noise(); });
}

}  // namespace sluice::serial
