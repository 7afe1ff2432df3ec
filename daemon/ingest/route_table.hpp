// The routes of a config, ready to run, and what they decide for a topic of a device.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/message.hpp"
#include "core/options.hpp"
#include "core/topic_template.hpp"
#include "store/store.hpp"

namespace sluice::ingest {

struct Counters {
  std::uint64_t matched = 0, queued = 0, local = 0, dropped = 0, filtered = 0, unfiltered = 0, poison = 0,
                refused = 0;
  std::int64_t last_seen_ms = 0;  // wall clock
};

struct Route {
  RouteOptions options;
  NameId name = 0;
  store::StoreSeconds ttl = store::kNever;
  std::string prefix;  // `$aws/rules/NAME/`
  TopicTemplate to;
  std::string trouble;  // `to` cannot be read: each reading is poison with this reason
  std::shared_ptr<Counters> counters;
};

// Holds for every reading of the same device (of the same product) on the same topic.
struct Decision {
  const Route* route = nullptr;  // null: no route takes it
  std::string topic;             // in the cloud, for `to`
  std::string problem;           // why AWS would not take this topic; empty: it would
};

class RouteTable {
 public:
  // Counters are those of `before` for routes of the same name.
  RouteTable(const Options& options, store::Store& store, const RouteTable* before);

  // Replaces `decision`, keeping its capacity.
  void decide(const DeviceRef& device, std::string_view topic, Decision& decision) const;
  const std::vector<Route>& routes() const { return routes_; }

 private:
  std::string gateway_;
  std::vector<Route> routes_;
};

}  // namespace sluice::ingest
