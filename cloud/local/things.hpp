// The registry of the local cloud as its directory says it: things/NAME/{cert.pem,key.pem,thing.json} and
// policies/NAME.json. Reads again what changed on disk, so that things, policies and certificate states can
// be changed while the cloud runs. Used by the TLS context (is this certificate active?) and the broker's
// host.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cloud/local/policy.hpp"
#include "core/log.hpp"

namespace sluice::cloud {

struct Thing {
  std::string name, type, certificate_id;
  std::map<std::string, std::string> attributes;
};

// A certificate with what AWS keeps of it.
struct Principal {
  std::string certificate_id, status;  // ACTIVE, INACTIVE, REVOKED, ...
  std::string thing;                   // whose folder holds the certificate
  PolicyList policies;
  std::vector<std::pair<std::string, std::vector<std::string>>> variables;
  bool active() const { return status == "ACTIVE"; }
};

class Things {
 public:
  Things(std::filesystem::path directory, Log log);

  // Looks at the directory's times and reads what changed. A thing or policy that cannot be read is logged
  // and left out. Error: the directory itself is not readable.
  result<void> refresh();

  // Reads again from disk if needed. Null: not registered.
  std::shared_ptr<const Principal> principal(std::string_view certificate_id);
  std::shared_ptr<const Thing> thing(std::string_view name) const;
  // A principal without a certificate, for the plain listener: that of the thing, or the default policy
  // alone.
  std::shared_ptr<const Principal> insecure_principal(std::string_view thing_name);

  std::size_t size() const { return things_.size(); }

 private:
  struct Entry {
    std::string stamp;
    std::shared_ptr<const Thing> thing;
    std::shared_ptr<const Principal> principal;  // null: attached to another thing's certificate
  };

  void read_names();
  void read_policies();
  void read_thing(const std::string& name);
  void forget(const std::string& name);
  result<Entry> parse_thing(const std::string& name) const;

  std::filesystem::path directory_;
  Log log_;
  // Time and size of what was read; times alone are too coarse for changes that follow each other at once.
  std::string things_stamp_, policies_stamp_;
  std::map<std::string, std::shared_ptr<const Policy>, std::less<>> policies_;
  std::map<std::string, Entry, std::less<>> things_;
  std::unordered_map<std::string, std::string> by_certificate_;  // id → the thing whose folder has it
};

}  // namespace sluice::cloud
