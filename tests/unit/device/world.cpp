#include "tests/unit/device/world.hpp"

#include <gtest/gtest.h>

#include <fstream>

namespace sluice::device::test {

Offer ScriptedReadings::offer(const DeviceRef& device, const Reading& reading) {
  ++count;
  if (remember) {
    seen.push_back(
        {device.id, device.product, std::string(reading.topic), std::string(reading.payload), device.lane});
  }
  if (answer == Offer::Kind::queued) {
    const auto ticket = store_.append({.lane = device.lane,
                                       .priority = 5,
                                       .device = device.name,
                                       .route = 0,
                                       .ttl = store::kNever,
                                       .topic = reading.topic,
                                       .payload = reading.payload,
                                       .properties = {}});
    if (!ticket) return {Offer::Kind::unavailable, 0, false};
    return {answer, *ticket, true};
  }
  return {answer, 0, true};
}

World::World() : store(loop, clock), registry(loop), readings(store) {
  store.commit_by_itself(true);
  options.thing = "gw-1";
  options.products.push_back({.name = "thermo",
                              .identity = ProductOptions::Identity::gateway,
                              .may_publish = {"d/{device}/#"},
                              .may_subscribe = {"d/{device}/#", "all/#"},
                              .limits = {}});
  options.devices.push_back({.id = "t1",
                             .product = "thermo",
                             .token_file = write("t1.token", "secret-1\n"),
                             .token_hash = {},
                             .certificate = {}});
  options.listen.push_back(listener(ListenerOptions::Kind::mqtt));
}

World::~World() {
  devices.reset();
  settle();
}

ListenerOptions World::listener(ListenerOptions::Kind kind) const {
  ListenerOptions made;
  made.kind = kind;
  made.address =
      kind == ListenerOptions::Kind::unix_socket ? (scratch.path() / "mqtt.sock").string() : "127.0.0.1";
  return made;
}

std::filesystem::path World::write(const std::string& name, std::string_view text) const {
  const auto path = scratch.path() / name;
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
  std::filesystem::permissions(path,
                               std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  return path;
}

result<void> World::try_start() {
  auto sink = [this](Level, std::string_view, std::string_view line) { log.emplace_back(line); };
  Log lines(std::make_shared<const Log::Sink>(sink), "device", Level::debug);
  auto made = make_devices(options, loop, leaping, store, registry, readings, lines);
  if (!made) return made.error();
  devices = std::move(*made);
  store.on_committed([this](Ticket ticket, std::span<const LaneId>) {
    if (devices) devices->committed(ticket);
  });
  store.on_relieved([this] {
    if (devices) devices->relieved();
  });
  return devices->start();
}

void World::start() {
  auto started = try_start();
  if (!started) FAIL() << started.error().text;
}

void World::restart(bool killed) {
  devices.reset();
  settle();
  if (killed) store.lose_uncommitted();
  start();
}

bool World::until(const std::function<bool()>& so, int most) {
  for (int i = 0; i < most; ++i) {
    if (so()) return true;
    loop.restart();
    loop.run_one_for(std::chrono::milliseconds(5));
    loop.poll();
  }
  return so();
}

void World::settle() {
  for (int quiet = 0; quiet < 3;) {
    loop.restart();
    quiet = loop.poll() == 0 ? quiet + 1 : 0;
  }
}

void World::pass(Duration time) {
  for (auto left = time; left > Duration::zero(); left -= 250ms) {
    settle();
    clock.advance(std::min<Duration>(left, 250ms));
  }
  settle();
}

bool World::logged(std::string_view text) const {
  for (const auto& line : log) {
    if (line.find(text) != line.npos) return true;
  }
  return false;
}

}  // namespace sluice::device::test
