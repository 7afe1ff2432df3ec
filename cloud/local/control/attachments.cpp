// What belongs to what: policies to certificates, certificates to things.
#include <algorithm>

#include "cloud/local/control/operations.hpp"
#include "cloud/local/registry/aws_refusal.hpp"

namespace sluice::cloud::control {
namespace {

using nlohmann::json;

std::string principal_of(const Call& call) {
  for (const char* name : {"x-amzn-principal", "x-amzn-iot-principal"}) {
    if (const auto value = call.request.header(name); !value.empty()) return std::string(value);
  }
  return {};
}

Answered attach_policy(const Call& call) {
  return done(call.iot.attach_policy(call.name("policyName"), call.text("target")));
}
Answered detach_policy(const Call& call) {
  return done(call.iot.detach_policy(call.name("policyName"), call.text("target")));
}
// The older names of the same two.
Answered attach_principal_policy(const Call& call) {
  return done(call.iot.attach_policy(call.name("policyName"), principal_of(call)));
}
Answered detach_principal_policy(const Call& call) {
  return done(call.iot.detach_policy(call.name("policyName"), principal_of(call)));
}

Answered attached_policies(const Call& call) {
  const auto names = call.iot.attached_policies(call.name("target"));
  if (!names) return names.error();
  std::map<std::string, json> items;
  for (const auto& name : *names)
    items[name] = {{"policyName", name}, {"policyArn", arn(call.iot.scope(), "policy", name)}};
  return page(call, kByMarker, "policies", items);
}

Answered targets(const Call& call) {
  const auto& name = call.name("policyName");
  if (!valid_policy_name(name) || !call.registry().policies().find(name))
    return not_found("Policy not found (name=" + name + ")");
  std::map<std::string, json> items;
  call.registry().each_certificate([&](const CertificateRecord& record) {
    if (std::ranges::find(record.policies, name) != record.policies.end())
      items[record.id] = arn(call.iot.scope(), "cert", record.id);
  });
  return page(call, kByMarker, "targets", items);
}

Answered attach_thing(const Call& call) {
  return done(call.iot.attach_thing_principal(call.name("thingName"), principal_of(call)));
}
Answered detach_thing(const Call& call) {
  return done(call.iot.detach_thing_principal(call.name("thingName"), principal_of(call)));
}

Answered listed(const Call& call, const char* list, const aws::result<std::vector<std::string>>& names) {
  if (!names) return names.error();
  std::map<std::string, json> items;
  for (const auto& name : *names) items[name] = name;
  return page(call, kByToken, list, items);
}

Answered thing_principals(const Call& call) {
  return listed(call, "principals", call.iot.thing_principals(call.name("thingName")));
}
Answered principal_things(const Call& call) {
  return listed(call, "things", call.iot.principal_things(principal_of(call)));
}

constexpr Operation kOperations[] = {
    {"AttachPolicy", "PUT", "/target-policies/{policyName}", attach_policy},
    {"DetachPolicy", "POST", "/target-policies/{policyName}", detach_policy},
    {"AttachPrincipalPolicy", "PUT", "/principal-policies/{policyName}", attach_principal_policy},
    {"DetachPrincipalPolicy", "DELETE", "/principal-policies/{policyName}", detach_principal_policy},
    {"ListAttachedPolicies", "POST", "/attached-policies/{target}", attached_policies},
    {"ListTargetsForPolicy", "POST", "/policy-targets/{policyName}", targets},
    {"AttachThingPrincipal", "PUT", "/things/{thingName}/principals", attach_thing},
    {"DetachThingPrincipal", "DELETE", "/things/{thingName}/principals", detach_thing},
    {"ListThingPrincipals", "GET", "/things/{thingName}/principals", thing_principals},
    {"ListPrincipalThings", "GET", "/principals/things", principal_things},
};

}  // namespace

std::span<const Operation> attachment_operations() { return kOperations; }

}  // namespace sluice::cloud::control
