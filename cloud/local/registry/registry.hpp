// One region's registry, as its directory says it (docs/local-cloud.md, "The directory"). Reads again what
// changed on disk, so that things, policies and certificate states can be changed by hand while the cloud
// runs; what the cloud itself changes is in force at once. Knows no rules of AWS: those are in
// local_iot_control and control/. Used by the TLS context, the broker's host, the control plane and
// provisioning. One loop thread.
#pragma once

#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cloud/local/registry/record_folder.hpp"
#include "cloud/local/registry/records.hpp"

namespace sluice::cloud {

// A certificate as policies see it.
struct Principal {
  std::string certificate_id, status;
  std::string thing;  // the first that it is attached to; may be empty
  PolicyList policies;
  std::vector<std::pair<std::string, std::vector<std::string>>> variables;
  bool active() const { return status == "ACTIVE"; }
};

class Registry {
 public:
  Registry(std::filesystem::path directory, Log log);

  const std::filesystem::path& directory() const { return directory_; }
  // Looks at the directory's times and reads what changed. What cannot be read is logged and left out. Error:
  // the directory is not that of a local cloud.
  result<void> refresh();

  // Null: not registered. The same object as long as nothing changed.
  std::shared_ptr<const Principal> principal(std::string_view certificate_id);
  // A principal without a certificate, for the plain listener: that of the thing, or the default policy
  // alone.
  std::shared_ptr<const Principal> insecure_principal(std::string_view thing_name);

  std::shared_ptr<const Thing> thing(std::string_view name);
  void each_thing(const std::function<void(const Thing&)>& fn);
  std::size_t size() const { return things_.size(); }
  // A new thing, or a change. A certificate in the thing's folder that is no longer attached moves to
  // certificates/.
  result<void> save(const Thing& thing);
  result<void> erase_thing(const std::string& name);

  std::shared_ptr<const CertificateRecord> certificate(std::string_view id);
  void each_certificate(const std::function<void(const CertificateRecord&)>& fn);
  std::vector<std::string> things_of(std::string_view certificate_id);
  result<void> save(const CertificateRecord& record);
  // Also detaches it from its things.
  result<void> erase_certificate(const std::string& id);
  // Deletes temporary certificates (claims, unused ones) whose time is over.
  void drop_expired(std::int64_t now);

  // The active CA with auto-registration that signed it; empty: none.
  std::string auto_registering_authority(const X509* certificate);

  RecordFolder<PolicyRecord>& policies() { return policies_; }
  RecordFolder<AuthorityRecord>& authorities() { return authorities_; }
  RecordFolder<TemplateRecord>& templates() { return templates_; }
  RecordFolder<RoleAliasRecord>& role_aliases() { return role_aliases_; }
  RecordFolder<ThingTypeRecord>& thing_types() { return thing_types_; }

 private:
  struct Cached {
    std::shared_ptr<const CertificateRecord> record;
    std::uint64_t policies = 0;
    std::shared_ptr<const Principal> principal;
  };
  void thing_changed(const std::string& name, const ThingFolder* before, const ThingFolder* after);
  // Its certificate leaves the thing's folder and is a file of its own.
  result<void> move_out(const std::string& thing, const CertificateRecord& record);

  std::filesystem::path directory_;
  Log log_;
  RecordFolder<ThingFolder> things_;
  RecordFolder<CertificateRecord> certificates_;
  RecordFolder<PolicyRecord> policies_;
  RecordFolder<AuthorityRecord> authorities_;
  RecordFolder<TemplateRecord> templates_;
  RecordFolder<RoleAliasRecord> role_aliases_;
  RecordFolder<ThingTypeRecord> thing_types_;
  std::unordered_map<std::string, std::set<std::string>> attached_;  // certificate id → things
  std::unordered_map<std::string, std::string> in_folder_;  // certificate id → the thing whose folder has it
  std::set<std::string> temporary_;                         // certificates that expire
  std::unordered_map<std::string, Cached> principals_;
};

}  // namespace sluice::cloud
