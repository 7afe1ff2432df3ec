// The devices behind the site's broker: named in the configuration, or attached when they are seen for the
// first time, up to a bound. Used by SiteDriver; loop thread.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/backoff.hpp"
#include "plugins/mqtt/device_words.hpp"
#include "plugins/mqtt/settings.hpp"
#include "plugins/sdk/run.hpp"

namespace sluice::site {

class SiteDevice {
 public:
  enum class State : std::uint8_t {
    waiting,  // for the daemon's answer, for the next try, or for whoever has it: its readings are kept
    ready,
    refused  // its readings are not taken; tried again with back-off
  };
  const std::string& id() const { return settings_.id; }
  const std::string& name() const { return settings_.name; }
  State state() const { return state_; }
  std::size_t held = 0;  // readings that wait for it, or behind one that waits

 private:
  friend class SiteDevices;
  explicit SiteDevice(DeviceSettings settings) : settings_(std::move(settings)) {}
  DeviceSettings settings_;
  State state_ = State::waiting;
  bool asked_ = false, queued_ = false, without_commands_ = false, changed_ = false, told_ = false;
  std::optional<MonoTime> busy_since_;  // somebody else has it
  std::string presence_ = "online";
  Backoff backoff_{{.first = std::chrono::seconds(1), .most = std::chrono::minutes(5)}};
  std::unique_ptr<Timer> retry_;
};

class SiteDevices {
 public:
  // `settled`: a device has become ready or refused.
  SiteDevices(adapter::House house, const Settings& settings, std::size_t most,
              std::function<void()> settled);
  ~SiteDevices() { *alive_ = false; }

  void start();
  // Who speaks under this name; null: nobody that is served, and counted.
  SiteDevice* seen(std::string_view name);
  SiteDevice* by_id(std::string_view id);
  void learned(const DeviceInfo& info);
  void present(SiteDevice& device, bool online);
  void detached(std::string_view id, std::string_view text);

  std::uint64_t unknown = 0;  // messages of devices that are not served
  bool is_full() const { return full_; }
  std::size_t count() const { return by_name_.size(); }

 private:
  SiteDevice* add(DeviceSettings settings);
  void ask(SiteDevice& device);
  void attach(SiteDevice& device);
  void answered(SiteDevice& device, const adapter::Answer& answer);
  void refused(SiteDevice& device, const std::string& error);
  void try_after(SiteDevice& device, Duration wait);
  void tell(const SiteDevice& device, const std::string& word);

  adapter::House house_;
  const RuleBook& rules_;
  std::vector<DeviceSettings> named_;
  std::string others_;
  std::size_t most_;
  std::function<void()> settled_;
  std::map<std::string, std::unique_ptr<SiteDevice>, std::less<>> by_name_;
  std::map<std::string, SiteDevice*, std::less<>> by_id_;
  std::deque<SiteDevice*> queue_;  // to be attached, when fewer are on their way
  std::size_t asked_ = 0;
  bool full_ = false;
  std::uint64_t clashes_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace sluice::site
