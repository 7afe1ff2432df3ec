// The Modbus adapter: a bus, its units, each a device, as a Driver of the SDK.
//
//   Poller ─Report─▶ reading() ─▶ Gateway::publish        message() ─▶ WriteJob ─▶ Poller ─▶ reply(), the
//   answer
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>

#include "core/backoff.hpp"
#include "plugins/modbus/payloads.hpp"
#include "plugins/modbus/poller.hpp"
#include "plugins/modbus/settings.hpp"
#include "plugins/sdk/run.hpp"

namespace sluice::modbus {

class ModbusDriver final : public adapter::Driver {
 public:
  // Errors: what cannot be (a map, a token file); exit code 64.
  static result<std::unique_ptr<Driver>> make(const adapter::Start& start, adapter::House house);
  ModbusDriver(Settings settings, std::unique_ptr<Bus> bus, adapter::House house);
  ~ModbusDriver() override { *alive_ = false; }

  void start() override;
  void message(const adapter::Message& message, adapter::Reply reply) override;
  void call(const adapter::Call& call, adapter::Reply reply) override;
  void detached(std::string_view device, std::string_view reason, std::string_view text) override;
  void stop(std::function<void()> done) override;

 private:
  struct Device {
    UnitState* unit = nullptr;
    bool attached = false, attaching = false;
    Backoff backoff{{.first = 1s, .most = 5min}};
    std::unique_ptr<Timer> retry;
  };
  struct Outgoing {
    std::string device, topic, payload;
  };
  void attach(Device& device);
  void attach_later(Device& device, Duration least);
  void report(const UnitState& unit, const Report& report);
  void publish(Outgoing outgoing);
  void flush();
  void settle(const UnitState& unit, const Command& command, std::uint8_t qos, const adapter::Answer& answer,
              const WriteJob* job);
  void show();
  Stamp stamp() const;

  Settings settings_;
  adapter::House house_;
  adapter::Gateway& gateway_;
  std::unique_ptr<Bus> bus_;
  Poller poller_;
  std::map<std::string, Device, std::less<>> devices_;
  std::deque<Outgoing> waiting_;  // for room; meanwhile nothing is read
  std::uint64_t readings_ = 0, refused_ = 0, failed_commands_ = 0;
  std::string line_trouble_;
  bool stopping_ = false, flushing_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace sluice::modbus
