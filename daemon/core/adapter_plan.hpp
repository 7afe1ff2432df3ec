// An adapter that is ready to be run: what config made of the file and of the adapter's own description, for
// the device room. App hands it over.
#pragma once

#include <string>
#include <vector>

#include "core/options.hpp"

namespace sluice {

// A path that the adapter's schema marks, for its sandbox.
struct AdapterGrant {
  enum class Kind { device, file, executable };
  Kind kind = Kind::file;
  std::string path;
  bool operator==(const AdapterGrant&) const = default;
};

struct AdapterPlan {
  AdapterOptions options;
  std::string version, section;  // typed, a JSON object
  bool network = false;
  std::vector<AdapterGrant> grants;
  std::string trouble;  // not empty: why it cannot be run
  bool again = false;   // the trouble may pass by itself: the executable did not say in time what it is
};

}  // namespace sluice
