#include "cloud/local/setup.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cloud/local/certificates.hpp"
#include "cloud/local/control/access_keys.hpp"
#include "cloud/local/files.hpp"
#include "cloud/local/policy.hpp"
#include "cloud/local/registry/arn.hpp"
#include "cloud/local/registry/records.hpp"
#include "cloud/local/setup_documents.hpp"

namespace sluice::cloud {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

result<void> make_folder(const fs::path& path) {
  std::error_code ec;
  fs::create_directories(path, ec);
  if (ec) return Error{errc::io, path.string() + ": " + ec.message()};
  return {};
}

result<void> write_pair(const fs::path& certificate, const fs::path& key, const KeyAndCertificate& pair) {
  if (auto done = write_new_file(key, pair.key, 0600); !done) return done;
  return write_new_file(certificate, pair.certificate, 0644);
}

// A name stays; a file is copied into policies/ under its stem.
result<std::string> adopt_policy(const fs::path& directory, const std::string& given) {
  if (fs::exists(directory / "policies" / (given + ".json"))) return given;
  const auto text = read_file(given);
  if (!text) return Error{errc::not_found, "no policy \"" + given + "\" in policies/ and no such file"};
  if (auto parsed = Policy::parse(*text); !parsed)
    return Error{parsed.error().code, given + ": " + parsed.error().text};
  std::string name = fs::path(given).stem().string();
  const fs::path target = directory / "policies" / (name + ".json");
  if (const auto there = read_file(target); there && *there == *text) return name;
  if (auto done = write_new_file(target, *text, 0644); !done) {
    return Error{done.error().code, done.error().text + "; rename the policy file or remove the other one"};
  }
  return name;
}

// What a registry has from the start: policies, templates, a role alias, and the claim certificate.
result<void> init_registry(const fs::path& folder, const std::string& claim_pem, WallTime now) {
  for (const char* name :
       {"things", "policies", "certificates", "cas", "templates", "role-aliases", "thing-types"}) {
    if (auto done = make_folder(folder / name); !done) return done;
  }
  for (const auto& [name, document] : {std::pair<std::string, std::string>("default", kDefaultPolicyDocument),
                                       {"all", kAllPolicyDocument},
                                       {kClaimPolicy, kClaimPolicyDocument},
                                       {"device", device_policy_document()},
                                       {"gateway", gateway_policy_document()}}) {
    if (auto done = write_new_file(folder / "policies" / (name + ".json"), document, 0644); !done)
      return done;
  }
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  TemplateRecord fleet, jitp;
  fleet.body = kFleetTemplate;
  fleet.hook_arn = "arn:aws:lambda:local:123456789012:function:fleet-hook";
  fleet.hook_version = "2020-04-01";
  jitp.body = kJitpTemplate;
  jitp.type = "JITP";
  for (auto* record : {&fleet, &jitp}) {
    record->role_arn = "arn:aws:iam::123456789012:role/provisioning";
    record->created = record->modified = seconds;
  }
  const RoleAliasRecord alias{"gateway", "arn:aws:iam::123456789012:role/gateway", 3600, seconds, seconds};
  CertificateRecord claim;
  const auto facts = read_certificate(claim_pem);
  if (!facts) return facts.error();
  claim.pem = claim_pem;
  claim.status = "ACTIVE";
  claim.policies = {kClaimPolicy};
  claim.created = claim.modified = seconds;
  for (const auto& [path, text] :
       {std::pair(folder / "templates" / "fleet.json", to_text(fleet)),
        std::pair(folder / "templates" / "jitp.json", to_text(jitp)),
        std::pair(folder / "role-aliases" / "gateway.json", to_text(alias)),
        std::pair(folder / "certificates" / (facts->id + ".json"), to_text(claim))}) {
    if (auto done = write_new_file(path, text, 0644); !done) return done;
  }
  return {};
}

}  // namespace

fs::path registry_folder(const fs::path& directory, const std::string& region) {
  const auto own = directory / "regions" / region;
  return !region.empty() && fs::exists(own) ? own : directory;
}

result<void> add_region(const fs::path& directory, const std::string& region, WallTime now) {
  if (fs::exists(directory / "regions" / region)) return {};
  const auto claim = read_file(directory / "claim" / "cert.pem");
  if (!claim) return Error{claim.error().code, claim.error().text + "; make the directory with --init"};
  // Whole or not at all.
  const auto draft = directory / "regions" / ("." + region + ".new");
  std::error_code ec;
  fs::remove_all(draft, ec);
  if (auto done = init_registry(draft, *claim, now); !done) return done;
  fs::rename(draft, directory / "regions" / region, ec);
  return ec ? result<void>(Error{errc::io, (directory / "regions" / region).string() + ": " + ec.message()})
            : result<void>();
}

