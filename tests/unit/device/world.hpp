// The device room on real loopback sockets in one thread, with a store in memory and virtual time: what its
// tests share. Waiting means to turn the loop until something is so; there is no sleep.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/sinks.hpp"
#include "device/device.hpp"
#include "store/registry.hpp"
#include "tests/support/memory_registry.hpp"
#include "tests/support/memory_store.hpp"
#include "tests/support/scratch.hpp"
#include "tests/support/virtual_clock.hpp"

namespace sluice::device::test {

using sluice::test::MemoryRegistry;
using sluice::test::MemoryStore;
using sluice::test::Scratch;
using sluice::test::VirtualClock;

// Virtual time that can leap: timers are then late, as after a SIGSTOP or a suspend.
class LeapingClock final : public Clock {
 public:
  explicit LeapingClock(VirtualClock& inner) : inner_(inner) {}
  MonoTime now() const override { return inner_.now() + leapt_; }
  WallTime wall() const override { return inner_.wall() + leapt_; }
  bool wall_is_plausible() const override { return inner_.wall_is_plausible(); }
  TimerId call_at(MonoTime when, std::function<void()> fn) override {
    return inner_.call_at(when - leapt_, std::move(fn));
  }
  void cancel(TimerId id) override { inner_.cancel(id); }
  void leap(Duration by) { leapt_ += by; }

 private:
  VirtualClock& inner_;
  Duration leapt_{};
};

// Ingest as a script: answers what the test says, remembers what it was offered.
class ScriptedReadings final : public ReadingSink {
 public:
  struct Seen {
    std::string device, product, topic, payload;
    LaneId lane = 0;
  };
  explicit ScriptedReadings(MemoryStore& store) : store_(store) {}
  Offer offer(const DeviceRef& device, const Reading& reading) override;
  std::vector<Seen> seen;
  Offer::Kind answer = Offer::Kind::local;
  bool remember = true;
  std::size_t count = 0;

 private:
  MemoryStore& store_;
};

class World {
 public:
  // One product `thermo` (d/{device}/#, subscribe also all/#), device `t1` with token `secret-1` in a file, a
  // listener on 127.0.0.1:0.
  World();
  ~World();
  // Makes and starts the room; fails the test if it does not start.
  void start();
  result<void> try_start();
  // As after a restart of the process; what was not committed is gone if `killed`.
  void restart(bool killed = false);

  // Turns the loop until it is so. False: it did not become so in `most` turns.
  bool until(const std::function<bool()>& so, int most = 2'000);
  // Turns the loop until nothing happens any more.
  void settle();
  // Moves time in steps of a tick, with turns of the loop between.
  void pass(Duration time);
  bool logged(std::string_view text) const;
  std::filesystem::path write(const std::string& name, std::string_view text) const;
  ListenerOptions listener(ListenerOptions::Kind kind) const;

  Scratch scratch;
  boost::asio::io_context loop{1};
  VirtualClock clock;
  LeapingClock leaping{clock};  // what the room is given
  MemoryStore store;
  MemoryRegistry registry;
  ScriptedReadings readings;
  std::vector<std::string> log;
  Options options;
  std::unique_ptr<Devices> devices;
};

}  // namespace sluice::device::test
