#include "app.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>

#include "app_identity.hpp"
#include "config/config.hpp"
#include "console/console.hpp"
#include "console/service_notify.hpp"
#include "core/workers.hpp"
#include "device/device.hpp"
#include "identity/credentials_room.hpp"
#include "identity/identity.hpp"
#include "ingest/ingest.hpp"
#include "uplink/uplink.hpp"

namespace sluice {
namespace {

constexpr Duration kLastDrain = 5s;
// A store thread that has not moved for this long while something waits is dead to us: no more watchdog
// pings.
constexpr Duration kStoreStall = 60s;

store::StoreOptions store_options(const Options& options) {
  store::StoreOptions s;
  s.directory = options.store.directory;
  s.max_bytes = options.store.max_bytes;
  s.when_full = options.store.refuse_when_full ? store::WhenFull::refuse : store::WhenFull::drop_oldest;
  s.commit_delay = options.store.commit_delay;
  return s;
}

}  // namespace

App::App(Options options, std::filesystem::path config_file, Log log)
    : options_(std::move(options)),
      config_file_(std::move(config_file)),
      log_(std::move(log)),
      signals_(loop_, SIGTERM, SIGINT, SIGHUP),
      clock_(make_system_clock(loop_)),
      notify_(std::make_unique<ServiceNotify>(ServiceNotify::from_environment())) {}

App::~App() = default;

int App::run() {
  started_ = clock_->now();
  if (const int code = open_store(); code != 0) return code;
  if (!start_parts()) return exit_code::listener;
  listen_to_signals();
  second_ = std::make_unique<Timer>(*clock_);
  asking_again_ = std::make_unique<Timer>(*clock_);
  watchdog_ = std::make_unique<Timer>(*clock_);
  store_moved_ = clock_->now();
  every_second();
  ping_watchdog();
  notify_->ready();
  log_.info("{} serves {} as {}", version_text(), fmt::format("{} listener(s)", options_.listen.size()),
            options_.thing);
  loop_.run();
  return code_;
}

int App::open_store() {
  auto opening = store::open_store(store_options(options_), loop_, *clock_, log_.named("store"));
  if (opening.has_error()) {
    log_.error("the store cannot be opened: {}", opening.error().text);
    return exit_code::store;
  }
  store_ = std::move(opening->store);
  if (!opening->trouble.empty()) opening_troubles_.push_back({"store", opening->trouble});
  auto registry = store::open_registry(store_options(options_), loop_, log_.named("registry"));
  if (registry.has_error()) {
    log_.error("the registry cannot be opened: {}", registry.error().text);
    return exit_code::store;
  }
  registry_ = std::move(registry->registry);
  if (!registry->trouble.empty()) opening_troubles_.push_back({"registry", registry->trouble});
  for (const auto& trouble : opening_troubles_) log_.warn("{}: {}", trouble.part, trouble.text);
  return 0;
}

bool App::start_parts() {
  ingest_ = ingest::make_ingest(options_, *store_, *clock_, log_.named("ingest"));
  auto devices =
      device::make_devices(options_, loop_, *clock_, *store_, *registry_, *ingest_, log_.named("device"));
  if (devices.has_error()) {
    log_.error("{}", devices.error().text);
    return false;
  }
  devices_ = std::move(*devices);
  uplink_ =
      uplink::make_uplink(options_, loop_, *clock_, *store_, devices_->commands(), log_.named("uplink"));
  make_identity();
  console_ = make_console(options_.control, loop_, *clock_, log_.named("console"));
  console_->bar([this](int process) { return devices_->is_adapter(process); });
  wire();
  add_commands();
  add_device_commands();
  add_identity_commands();
  if (auto listening = devices_->start(); listening.has_error()) {
    log_.error("{}", listening.error().text);
    return false;
  }
  start_adapters();
  open_gateway_lane();
  open_lanes();
  start_identity();
  // Without its control socket the gateway still carries readings: say so and go on.
  if (auto listening = console_->start(); listening.has_error()) {
    log_.error("{}", listening.error().text);
    opening_troubles_.push_back({"console", listening.error().text});
  }
  return true;
}

void App::wire() {
  store_->on_committed([this](Ticket ticket, std::span<const LaneId> lanes) {
    devices_->committed(ticket);
    uplink_->committed(ticket, lanes);
  });
  store_->on_failed([this](const Error& error) {
    // What is on disk is unknown from here on; only a fresh open can tell. systemd starts us again.
    log_.error("the store has failed: {}", error.text);
    code_ = exit_code::disk;
    loop_.stop();
  });
  store_->on_relieved([this] { devices_->relieved(); });
  devices_->on_own_identities_changed([this] { open_lanes(); });
  wire_identity();
}

// With the files of the configuration, which are looked at afresh at each connect.
void App::open_gateway_lane() {
  if (provisioned()) return;  // identity opens it when there is one
  CloudIdentity identity;
  identity.thing = options_.thing;
  identity.tls.files = options_.cloud.tls;
  uplink_->add_lane(kGatewayLane, std::move(identity));
}

void App::open_lanes() {
  std::vector<LaneId> wanted;
  for (const auto& own : devices_->own_identities()) {
    wanted.push_back(own.lane);
    if (std::find(lanes_.begin(), lanes_.end(), own.lane) != lanes_.end()) continue;
    CloudIdentity identity;
    identity.thing = own.device;
    identity.tls.files = own.tls;
    uplink_->add_lane(own.lane, std::move(identity));
  }
  for (const LaneId lane : lanes_) {
    if (std::find(wanted.begin(), wanted.end(), lane) == wanted.end()) uplink_->remove_lane(lane);
  }
  lanes_ = std::move(wanted);
}

void App::listen_to_signals() {
  signals_.async_wait([this](const boost::system::error_code& ec, int number) {
    if (ec) return;
    if (number == SIGHUP) {
      reload([](const result<void>&) {});  // it has logged what was wrong
    } else if (stopping_) {
      log_.warn("stopped at once by a second signal");
      loop_.stop();
      return;
    } else {
      log_.info("stopping: {}", number == SIGTERM ? "SIGTERM" : "SIGINT");
      stop(0);
    }
    listen_to_signals();
  });
}

void App::reload(std::function<void(result<void>)> done) {
  const auto refuse = [this, done](std::string why) {
    why = "reload refused, the running configuration stays: " + why;
    log_.error("{}", why);
    done(Error{errc::invalid_argument, std::move(why)});
  };
  auto loaded = config::load_config(config_file_);
  if (loaded.has_error()) return refuse(loaded.error().text);
  if (!loaded->problems.empty())
    return refuse("\n" + config::format_problems(config_file_.string(), loaded->problems));
  if (loaded->options.cloud.provisioning.method != options_.cloud.provisioning.method)
    return refuse("cloud.provisioning.method counts from the next start on: systemctl restart sluiced");
  plan_adapters(loaded->options, [this, options = loaded->options, refuse, done](
                                     std::vector<AdapterPlan> plans, const std::string& problems) {
    if (stopping_) return done(Error{errc::closed, "the daemon is stopping"});
    if (!problems.empty()) return refuse("\n" + problems);
    if (auto applied = apply(options, std::move(plans)); !applied) return refuse(applied.error().text);
    done({});
  });
}

result<void> App::apply(const Options& options, std::vector<AdapterPlan> plans) {
  notify_->reloading(clock_->now());
  auto applied = devices_->reload(options);
  notify_->ready();
  if (applied.has_error()) return applied;
  options_ = options;
  ++reloads_;
  asking_again_->cancel();  // all of them have answered now
  devices_->run_adapters(std::move(plans));
  ingest_->replace_routes(options_);
  uplink_->reload(options_);
  open_gateway_lane();
  open_lanes();
  if (identities_) identities_->reload(options_);
  if (auto again = credentials_->reload(credentials_options(options_)); again.has_error())
    log_.error("{}", again.error().text);
  log_.info("configuration reloaded from {}", config_file_.string());
  return {};
}

void App::stop(int code) {
  if (stopping_) return;
  stopping_ = true;
  code_ = code;
  notify_->stopping();
  second_->cancel();
  asking_again_->cancel();
  console_->stop();
  credentials_->stop();
  devices_->shut_down([this] {
    if (identities_) identities_->stop();
    uplink_->drain_and_stop(kLastDrain, [this] {
      store_->close();
      registry_->close();
      loop_.stop();
    });
  });
}

void App::every_second() {
  const auto totals = store_->totals();
  const auto smooth = [](double before, double now) { return before + (now - before) * 0.3; };
  if (rates_.sampled) {
    rates_.accepted_per_s =
        smooth(rates_.accepted_per_s, static_cast<double>(totals.accepted - rates_.accepted));
    rates_.delivered_per_s =
        smooth(rates_.delivered_per_s, static_cast<double>(totals.delivered - rates_.delivered));
    rates_.bytes_per_s = smooth(rates_.bytes_per_s, static_cast<double>(totals.queued_bytes) -
                                                        static_cast<double>(rates_.queued_bytes));
  }
  rates_.accepted = totals.accepted;
  rates_.delivered = totals.delivered;
  rates_.queued_bytes = totals.queued_bytes;
  rates_.sampled = true;
  second_->start(1s, [this] { every_second(); });
}

void App::ping_watchdog() {
  const auto interval = notify_->alive_interval();
  if (!interval) return;
  const auto now = clock_->now();
  if (store_->committed() != store_seen_ || store_->committed() >= store_->ticket()) {
    store_seen_ = store_->committed();
    store_moved_ = now;
  }
  if (now - store_moved_ < kStoreStall) notify_->alive();
  watchdog_->start(*interval, [this] { ping_watchdog(); });
}

}  // namespace sluice
