// The mqtt adapter: the site's broker, the rules of its topics, and the devices behind it, as a Driver of the
// SDK. The broker gets its PUBACK when the daemon has given its own.
//
//   SiteLink ─message─▶ RuleBook ─whose, where─▶ Gateway::publish
//      ▲                                              │ on disk
//      └──────────────── acknowledge ◀────────────────┘
#pragma once

#include <map>
#include <memory>
#include <string>

#include "core/backoff.hpp"
#include "plugins/mqtt/echoes.hpp"
#include "plugins/mqtt/settings.hpp"
#include "plugins/mqtt/site_devices.hpp"
#include "plugins/mqtt/site_link.hpp"
#include "plugins/sdk/run.hpp"

namespace sluice::site {

class SiteDriver final : public adapter::Driver {
 public:
  // Errors: what cannot be (a pattern, a file); exit code 64.
  static result<std::unique_ptr<Driver>> make(const adapter::Start& start, adapter::House house);
  SiteDriver(Settings settings, std::size_t most_devices, adapter::House house);
  ~SiteDriver() override;

  void start() override;
  void message(const adapter::Message& message, adapter::Reply reply) override;
  void call(const adapter::Call& call, adapter::Reply reply) override;
  void detached(std::string_view device, std::string_view reason, std::string_view text) override;
  void stop(std::function<void()> done) override;

  // A message of the site's; public for tests, which have no broker.
  void arrived(const Arrived& arrived, Receipt receipt);

 private:
  struct Reading {  // on its way to the disk
    SiteDevice* device = nullptr;
    std::string topic, payload, content_type;
    Receipt receipt;
    std::uint64_t number = 0;  // the order of arrival
  };
  using Shared = std::shared_ptr<Reading>;
  struct Counts {
    std::uint64_t messages = 0, published = 0, refused = 0, unmatched = 0, echoes = 0, commands = 0,
                  commands_failed = 0;
  };

  void take(SiteDevice& device, std::string topic, const Arrived& arrived, Receipt receipt);
  bool publish(const Shared& reading);
  void answered(const Shared& reading, const adapter::Published& published);
  void keep(const Shared& reading);
  void pump();
  void settle(const Reading& reading);
  void forget(const Reading& reading);
  void store_is_full();
  void weigh();
  void up();
  void down(const std::string& why);
  void report();
  void count();

  Settings settings_;
  adapter::Gateway& gateway_;
  SiteDevices devices_;
  Echoes echoes_;
  std::unique_ptr<SiteLink> link_;
  std::map<std::uint64_t, Shared> held_;  // not yet given to the daemon, by number
  std::uint64_t numbers_ = 0;
  std::size_t open_ = 0;   // readings without the daemon's PUBACK, those held included
  std::size_t bytes_ = 0;  // of them
  bool no_room_ = false, blocked_ = false, stopping_ = false, pumping_ = false;
  Backoff full_backoff_{{.first = std::chrono::seconds(1), .most = std::chrono::seconds(30)}};
  Timer unblock_;
  std::string down_, refused_filters_, last_refusal_;
  Counts counts_;
  std::function<void()> stopped_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace sluice::site
