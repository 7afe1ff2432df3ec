#include "cloud/local/setup.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cloud/local/certificates.hpp"
#include "cloud/local/files.hpp"
#include "cloud/local/policy.hpp"
#include "cloud/local/registry/arn.hpp"

namespace sluice::cloud {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// A thing may be itself, speak under dt/, and hear its commands; children of a gateway are named
// {gateway}-{child}.
constexpr const char* kDefaultPolicy = R"({
  "Version": "2012-10-17",
  "Statement": [
    { "Effect": "Allow", "Action": "iot:Connect",
      "Resource": "arn:aws:iot:*:*:client/${iot:Connection.Thing.ThingName}" },
    { "Effect": "Allow", "Action": ["iot:Publish", "iot:RetainPublish"],
      "Resource": ["arn:aws:iot:*:*:topic/dt/*", "arn:aws:iot:*:*:topic/${iot:Connection.Thing.ThingName}/*"] },
    { "Effect": "Allow", "Action": "iot:Publish",
      "Resource": ["arn:aws:iot:*:*:topic/$aws/rules/*", "arn:aws:iot:*:*:topic/cmd/${iot:Connection.Thing.ThingName}/*"] },
    { "Effect": "Allow", "Action": ["iot:Publish", "iot:Receive"],
      "Resource": ["arn:aws:iot:*:*:topic/$aws/things/${iot:Connection.Thing.ThingName}/*",
                   "arn:aws:iot:*:*:topic/$aws/things/${iot:Connection.Thing.ThingName}-*/*"] },
    { "Effect": "Allow", "Action": "iot:Receive",
      "Resource": ["arn:aws:iot:*:*:topic/cmd/${iot:Connection.Thing.ThingName}/*",
                   "arn:aws:iot:*:*:topic/dt/${iot:Connection.Thing.ThingName}/*"] },
    { "Effect": "Allow", "Action": "iot:Subscribe",
      "Resource": ["arn:aws:iot:*:*:topicfilter/dt/${iot:Connection.Thing.ThingName}/*",
                   "arn:aws:iot:*:*:topicfilter/cmd/${iot:Connection.Thing.ThingName}/*",
                   "arn:aws:iot:*:*:topicfilter/$aws/things/${iot:Connection.Thing.ThingName}/*",
                   "arn:aws:iot:*:*:topicfilter/$aws/things/${iot:Connection.Thing.ThingName}-*/*"] }
  ]
}
)";
constexpr const char* kAllPolicy = R"({
  "Version": "2012-10-17",
  "Statement": [ { "Effect": "Allow", "Action": "iot:*", "Resource": "*" } ]
}
)";

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

}  // namespace

result<void> init_directory(const fs::path& directory, const std::vector<std::string>& regions,
                            const std::vector<std::string>& names, WallTime now) {
  if (fs::exists(directory / "ca.pem")) {
    return Error{errc::exists, directory.string() + " is a local cloud already; remove it to make a new one"};
  }
  for (const char* folder : {"things", "policies"}) {
    if (auto done = make_folder(directory / folder); !done) return done;
  }
  const auto authority = make_authority("Sluice local cloud CA", now);
  if (!authority) return authority.error();
  std::vector<std::string> all = {"localhost", "127.0.0.1", "::1"};
  for (const auto& region : regions) all.push_back("*.iot." + region + ".local.test");
  all.insert(all.end(), names.begin(), names.end());
  const auto server = make_server_certificate(*authority, all, now);
  if (!server) return server.error();
  if (auto done = write_new_file(directory / "policies" / "default.json", kDefaultPolicy, 0644); !done)
    return done;
  if (auto done = write_new_file(directory / "policies" / "all.json", kAllPolicy, 0644); !done) return done;
  if (auto done = write_pair(directory / "server.pem", directory / "server.key", *server); !done) return done;
  return write_pair(directory / "ca.pem", directory / "ca.key", *authority);
}

result<void> add_thing(const fs::path& directory, const NewThing& thing, WallTime now) {
  if (!valid_thing_name(thing.name)) {
    return Error{errc::invalid_argument,
                 "thing name \"" + thing.name + "\": AWS takes 1 to 128 of a-z A-Z 0-9 : _ -"};
  }
  const fs::path target = directory / "things" / thing.name;
  if (fs::exists(target)) return Error{errc::exists, "thing " + thing.name + " exists: " + target.string()};
  json description = {
      {"thingName", thing.name}, {"thingTypeName", thing.type}, {"attributes", thing.attributes}};
  const fs::path draft = directory / "things" / ("." + thing.name + ".new");
  std::error_code ignored;
  fs::remove_all(draft, ignored);
  if (auto done = make_folder(draft); !done) return done;
  if (thing.certificate_of.empty()) {
    const auto certificate = read_file(directory / "ca.pem"), key = read_file(directory / "ca.key");
    if (!certificate || !key) {
      return Error{errc::not_found, directory.string() + " has no ca.pem or ca.key; run --init first"};
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
