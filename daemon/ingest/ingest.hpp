// What becomes of a reading: the first route that matches decides its topic in the cloud, or that it stays
// here, or that it ends here. Called by the device room for every publish; hands to the store. Loop thread
// only.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>

#include "core/clock.hpp"
#include "core/log.hpp"
#include "core/options.hpp"
#include "core/sinks.hpp"
#include "store/store.hpp"

namespace sluice::ingest {

// offer() answers: queued (a route's `to`), local (`local`, or no route: counted as unrouted), ended (`drop`,
// held back by a filter, or set aside as poison), full and unavailable as the store says.
class Ingest : public ReadingSink {
 public:
  // The routes of a new config, at once: a reading is under the old ones or the new ones. Counters go on for
  // routes that keep their name; filters forget what they saw.
  virtual void replace_routes(const Options& options) = 0;
  // {"routes": [{name, match, matched, queued, …}], "unrouted": {…}, "cache": {…}, "filters": {…}}, counted
  // since start.
  virtual nlohmann::json status() const = 0;
};

// All that is given must outlive it.
std::unique_ptr<Ingest> make_ingest(const Options& options, store::Store& store, Clock& clock, Log log);

}  // namespace sluice::ingest
