#include "cloud/local/registry/registry.hpp"

#include <algorithm>

namespace sluice::cloud {
namespace {

namespace fs = std::filesystem;

}  // namespace

Registry::Registry(fs::path directory, Log log)
    : directory_(std::move(directory)),
      log_(std::move(log)),
      things_(
          directory_ / "things", "/thing.json",
          [this](const std::string& name, const std::string& text) {
            const auto pem = read_file(directory_ / "things" / name / "cert.pem");
            return parse_thing(name, text, pem ? &*pem : nullptr);
          },
          log_,
          [this](const std::string& name, const ThingFolder* before, const ThingFolder* after) {
            thing_changed(name, before, after);
          }),
      certificates_(directory_ / "certificates", ".json", parse_certificate, log_,
                    [this](const std::string& id, const CertificateRecord*, const CertificateRecord* after) {
                      if (after == nullptr) principals_.erase(id);
                      if (after != nullptr && after->expires != 0) {
                        temporary_.insert(id);
                      } else {
                        temporary_.erase(id);
                      }
                    }),
      policies_(directory_ / "policies", ".json", parse_policy, log_),
      authorities_(directory_ / "cas", ".json", parse_authority, log_),
      templates_(directory_ / "templates", ".json", parse_template, log_),
      role_aliases_(directory_ / "role-aliases", ".json", parse_role_alias, log_),
      thing_types_(directory_ / "thing-types", ".json", parse_thing_type, log_) {}

result<void> Registry::refresh() {
  policies_.refresh_all();
  certificates_.refresh();
  if (things_.refresh()) return {};
  return Error{errc::not_found, "no folder " + things_.folder().string() +
                                    "; make the directory with sluice-local-cloud --dir DIR --init"};
}

void Registry::thing_changed(const std::string& name, const ThingFolder* before, const ThingFolder* after) {
  if (before != nullptr) {
    for (const auto& id : before->thing.certificates) {
      const auto it = attached_.find(id);
      if (it == attached_.end()) continue;
      it->second.erase(name);
      if (it->second.empty()) attached_.erase(it);
    }
    if (before->certificate) in_folder_.erase(before->certificate->id);
  }
  if (after == nullptr) return;
  for (const auto& id : after->thing.certificates) attached_[id].insert(name);
  if (after->certificate) in_folder_[after->certificate->id] = name;
}

std::shared_ptr<const CertificateRecord> Registry::certificate(std::string_view id) {
  things_.refresh();
  if (auto record = certificates_.find(id)) return record;
  const auto it = in_folder_.find(std::string(id));
  if (it == in_folder_.end()) return nullptr;
  const auto folder = things_.find(std::string(it->second));
  return folder && folder->certificate && folder->certificate->id == id ? folder->certificate : nullptr;
}

std::vector<std::string> Registry::things_of(std::string_view certificate_id) {
  things_.refresh();
  const auto it = attached_.find(std::string(certificate_id));
  return it == attached_.end() ? std::vector<std::string>{}
                               : std::vector<std::string>(it->second.begin(), it->second.end());
}

std::shared_ptr<const Principal> Registry::principal(std::string_view certificate_id) {
  if (auto done = refresh(); !done) log_.error("{}", done.error().text);
  const auto record = certificate(certificate_id);
  if (!record) {
    principals_.erase(std::string(certificate_id));
    return nullptr;
  }
  const auto things = things_of(certificate_id);
  const std::string thing =
      record->thing_folder.empty() ? (things.empty() ? std::string() : things.front()) : record->thing_folder;
  Cached& cached = principals_[record->id];
  if (cached.record == record && cached.policies == policies_.revision() && cached.principal->thing == thing)
    return cached.principal;
  auto principal = std::make_shared<Principal>();
  principal->certificate_id = record->id;
  principal->status = record->status;
  principal->thing = thing;
  principal->variables = record->facts.variables;
  for (const auto& name : record->policies) {
    if (const auto policy = policies_.find(name); !policy) {
      log_.warn("certificate {} has the policy {}, which is not in policies/", record->id, name);
    } else if (principal->policies.size() < Policy::kMaxPerPrincipal) {
      principal->policies.push_back(policy->policy);
    }
  }
  cached = {record, policies_.revision(), principal};
  return principal;
}

std::shared_ptr<const Principal> Registry::insecure_principal(std::string_view thing_name) {
  if (auto done = refresh(); !done) log_.error("{}", done.error().text);
  if (const auto known = thing(thing_name); known && !known->certificates.empty()) {
    if (auto own = principal(known->certificates.front())) return own;
  }
  auto made = std::make_shared<Principal>();
  made->status = "ACTIVE";
  made->thing = std::string(thing_name);
  if (const auto policy = policies_.find("default")) made->policies.push_back(policy->policy);
  return made;
}

std::shared_ptr<const Thing> Registry::thing(std::string_view name) {
  const auto folder = things_.find(name);
  return folder ? std::shared_ptr<const Thing>(folder, &folder->thing) : nullptr;
}

void Registry::each_thing(const std::function<void(const Thing&)>& fn) {
  things_.each([&](const std::string&, const ThingFolder& folder) { fn(folder.thing); });
}

result<void> Registry::move_out(const std::string& thing, const CertificateRecord& record) {
  CertificateRecord moved = record;
  moved.thing_folder.clear();
  if (auto done = certificates_.write(moved.id, to_text(moved)); !done) return done;
  std::error_code ec;
  fs::remove(things_.folder() / thing / "cert.pem", ec);
  return ec ? result<void>(Error{errc::io, "thing " + thing + ": cert.pem: " + ec.message()})
            : result<void>();
}

result<void> Registry::save(const Thing& thing) {
  const auto folder = things_.find(thing.name);
  std::shared_ptr<const CertificateRecord> own = folder ? folder->certificate : nullptr;
  if (own && !thing.has(own->id)) {
    if (auto done = move_out(thing.name, *own); !done) return done;
    own = nullptr;
  }
  if (folder) return things_.write(thing.name, to_text(thing, own.get()));
  // A new one appears whole: its folder is renamed into place.
  const fs::path draft = things_.folder() / ("." + thing.name + ".new");
  std::error_code ec;
  fs::remove_all(draft, ec);
  fs::create_directories(draft, ec);
  if (auto done = write_new_file(draft / "thing.json", to_text(thing, nullptr), 0644); !done) return done;
  fs::rename(draft, things_.folder() / thing.name, ec);
  if (ec) return Error{errc::io, "thing " + thing.name + ": " + ec.message()};
  return things_.find(thing.name) ? result<void>()
                                  : Error{errc::io, "thing " + thing.name + " cannot be read back"};
}

result<void> Registry::erase_thing(const std::string& name) {
  const auto folder = things_.find(name);
  if (!folder) return {};
  if (folder->certificate) {
    if (auto done = move_out(name, *folder->certificate); !done) return done;
  }
  return things_.erase(name);
}

void Registry::each_certificate(const std::function<void(const CertificateRecord&)>& fn) {
  things_.refresh_all();
  certificates_.each([&](const std::string&, const CertificateRecord& record) { fn(record); });
  for (const auto& [id, name] : std::unordered_map(in_folder_)) {
    const auto record = certificate(id);
    if (record && !record->thing_folder.empty()) fn(*record);
  }
}

result<void> Registry::save(const CertificateRecord& record) {
  if (record.thing_folder.empty()) return certificates_.write(record.id, to_text(record));
  const auto folder = things_.find(record.thing_folder);
  if (!folder) return Error{errc::not_found, "thing " + record.thing_folder + " has gone"};
  return things_.write(record.thing_folder, to_text(folder->thing, &record));
}

result<void> Registry::erase_certificate(const std::string& id) {
  for (const auto& name : things_of(id)) {
    const auto known = thing(name);
    if (!known) continue;
    Thing changed = *known;
    std::erase(changed.certificates, id);
    if (auto done = save(changed); !done) return done;
  }
  return certificates_.erase(id);
}

std::string Registry::auto_registering_authority(const X509* certificate) {
  std::string found;
  authorities_.each([&](const std::string& id, const AuthorityRecord& authority) {
    if (found.empty() && authority.status == "ACTIVE" && authority.auto_registration &&
        signed_by(certificate, authority.pem)) {
      found = id;
    }
  });
  return found;
}

void Registry::drop_expired(std::int64_t now) {
  for (const auto& id : std::set(temporary_)) {
    const auto record = certificates_.find(id);
    if (!record || record->expires == 0 || record->expires > now) continue;
    if (auto done = erase_certificate(id); !done) log_.error("{}", done.error().text);
  }
}

}  // namespace sluice::cloud
