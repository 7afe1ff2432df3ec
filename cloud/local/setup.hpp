// Makes the directory of a local cloud and adds things to it. Used by the program's --init and add-thing and
// by tests.
//   DIR/ca.pem ca.key server.pem server.key   policies/{default,all}.json
//   things/NAME/{cert.pem,key.pem,thing.json}
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/error.hpp"

namespace sluice::cloud {

// The server's certificate is for localhost, 127.0.0.1, ::1, *.iot.REGION.local.test of each region, and
// `names`.
result<void> init_directory(const std::filesystem::path& directory, const std::vector<std::string>& regions,
                            const std::vector<std::string>& names, WallTime now);

struct NewThing {
  std::string name, type;
  std::map<std::string, std::string> attributes;
  // Names of DIR/policies, or paths of policy files that are copied there. Empty: "default".
  std::vector<std::string> policies;
  // Attach to this thing's certificate instead of making one.
  std::string certificate_of;
};
// The thing appears whole or not at all, so a running cloud may watch.
result<void> add_thing(const std::filesystem::path& directory, const NewThing& thing, WallTime now);

}  // namespace sluice::cloud
