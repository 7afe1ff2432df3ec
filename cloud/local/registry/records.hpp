// What AWS IoT keeps of one region: things, certificates, policies, authorities, templates, role aliases,
// thing types, as they stand in the directory's files (JSON). Held by the registry.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/local/certificates.hpp"
#include "cloud/local/policy.hpp"

namespace sluice::cloud {

struct Thing {
  std::string name, id, type;  // id: AWS's thingId, a UUID
  std::map<std::string, std::string> attributes;
  std::vector<std::string> certificates;  // ids of what is attached
  std::int64_t version = 1;
  bool has(std::string_view certificate) const;
};

struct CertificateRecord {
  std::string id, pem;
  std::string status;  // ACTIVE, INACTIVE, REVOKED, PENDING_ACTIVATION
  std::vector<std::string> policies;
  // How it came: issued here; registered under an authority of the registry (its id); registered without one.
  std::string authority;
  std::string mode = "DEFAULT";  // or SNI_ONLY
  bool foreign = false;          // not issued by this cloud
  std::int64_t created = 0, modified = 0;
  std::int64_t expires =
      0;  // temporary ones (claims, unused fleet certificates): when it is deleted; 0: never
  std::string thing_folder;  // the thing whose folder holds it; empty: certificates/
  CertificateFacts facts;
};

struct PolicyRecord {
  std::string document;
  std::shared_ptr<const Policy> policy;
};

struct AuthorityRecord {  // a registered CA
  std::string id, pem;
  std::string status;  // ACTIVE, INACTIVE
  bool auto_registration = false;
  std::string mode = "DEFAULT";
  std::string template_name, template_body, role_arn;  // JITP; empty: JITR
  std::int64_t created = 0, modified = 0;
  CertificateFacts facts;
};

struct TemplateRecord {
  std::string name, description, body, role_arn, type = "FLEET_PROVISIONING";
  std::string hook_arn, hook_version;  // empty: no hook
  bool enabled = true;
  std::int64_t created = 0, modified = 0;
};

struct RoleAliasRecord {
  std::string alias, role_arn;
  std::int64_t seconds = 3600, created = 0, modified = 0;
};

struct ThingTypeRecord {
  std::string name, id, description;
  std::vector<std::string> searchable;
  bool deprecated = false;
  std::int64_t created = 0, deprecated_at = 0;
};

// A thing's folder: thing.json and, for add-thing, cert.pem beside it.
struct ThingFolder {
  Thing thing;
  std::shared_ptr<const CertificateRecord> certificate;  // null: none in this folder
};

result<ThingFolder> parse_thing(const std::string& name, const std::string& text,
                                const std::string* certificate_pem);
result<CertificateRecord> parse_certificate(const std::string& id, const std::string& text);
result<PolicyRecord> parse_policy(const std::string& name, const std::string& text);
result<AuthorityRecord> parse_authority(const std::string& id, const std::string& text);
result<TemplateRecord> parse_template(const std::string& name, const std::string& text);
result<RoleAliasRecord> parse_role_alias(const std::string& alias, const std::string& text);
result<ThingTypeRecord> parse_thing_type(const std::string& name, const std::string& text);

// thing.json; with the status and policies of the certificate in the folder, if there is one.
std::string to_text(const Thing& thing, const CertificateRecord* in_folder);
std::string to_text(const CertificateRecord& record);
std::string to_text(const AuthorityRecord& record);
std::string to_text(const TemplateRecord& record);
std::string to_text(const RoleAliasRecord& record);
std::string to_text(const ThingTypeRecord& record);

}  // namespace sluice::cloud
