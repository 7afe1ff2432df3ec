// The identity room in one thread with virtual time, a registry and a store in memory and a scripted cloud:
// what its tests share. Waiting means to turn the loop, and time when nothing is under way, until something
// is so.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/memory_registry.hpp"
#include "tests/support/memory_store.hpp"
#include "tests/support/scratch.hpp"
#include "tests/support/virtual_clock.hpp"
#include "tests/unit/identity/scripted_cloud.hpp"

namespace sluice::identity::test {

class House {
 public:
  // The method `cvm` at https://cvm.example, product `meter` with an identity of its own; the gateway gw-1
  // has the token `gateway-token`, and the devices m1 to m3 have `token-m1` and so on.
  House();
  ~House();
  void use(ProvisioningOptions::Method method);

  result<void> try_start();
  void start();
  // As after SIGKILL: nothing of the old room is heard any more.
  void kill();
  void restart();

  bool until(const std::function<bool()>& so, Duration at_most = 10min, Duration step = 50ms);
  bool settle();  // true: there was something to do
  void pass(Duration time);

  // A device asks to come in; the answer lands in `admissions`.
  void knock(const std::string& id, const std::string& token, bool proven = false);
  // Knocks and waits for the answer.
  std::optional<Admission> admit(const std::string& id, const std::string& token, bool proven = false);
  std::string state(const std::string& id);  // "" for the gateway
  // Active, and its lane is open.
  bool up(const std::string& id) { return state(id) == "active" && cloud.lanes.contains(lane(id)); }
  nlohmann::json shown(const std::string& id);
  LaneId lane(const std::string& id) { return id.empty() ? kGatewayLane : store.name_id(id); }
  // A reading of the device waits in its lane.
  void reading_waits(const std::string& id);
  std::uint64_t ledger(LedgerReason reason);
  result<void> told(const std::function<void(Done)>& command);
  std::string row(const std::string& id) const;
  bool logged(std::string_view text) const;
  // A file of this house, mode 0600.
  std::filesystem::path write(const std::string& name, std::string_view text) const;

  sluice::test::Scratch scratch;
  boost::asio::io_context loop{1};
  // Waiting for a worker takes real time, also when nothing else is on the loop: otherwise virtual time would
  // run past it.
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> waits{loop.get_executor()};
  sluice::test::VirtualClock clock;
  sluice::test::MemoryStore store;
  sluice::test::MemoryRegistry registry;
  ScriptedCloud cloud;
  Options options;
  std::string failpoints;
  std::vector<std::string> log;
  std::vector<Admission> admissions;
  std::vector<std::pair<std::string, std::string>> turned_away;
  std::unique_ptr<Identities> room;
};

// For tests of what becomes of identities that are in use.
class InHouse : public testing::Test {
 protected:
  // The gateway has its certificate, and so has the device; "": only the gateway.
  void active(const std::string& id);
  std::string certificate(const std::string& id) { return house.shown(id).value("certificate_id", ""); }
  std::string error(const std::string& id) { return house.shown(id).value("error", ""); }
  House house;
};

}  // namespace sluice::identity::test
