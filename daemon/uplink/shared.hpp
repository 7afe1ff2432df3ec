// What all lanes share, owned by Uplink: the parts they talk to, the options as they are now, and what is
// made of them.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "core/clock.hpp"
#include "core/log.hpp"
#include "core/options.hpp"
#include "core/sinks.hpp"
#include "store/store.hpp"
#include "uplink/cloud_link.hpp"
#include "uplink/connect_gate.hpp"
#include "uplink/stream.hpp"

namespace sluice::uplink {

struct Shared {
  Shared(Clock& the_clock, store::Store& the_store, CommandSink& the_commands, LinkFactory the_links,
         Log the_log)
      : clock(the_clock),
        store(the_store),
        commands(the_commands),
        links(std::move(the_links)),
        log(std::move(the_log)),
        gate(the_clock),
        instance(the_store.instance()) {}

  Clock& clock;
  store::Store& store;
  CommandSink& commands;
  LinkFactory links;
  Log log;
  ConnectGate gate;
  std::string instance;
  CloudOptions cloud;
  PriorityMask priorities = 0;                 // that routes use
  std::size_t read_bytes = 128 * 1024;         // read ahead per priority; less with many lanes
  std::unordered_set<LaneId> awaiting_commit;  // lanes with commands that wait to be acknowledged

  std::function<void(LaneId, errc, const std::string&)> identity_trouble;

  void use(const Options& options);
  // How records of this route are batched; null: not at all. Valid until the next call.
  const BatchOptions* batching(NameId route);

 private:
  struct Route {
    std::string name;
    BatchOptions batch;
  };
  std::vector<Route> routes_;
  std::vector<std::optional<BatchOptions>> by_name_;  // of NameId; filled as they are met
  std::vector<bool> known_;
};

// `host`, `host:port`, `[v6]:port`. Error: what is wrong with it.
result<void> parse_endpoint(const std::string& endpoint, LinkOptions& out);

}  // namespace sluice::uplink
