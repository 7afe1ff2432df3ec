// The serial adapter: a line, its framing, its dialect, and the devices on it, as a Driver of the SDK.
//
//   Port ─bytes─▶ Framing ─frame─▶ Dialect ─readings─▶ Gateway::publish
//    ▲                                                        │ on disk
//    └──── Framing::encode ◀──── Dialect::ack ◀───────────────┘
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "core/backoff.hpp"
#include "plugins/sdk/run.hpp"
#include "plugins/serial/dialect.hpp"
#include "plugins/serial/framing.hpp"
#include "plugins/serial/poller.hpp"
#include "plugins/serial/port.hpp"
#include "plugins/serial/settings.hpp"

namespace sluice::serial {

class SerialDriver final : public adapter::Driver {
 public:
  // Errors: what cannot be (the codec, a token file); exit code 64.
  static result<std::unique_ptr<Driver>> make(const adapter::Start& start, adapter::House house);
  SerialDriver(Settings settings, std::size_t most_devices, adapter::House house,
               std::unique_ptr<Framing> framing, std::unique_ptr<Dialect> dialect);
  ~SerialDriver() override;

  void start() override;
  void message(const adapter::Message& message, adapter::Reply reply) override;
  void call(const adapter::Call& call, adapter::Reply reply) override;
  void detached(std::string_view device, std::string_view reason, std::string_view text) override;
  void stop(std::function<void()> done) override;

 private:
  struct Unit {  // a device on the line
    DeviceSettings settings;
    bool attached = false, attaching = false;
    Backoff backoff{{.first = std::chrono::seconds(1), .most = std::chrono::minutes(5)}};
    std::unique_ptr<Timer> retry;
  };
  // A frame whose readings are on their way to the disk.
  struct Open {
    std::string address, frame;
    std::size_t left = 0;
    bool taken = true;
  };

  // One of them, for the daemon.
  struct Said {
    std::shared_ptr<Open> open;
    std::string device, topic, payload;
    std::size_t size() const { return sizeof(Said) + device.size() + topic.size() + payload.size(); }
  };

  void bytes(std::string_view bytes);
  void wait_gap();
  void frame(std::string_view frame);
  bool offer(const Said& said);
  void hold(Said said);
  void offer_held();
  void settled(const std::shared_ptr<Open>& open, bool taken);
  void send(const Dialect::Frames& frames, std::function<void(bool)> done = {});
  Unit* unit_of(const std::string& address);
  void attach(Unit& unit);
  bool ask(const std::string& address);
  void opened();
  void finish();
  void closed(const std::string& why);
  void watch_noise();
  void count();

  Settings settings_;
  std::size_t most_devices_;
  adapter::House house_;
  adapter::Gateway& gateway_;
  std::unique_ptr<Framing> framing_;
  std::unique_ptr<Dialect> dialect_;
  Port port_;
  Poller poller_;
  Timer gap_, noise_;
  std::map<std::string, Unit> units_;                          // by address
  std::map<std::string, std::string, std::less<>> addresses_;  // by id
  std::uint64_t unknown_ = 0, refused_ = 0, frames_seen_ = 0, bytes_seen_ = 0;
  std::size_t open_ = 0;   // readings without their PUBACK
  std::deque<Said> held_;  // read, and the daemon had no room: while there are any the line is not read
  std::size_t held_bytes_ = 0;
  bool stopping_ = false, noisy_ = false;
  std::function<void()> stopped_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace sluice::serial
