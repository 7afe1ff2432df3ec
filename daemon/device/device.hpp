// The device room's door: who is connected and what they may say. Made and wired by app; on the loop thread.
//
//   device ─▶ listener ─▶ link ─▶ mqtt::Broker ─▶ SessionHost ─▶ ReadingSink (ingest)
//                                      ▲   │ Journal ─▶ Store
//                 CommandSink (uplink) ┘   ▼
//                                       mailbox of the absent
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/adapter_plan.hpp"
#include "core/clock.hpp"
#include "core/enrolment.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/options.hpp"
#include "core/sinks.hpp"

namespace boost::asio {
class io_context;
}
namespace sluice::store {
class Store;
class Registry;
}  // namespace sluice::store

namespace sluice::device {

// A device that goes to AWS with a certificate of its own.
struct OwnIdentity {
  LaneId lane = 0;
  std::string device;  // its id is its thing name
  TlsFiles tls;
};

using Done = std::function<void(result<void>)>;

class Devices {
 public:
  virtual ~Devices() = default;

  // Restores sessions, binds every listener; all problems in one text, one a line.
  virtual result<void> start() = 0;
  virtual void stop_listening() = 0;
  // Says goodbye to all and closes; `done` when they have gone: adapters within 5 s, then clients within 3 s.
  virtual void shut_down(std::function<void()> done) = 0;

  // From the store: what was written up to this ticket is on disk.
  virtual void committed(Ticket ticket) = 0;
  // From the store: pressure has ended, or it can write again.
  virtual void relieved() = 0;

  virtual CommandSink& commands() = 0;

  // Listeners, connected clients, counters.
  virtual nlohmann::json status() const = 0;
  // All known devices, an array.
  virtual nlohmann::json devices() const = 0;

  // Devices at run time; `done` on the loop when it is durable, or with what is wrong. Devices of the config
  // file can only be enabled and disabled. The token may be given in clear or as its hash.
  virtual void add_device(std::string id, std::string product, std::string token, Done done) = 0;
  virtual void set_token(std::string id, std::string token, Done done) = 0;
  virtual void set_enabled(std::string id, bool enabled, Done done) = 0;
  // Its connection, session and mailbox go, too. What it has sent still goes to the cloud.
  virtual void remove_device(std::string id, Done done) = 0;

  // Who judges the tokens of unknown devices (devices.admit) and gets identities for those that have none.
  // Before start(); must outlive the room.
  virtual void enrol_with(Enrolment& enrolment) = 0;
  // The service has refused its identity: its connections end, and a device that was let in for it is
  // forgotten.
  virtual void turn_away(const std::string& id, const std::string& why) = 0;
  // Known devices whose product has an identity of its own and that have no certificate of the config: id,
  // product.
  virtual std::vector<std::pair<std::string, std::string>> provisioned() const = 0;

  virtual std::vector<OwnIdentity> own_identities() const = 0;
  // Called (posted) when own_identities() has changed.
  virtual void on_own_identities_changed(std::function<void()> fn) = 0;

  // Applies changed products, devices and listeners, or nothing. Sessions of listeners that stay are not
  // touched, but for devices that are no longer allowed.
  virtual result<void> reload(const Options& options) = 0;

  // Which adapters are to run from now on; those that are as they were are not touched.
  virtual void run_adapters(std::vector<AdapterPlan> plans) = 0;
  // One of them, in the place of its namesake; the others are not touched.
  virtual void run_adapter(AdapterPlan plan) = 0;
  // Each with its state, devices and counters, an array.
  virtual nlohmann::json adapters() const = 0;

  // The process is an adapter's.
  virtual bool is_adapter(int process) const = 0;
  // Asks the adapter that has the device for a step of docs/adapters.md (Calls); `more` follows the device in
  // the topic
  // (`write`: update and offset). The answer is the adapter's JSON object with `ok: true`; errors: not_found
  // (no adapter has the device), closed, full, timeout, refused (its text begins with the contract's word:
  // transient, busy, ...).
  using Answered = std::function<void(result<std::string>)>;
  virtual void call(const std::string& device, std::string_view operation, std::string_view more,
                    std::string_view payload, Duration deadline, Answered done) = 0;

  // The port that listener n of the config is bound to; 0: none (Unix socket, not bound).
  virtual std::uint16_t port(std::size_t listener) const = 0;
};

// Errors: products or devices of the config that cannot be (all of them in one text), the registry cannot be
// read.
result<std::unique_ptr<Devices>> make_devices(const Options& options, boost::asio::io_context& loop,
                                              Clock& clock, store::Store& store, store::Registry& registry,
                                              ReadingSink& readings, Log log);

}  // namespace sluice::device
