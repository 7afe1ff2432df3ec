// The composition root: every part of the daemon in order of birth, and the wires between them. Stop runs
// against the data's direction: listeners, uplink (a last drain with a deadline), store.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/adapter_plan.hpp"
#include "core/backoff.hpp"
#include "core/clock.hpp"
#include "core/log.hpp"
#include "core/options.hpp"
#include "store/registry.hpp"
#include "store/store.hpp"

namespace sluice {

class Console;
class ServiceNotify;
class Workers;
namespace device {
class Devices;
}
namespace identity {
class Credentials;
class Identities;
struct CredentialsSource;
}  // namespace identity
namespace ingest {
class Ingest;
}
namespace uplink {
class Uplink;
}

// After sysexits(3), so that systemd and scripts can tell them apart. Documented in docs/troubleshoot.md.
namespace exit_code {
inline constexpr int usage = 64, internal = 70, store = 73, disk = 74, listener = 75, config = 78;
}

// "sluiced 0.1.0 (sqlite 3.40.1, …)"
std::string version_text();

class App {
 public:
  App(Options options, std::filesystem::path config_file, Log log);
  ~App();
  App(const App&) = delete;
  App& operator=(const App&) = delete;

  // Runs until stopped by a signal or by a failure; the exit code.
  int run();

 private:
  struct Trouble {
    std::string part, text;
  };
  // What the last seconds were like, for the status.
  struct Rates {
    std::uint64_t accepted = 0, delivered = 0, queued_bytes = 0;  // totals at the last sample
    double accepted_per_s = 0, delivered_per_s = 0, bytes_per_s = 0;
    bool sampled = false;
  };

  int open_store();
  bool start_parts();
  void wire();
  void listen_to_signals();
  bool provisioned() const {
    return options_.cloud.provisioning.method != ProvisioningOptions::Method::given;
  }
  void open_gateway_lane();
  void open_lanes();
  // The configuration file again; what is wrong with it leaves everything as it is.
  void reload(std::function<void(result<void>)> done);
  result<void> apply(const Options& options, std::vector<AdapterPlan> plans);
  using PlannedAdapters = std::function<void(std::vector<AdapterPlan>, std::string problems)>;
  void plan_adapters(const Options& options, PlannedAdapters done);  // app_adapters.cpp
  void start_adapters();                                             // app_adapters.cpp
  void ask_again(std::vector<AdapterOptions> unheard);               // app_adapters.cpp
  void stop(int code);
  void every_second();
  void ping_watchdog();
  // A command that ends without a value answers {}.
  static std::function<void(result<void>)> answer_empty(std::function<void(result<nlohmann::json>)> reply);
  void add_commands();         // app_commands.cpp
  void add_device_commands();  // app_commands.cpp
  void make_identity();        // app_identity.cpp, all of these
  void wire_identity();
  void start_identity();
  void add_identity_commands();
  result<identity::CredentialsSource> credentials_source(const std::string& id) const;
  void provision(const nlohmann::json& args, std::function<void(result<nlohmann::json>)> reply);
  nlohmann::json devices() const;
  nlohmann::json status() const;
  nlohmann::json queue() const;
  nlohmann::json ledger() const;

  Options options_;
  std::filesystem::path config_file_;
  Log log_;
  boost::asio::io_context loop_{1};
  // A loop that runs out of work before run() stays stopped: it must not, whatever the parts do while they
  // are born.
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> busy_{loop_.get_executor()};
  boost::asio::signal_set signals_;
  std::unique_ptr<Clock> clock_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<store::Registry> registry_;
  std::unique_ptr<ingest::Ingest> ingest_;
  std::unique_ptr<device::Devices> devices_;
  std::unique_ptr<uplink::Uplink> uplink_;
  std::unique_ptr<identity::Identities>
      identities_;  // null: certificates are given by hand, or it cannot start
  std::unique_ptr<identity::Credentials> credentials_;
  std::unique_ptr<Console> console_;
  std::unique_ptr<ServiceNotify> notify_;
  std::unique_ptr<Workers> describers_;  // of adapters
  // Those that did not answer at the start are asked again.
  Backoff asking_{{.first = 10s, .most = 10min}};
  std::unique_ptr<Timer> second_, watchdog_, asking_again_;
  std::vector<Trouble> opening_troubles_;
  std::vector<LaneId> lanes_;
  unsigned reloads_ = 0;
  Rates rates_;
  MonoTime started_{}, store_moved_{};
  Ticket store_seen_ = 0;
  int code_ = 0;
  bool stopping_ = false;
};

}  // namespace sluice
