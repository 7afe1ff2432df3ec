#include "cloud/local/client_context.hpp"

#include <fmt/format.h>

namespace sluice::cloud {
namespace {

constexpr std::size_t kMostAnswers = 2048;

// What iot:ConnectAttributes holds: a session that outlives the connection, a will.
std::vector<std::string> connect_attributes(const mqtt::Connect& connect) {
  std::vector<std::string> attributes;
  const bool persistent =
      connect.version == mqtt::Version::v5 ? connect.session_expiry.value_or(0) > 0 : !connect.clean_start;
  if (persistent) attributes.emplace_back("PersistentConnect");
  if (connect.will) attributes.emplace_back("LastWill");
  return attributes;
}

}  // namespace

ClientContext::ClientContext(const ArnScope& scope, const QuotaOptions& quotas, const PeerFacts& facts,
                             const mqtt::Connect& connect)
    : peer(facts),
      publishes(quotas.publishes_per_second, quotas.publishes_per_second),
      mqtt5(connect.version == mqtt::Version::v5),
      scope_(scope) {
  presence.client_id = connect.client_id;
  presence.session_id = new_uuid();
  presence.ip_address = facts.address;
  variables_.set("iot:ConnectAttributes", connect_attributes(connect));
  variables_.set("aws:SourceIp", {facts.address});
  if (!facts.server_name.empty()) variables_.set("iot:DomainName", {facts.server_name});
}

void ClientContext::set_identity(std::shared_ptr<const Principal> principal,
                                 std::shared_ptr<const Thing> thing) {
  principal_ = std::move(principal);
  thing_ = std::move(thing);
  answers_.clear();
  presence.principal_id = principal_->certificate_id;
  for (const auto& [name, values] : principal_->variables) variables_.set(name, values);
  set_client_id(std::string(presence.client_id));
}

void ClientContext::set_client_id(std::string_view client_id) {
  presence.client_id = client_id;
  answers_.clear();
  variables_.set("iot:ClientId", {presence.client_id});
  set_thing_variables();
}

// They resolve only when the client id names the thing, and all but IsAttached only when the certificate is
// its own. Without a certificate (plain listener) the client id alone makes the thing.
void ClientContext::set_thing_variables() {
  const std::string prefix = "iot:Connection.Thing.";
  const bool insecure = principal_->certificate_id.empty();
  const bool same = thing_ && thing_->name == presence.client_id;
  const bool attached = insecure || (same && thing_->has(principal_->certificate_id));
  presence.thing_name = attached ? presence.client_id : principal_->thing;
  if (same || insecure) variables_.set(prefix + "IsAttached", {attached ? "true" : "false"});
  if (!attached) return;
  variables_.set(prefix + "ThingName", {presence.client_id});
  if (!same) return;
  if (!thing_->type.empty()) variables_.set(prefix + "ThingTypeName", {thing_->type});
  for (const auto& [name, value] : thing_->attributes)
    variables_.set(fmt::format("{}Attributes[{}]", prefix, name), {value});
}

bool ClientContext::may(std::string_view action, std::string_view kind, std::string_view name) {
  std::string key;
  key.reserve(action.size() + name.size() + 1);
  key.append(action).append(1, ' ').append(name);
  if (const auto it = answers_.find(key); it != answers_.end()) return it->second;
  const bool answer = allowed(principal_->policies, action, arn(scope_, kind, name), variables_);
  if (answers_.size() >= kMostAnswers) answers_.clear();
  answers_.emplace(std::move(key), answer);
  return answer;
}

}  // namespace sluice::cloud
