#include "cloud/local/things.hpp"

#include <nlohmann/json.hpp>
#include <set>

#include "cloud/local/certificates.hpp"
#include "cloud/local/files.hpp"

namespace sluice::cloud {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Empty: not there.
std::string stamp_of(const fs::path& path) {
  std::error_code ec;
  const auto time = fs::last_write_time(path, ec);
  if (ec) return {};
  const auto size = fs::file_size(path, ec);  // fails for folders
  return path.filename().string() + " " + std::to_string(time.time_since_epoch().count()) + " " +
         (ec ? "" : std::to_string(size)) + "\n";
}

std::string text_or(const json& object, const char* name, std::string otherwise) {
  const auto it = object.find(name);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::move(otherwise);
}

}  // namespace

Things::Things(fs::path directory, Log log) : directory_(std::move(directory)), log_(std::move(log)) {}

result<void> Things::refresh() {
  std::error_code ec;
  std::string policies;
  for (const auto& file : fs::directory_iterator(directory_ / "policies", ec))
    policies += stamp_of(file.path());
  if (policies != policies_stamp_) {
    policies_stamp_ = std::move(policies);
    read_policies();
    things_stamp_.clear();  // things hold policies by value: read them again
    things_.clear();
    by_certificate_.clear();
  }
  std::string things = stamp_of(directory_ / "things");
  if (things.empty()) {
    return Error{errc::not_found, "no folder " + (directory_ / "things").string() +
                                      "; make the directory with sluice-local-cloud --dir DIR --init"};
  }
  if (things != things_stamp_) {
    things_stamp_ = std::move(things);
    read_names();
  }
  return {};
}

void Things::read_names() {
  std::error_code ec;
  std::set<std::string> seen;
  for (const auto& folder : fs::directory_iterator(directory_ / "things", ec)) {
    const std::string name = folder.path().filename().string();
    if (name.starts_with('.') || !folder.is_directory(ec)) continue;
    seen.insert(name);
    if (!things_.contains(name)) read_thing(name);
  }
  std::vector<std::string> gone;
  for (const auto& [name, entry] : things_) {
    if (!seen.contains(name)) gone.push_back(name);
  }
  for (const auto& name : gone) forget(name);
}

void Things::read_policies() {
  policies_.clear();
  std::error_code ec;
  for (const auto& file : fs::directory_iterator(directory_ / "policies", ec)) {
    if (file.path().extension() != ".json") continue;
    const auto text = read_file(file.path());
    auto policy = text ? Policy::parse(*text) : result<Policy>(text.error());
    if (!policy) {
      log_.error("{}: {}; the policy is not used", file.path().string(), policy.error().text);
      continue;
    }
    policies_[file.path().stem().string()] = std::make_shared<const Policy>(std::move(*policy));
  }
}

result<Things::Entry> Things::parse_thing(const std::string& name) const {
  const fs::path folder = directory_ / "things" / name;
  Entry entry;
  entry.stamp = stamp_of(folder / "thing.json");
  const auto text = read_file(folder / "thing.json");
  if (!text) return text.error();
  const json value = json::parse(*text, nullptr, false);
  if (!value.is_object())
    return Error{errc::invalid_argument, (folder / "thing.json").string() + " is not a JSON object"};
  auto thing = std::make_shared<Thing>();
  thing->name = name;
  thing->type = text_or(value, "thingTypeName", "");
  thing->certificate_id = text_or(value, "certificateId", "");
  if (const auto it = value.find("attributes"); it != value.end() && it->is_object()) {
    for (const auto& [key, attribute] : it->items()) {
      if (attribute.is_string()) thing->attributes[key] = attribute.get<std::string>();
    }
  }
  if (const auto pem = read_file(folder / "cert.pem")) {
    auto facts = read_certificate(*pem);
    if (!facts) return Error{errc::tls, (folder / "cert.pem").string() + ": " + facts.error().text};
    auto principal = std::make_shared<Principal>();
    principal->certificate_id = facts->id;
    principal->status = text_or(value, "status", "ACTIVE");
    principal->thing = name;
    principal->variables = std::move(facts->variables);
    const auto names = value.find("policies");
    for (const auto& policy : names != value.end() && names->is_array() ? *names : json::array()) {
      const auto it = policy.is_string() ? policies_.find(policy.get<std::string>()) : policies_.end();
      if (it == policies_.end()) {
        log_.warn("thing {} names the policy {}, which is not in policies/", name, policy.dump());
      } else if (principal->policies.size() < Policy::kMaxPerPrincipal) {
        principal->policies.push_back(it->second);
      }
    }
    if (thing->certificate_id.empty()) thing->certificate_id = facts->id;
    entry.principal = std::move(principal);
  }
  entry.thing = std::move(thing);
  return entry;
}

void Things::read_thing(const std::string& name) {
  forget(name);
  auto entry = parse_thing(name);
  if (!entry) {
    log_.error("thing {} is left out: {}", name, entry.error().text);
    return;
  }
  if (entry->principal) by_certificate_[entry->principal->certificate_id] = name;
  things_[name] = std::move(*entry);
}

void Things::forget(const std::string& name) {
  const auto it = things_.find(name);
  if (it == things_.end()) return;
  if (it->second.principal) by_certificate_.erase(it->second.principal->certificate_id);
  things_.erase(it);
}

std::shared_ptr<const Principal> Things::principal(std::string_view certificate_id) {
  if (auto done = refresh(); !done) log_.error("{}", done.error().text);
  auto it = by_certificate_.find(std::string(certificate_id));
  if (it == by_certificate_.end()) {
    read_names();  // it may have come in the same tick of the file system's clock as the last look
    it = by_certificate_.find(std::string(certificate_id));
  }
  if (it == by_certificate_.end()) return nullptr;
  const std::string name = it->second;
  const auto entry = things_.find(name);
  if (entry != things_.end() &&
      stamp_of(directory_ / "things" / name / "thing.json") != entry->second.stamp) {
    read_thing(name);
  }
  const auto now = things_.find(name);
  return now == things_.end() ? nullptr : now->second.principal;
}

std::shared_ptr<const Thing> Things::thing(std::string_view name) const {
  const auto it = things_.find(name);
  return it == things_.end() ? nullptr : it->second.thing;
}

std::shared_ptr<const Principal> Things::insecure_principal(std::string_view thing_name) {
  if (auto done = refresh(); !done) log_.error("{}", done.error().text);
  if (!things_.contains(thing_name)) read_names();
  if (const auto known = thing(thing_name)) return principal(known->certificate_id);
  auto principal = std::make_shared<Principal>();
  principal->status = "ACTIVE";
  principal->thing = std::string(thing_name);
  if (const auto it = policies_.find("default"); it != policies_.end())
    principal->policies.push_back(it->second);
  return principal;
}

}  // namespace sluice::cloud
