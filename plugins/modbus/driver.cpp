#include "plugins/modbus/driver.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "plugins/modbus/libmodbus_bus.hpp"

namespace sluice::modbus {
namespace {

using adapter::Answer;
using adapter::no;
using adapter::yes;

constexpr std::size_t kMostWaiting = 1000;

std::string filled(std::string text, std::string_view what, std::string_view with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
  return text;
}

}  // namespace

result<std::unique_ptr<adapter::Driver>> ModbusDriver::make(const adapter::Start& start,
                                                            adapter::House house) {
  auto settings = read_settings(start.section);
  if (!settings) return settings.error();
  auto bus = make_libmodbus_bus(house.loop, settings->line);
  return std::unique_ptr<Driver>(std::make_unique<ModbusDriver>(std::move(*settings), std::move(bus), house));
}

ModbusDriver::ModbusDriver(Settings settings, std::unique_ptr<Bus> bus, adapter::House house)
    : settings_(std::move(settings)),
      house_(house),
      gateway_(house.gateway),
      bus_(std::move(bus)),
      poller_(house.clock, *bus_, {.silence = settings_.silence, .late_answers = settings_.is_serial()},
              {[this](UnitState& unit, const Report& what) { report(unit, what); },
               [this](UnitState& unit, bool online) {
                 gateway_.device_state(unit.settings().device, online ? "online" : "silent");
                 gateway_.log(online ? 6 : 4,
                              fmt::format("{} (unit {}) {}", unit.settings().device, unit.settings().unit,
                                          online ? "answers" : "does not answer"));
                 show();
               },
               [this](const std::string& why) {
                 if (!why.empty() && why != line_trouble_) gateway_.log(4, why);
                 line_trouble_ = why;
                 show();
               }}) {
  for (const auto& unit : settings_.units)
    devices_[unit.device].unit = &poller_.add(unit, settings_.maps.at(unit.map));
}

void ModbusDriver::start() {
  gateway_.on_room([this] { flush(); });
  for (auto& [id, device] : devices_) attach(device);
}

void ModbusDriver::stop(std::function<void()> done) {
  stopping_ = true;
  poller_.stop();
  done();
}

Stamp ModbusDriver::stamp() const {
  return house_.clock.wall_is_plausible() ? Stamp(house_.clock.wall()) : std::nullopt;
}

// ---- readings

void ModbusDriver::report(const UnitState& unit, const Report& what) {
  const auto& group = unit.map().groups[what.group].name;
  const auto& device = unit.settings().device;
  publish({device, filled(filled(settings_.topic, "{device}", device), "{group}", group),
           reading(unit, what, house_.clock.now(), stamp())});
  show();
}

void ModbusDriver::publish(Outgoing outgoing) {
  // Only replies come while the bus waits: as many as there were commands.
  if (waiting_.size() >= kMostWaiting) {
    ++refused_;
    return;
  }
  waiting_.push_back(std::move(outgoing));
  if (waiting_.size() == 1) flush();
}

void ModbusDriver::flush() {
  if (std::exchange(flushing_, true)) return;  // an acknowledgement made room while this goes on
  bool room = true;
  while (room && !waiting_.empty()) {
    const auto& front = waiting_.front();
    room = gateway_.publish(
        front.device, front.topic, front.payload,
        [this, alive = alive_](const adapter::Published& published) {
          if (!*alive) return;
          ++(published.on_disk ? readings_ : refused_);
        },
        "application/json");
    if (room) waiting_.pop_front();
  }
  flushing_ = false;
  // Without room what has been read waits, and the bus with it.
  poller_.pause(!room);
}

// ---- commands

void ModbusDriver::message(const adapter::Message& message, adapter::Reply reply_to) {
  const auto it = devices_.find(message.device);
  if (it == devices_.end()) return reply_to(no("not_attached", "no such device on this bus"));
  auto& unit = *it->second.unit;
  const Command command{std::string(message.topic), std::string(message.correlation_data)};
  const auto finish = [this, command, qos = message.qos, reply_to](const UnitState& of, const Answer& answer,
                                                                   const WriteJob* job) {
    settle(of, command, qos, answer, job);
    reply_to(answer);
  };
  auto job = WriteJob::make(unit, message.payload);
  if (!job) return finish(unit, no("permanent", job.error().text), nullptr);
  const bool taken = poller_.command(unit, std::move(*job), [finish](UnitState& of, const WriteJob& done) {
    finish(of, done.error().empty() ? yes() : no(done.error(), done.text()), &done);
  });
  if (!taken) finish(unit, no("busy", "too many commands wait for the bus"), nullptr);
}

// What is tried again (QoS 1) has no reply yet.
void ModbusDriver::settle(const UnitState& unit, const Command& command, std::uint8_t qos,
                          const Answer& answer, const WriteJob* job) {
  const auto& device = unit.settings().device;
  if (!answer.ok()) ++failed_commands_;
  if (!answer.ok()) gateway_.log(4, fmt::format("{}: command {}: {}", device, command.topic, answer.text));
  const bool again = answer.error == "transient" || answer.error == "busy";
  const auto it = devices_.find(device);
  if ((again && qos > 0) || it == devices_.end() || !it->second.attached) return;
  publish({device, filled(settings_.reply, "{device}", device), reply(unit, command, answer, job, stamp())});
  show();
}

void ModbusDriver::call(const adapter::Call& call, adapter::Reply reply_to) {
  if (call.operation != "capabilities" || !devices_.contains(call.device))
    return Driver::call(call, std::move(reply_to));
  reply_to(yes({{"capabilities", {{"update", false}}}}));
}

// ---- devices

void ModbusDriver::attach(Device& device) {
  if (device.attached || stopping_ || std::exchange(device.attaching, true)) return;
  const auto& own = device.unit->settings();
  adapter::Device said;
  said.id = own.device;
  said.access_token = own.token;
  said.model = own.model;
  said.hardware = own.hardware;
  said.firmware = own.firmware;
  said.subscribe = own.subscribe;
  gateway_.attach(said, [this, alive = alive_, &device](const Answer& answer) {
    if (!*alive) return;
    device.attaching = false;
    device.attached = answer.ok();
    const auto& id = device.unit->settings().device;
    if (!answer.ok()) {
      gateway_.log(4, fmt::format("{} is not attached: {}: {}", id, answer.error, answer.text));
      gateway_.device_state(id, answer.error);
      return attach_later(device, {});
    }
    device.backoff.reset();
    gateway_.device_state(id, "online");
    poller_.enable(*device.unit, true);
  });
}

void ModbusDriver::attach_later(Device& device, Duration least) {
  device.retry = std::make_unique<Timer>(house_.clock);
  device.retry->start(device.backoff.next() + least, [this, &device] { attach(device); });
}

void ModbusDriver::detached(std::string_view device, std::string_view, std::string_view text) {
  const auto it = devices_.find(device);
  if (it == devices_.end()) return;
  gateway_.log(4, fmt::format("{} was detached: {}", device, text));
  it->second.attached = false;
  poller_.enable(*it->second.unit, false);
  attach_later(it->second, 5s);
}

// ---- how it is

void ModbusDriver::show() {
  UnitCounts sums;
  std::size_t silent = 0;
  for (const auto& [id, device] : devices_) {
    const auto& counts = device.unit->counts();
    sums.cycles += counts.cycles;
    sums.late += counts.late;
    sums.splits += counts.splits;
    if (!device.unit->online()) ++silent;
  }
  const auto& counts = poller_.counts();
  for (const auto& [name, value] :
       std::initializer_list<std::pair<const char*, std::uint64_t>>{{"transactions", counts.transactions},
                                                                    {"timeouts", counts.timeouts},
                                                                    {"broken_answers", counts.garbled},
                                                                    {"exceptions", counts.exceptions},
                                                                    {"writes", counts.writes},
                                                                    {"failed_commands", failed_commands_},
                                                                    {"cycles", sums.cycles},
                                                                    {"late_cycles", sums.late},
                                                                    {"split_reads", sums.splits},
                                                                    {"readings", readings_},
                                                                    {"refused_readings", refused_},
                                                                    {"opens", bus_->opens()}})
    gateway_.counter(name, value);
  if (!line_trouble_.empty()) return gateway_.health("degraded", line_trouble_);
  if (silent == devices_.size())
    return gateway_.health("degraded", "no unit answers: wiring, baud, parity, unit numbers?");
  gateway_.health("ok", "");
}

}  // namespace sluice::modbus
