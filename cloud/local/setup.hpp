// Makes the directory of a local cloud and adds things to it. Used by the program's --init and add-thing and
// by tests.
//   DIR/ca.pem ca.key server.pem server.key admin-credentials claim/{cert.pem,key.pem} devices/
//   a registry: things/NAME/{cert.pem,key.pem,thing.json} certificates/ policies/ templates/ ...
//   (regions/REGION/ too)
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/error.hpp"

namespace sluice::cloud {

// The server's certificate is for localhost, 127.0.0.1 to 127.0.0.9, ::1, *.iot.REGION.local.test of each
// region, and `names`. Several regions get registries of their own.
result<void> init_directory(const std::filesystem::path& directory, const std::vector<std::string>& regions,
                            const std::vector<std::string>& names, WallTime now);

// The claim certificate's policy.
inline constexpr const char* kClaimPolicy = "claim";

// DIR/regions/REGION where there is one; otherwise the registry is DIR itself.
std::filesystem::path registry_folder(const std::filesystem::path& directory, const std::string& region);
// A registry of its own for the region. It may be there already.
result<void> add_region(const std::filesystem::path& directory, const std::string& region, WallTime now);

// In every registry of the directory; one that is there stays.
result<void> add_thing_type(const std::filesystem::path& directory, const std::string& name, WallTime now);

struct NewThing {
  std::string name, type;
  std::map<std::string, std::string> attributes;
  // Names of DIR/policies, or paths of policy files that are copied there. Empty: "default".
  std::vector<std::string> policies;
  // Attach to this thing's certificate instead of making one.
  std::string certificate_of = {};
  std::string region = {};  // empty: the directory's own registry
};
// The thing appears whole or not at all, so a running cloud may watch.
result<void> add_thing(const std::filesystem::path& directory, const NewThing& thing, WallTime now);

}  // namespace sluice::cloud