result<void> add_thing_type(const fs::path& directory, const std::string& name, WallTime now) {
  if (!valid_thing_name(name)) {
    return Error{errc::invalid_argument,
                 "thing type \"" + name + "\": AWS takes 1 to 128 of a-z A-Z 0-9 : _ -"};
  }
  std::vector<fs::path> registries = {directory};
  std::error_code ec;
  for (const auto& region : fs::directory_iterator(directory / "regions", ec))
    registries.push_back(region.path());
  for (const auto& registry : registries) {
    const auto file = registry / "thing-types" / (name + ".json");
    if (fs::exists(file)) continue;
    ThingTypeRecord type;
    type.name = name;
    type.id = new_uuid();
    type.created = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
    if (auto done = write_file(file, to_text(type), 0644); !done) return done;
  }
  return {};
}

result<void> init_directory(const fs::path& directory, const std::vector<std::string>& regions,
                            const std::vector<std::string>& names, WallTime now) {
  if (fs::exists(directory / "ca.pem")) {
    return Error{errc::exists, directory.string() + " is a local cloud already; remove it to make a new one"};
  }
  for (const char* folder : {"claim", "devices"}) {
    if (auto done = make_folder(directory / folder); !done) return done;
  }
  const auto authority = make_authority("Sluice local cloud CA", now);
  if (!authority) return authority.error();
  std::vector<std::string> all = {"localhost", "127.0.0.1", "::1"};
  // Regions may have loopback addresses of their own.
  for (int last = 2; last <= 9; ++last) all.push_back("127.0.0." + std::to_string(last));
  for (const auto& region : regions) all.push_back("*.iot." + region + ".local.test");
  all.insert(all.end(), names.begin(), names.end());
  const auto server = make_server_certificate(*authority, all, now);
  if (!server) return server.error();
  const auto claim = make_client_certificate(*authority, "Sluice claim", now);
  if (!claim) return claim.error();
  if (auto done = write_pair(directory / "claim" / "cert.pem", directory / "claim" / "key.pem", *claim);
      !done)
    return done;
  if (auto done = init_registry(directory, claim->certificate, now); !done) return done;
  if (auto done = make_admin_credentials(directory); !done) return done;
  if (regions.size() > 1) {
    for (const auto& region : regions) {
      if (auto done = add_region(directory, region, now); !done) return done;
    }
  }
  if (auto done = write_pair(directory / "server.pem", directory / "server.key", *server); !done) return done;
  return write_pair(directory / "ca.pem", directory / "ca.key", *authority);
}

result<void> add_thing(const fs::path& cloud, const NewThing& thing, WallTime now) {
  const fs::path directory = registry_folder(cloud, thing.region);
  if (!valid_thing_name(thing.name)) {
    return Error{errc::invalid_argument,
                 "thing name \"" + thing.name + "\": AWS takes 1 to 128 of a-z A-Z 0-9 : _ -"};
  }
  const fs::path target = directory / "things" / thing.name;
  if (fs::exists(target)) return Error{errc::exists, "thing " + thing.name + " exists: " + target.string()};
  json description = {{"thingName", thing.name},
                      {"thingId", new_uuid()},
                      {"thingTypeName", thing.type},
                      {"attributes", thing.attributes}};
  const fs::path draft = directory / "things" / ("." + thing.name + ".new");
  std::error_code ignored;
  fs::remove_all(draft, ignored);
  if (auto done = make_folder(draft); !done) return done;
  if (thing.certificate_of.empty()) {
    const auto certificate = read_file(cloud / "ca.pem"), key = read_file(cloud / "ca.key");
    if (!certificate || !key) {
      return Error{errc::not_found, cloud.string() + " has no ca.pem or ca.key; run --init first"};
    }
    const auto pair = make_client_certificate({*certificate, *key}, thing.name, now);
    if (!pair) return pair.error();
    const auto facts = read_certificate(pair->certificate);
    if (!facts) return facts.error();
    json policies = json::array();
    for (const auto& given : thing.policies.empty() ? std::vector<std::string>{"default"} : thing.policies) {
      auto name = adopt_policy(directory, given);
      if (!name) return name.error();
      policies.push_back(*name);
    }
    description["certificateId"] = facts->id;
    description["status"] = "ACTIVE";
    description["policies"] = std::move(policies);
    if (auto done = write_pair(draft / "cert.pem", draft / "key.pem", *pair); !done) return done;
  } else {
    const auto pem = read_file(directory / "things" / thing.certificate_of / "cert.pem");
    if (!pem)
      return Error{errc::not_found, "thing " + thing.certificate_of + " has no certificate to attach to"};
    const auto facts = read_certificate(*pem);
    if (!facts) return facts.error();
    description["certificateId"] = facts->id;
  }
  if (auto done = write_new_file(draft / "thing.json", description.dump(2) + "\n", 0644); !done) return done;
  std::error_code ec;
  fs::rename(draft, target, ec);
  if (ec) return Error{errc::io, target.string() + ": " + ec.message()};
  return {};
}

}  // namespace sluice::cloud
