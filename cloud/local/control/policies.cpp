// Policies: create, get, list, delete. They have one version.
#include "cloud/local/control/operations.hpp"
#include "cloud/local/registry/aws_refusal.hpp"

namespace sluice::cloud::control {
namespace {

using nlohmann::json;

json summary(const Call& call, const std::string& name) {
  return {{"policyName", name}, {"policyArn", arn(call.iot.scope(), "policy", name)}};
}

Answered create(const Call& call) {
  const auto& name = call.name("policyName");
  const auto document = call.text("policyDocument");
  if (auto made = call.iot.create_policy(name, document); !made) return made.error();
  Document answer{summary(call, name)};
  answer.body["policyDocument"] = document;
  answer.body["policyVersionId"] = "1";
  return answer;
}

Answered get(const Call& call) {
  const auto& name = call.name("policyName");
  const auto policy = valid_policy_name(name) ? call.registry().policies().find(name) : nullptr;
  if (!policy) return not_found("Policy not found (name=" + name + ")");
  Document answer{summary(call, name)};
  answer.body["policyDocument"] = policy->document;
  answer.body["defaultVersionId"] = "1";
  return answer;
}

Answered list(const Call& call) {
  std::map<std::string, json> items;
  call.registry().policies().each(
      [&](const std::string& name, const PolicyRecord&) { items[name] = summary(call, name); });
  return page(call, kByMarker, "policies", items);
}

Answered remove(const Call& call) { return done(call.iot.delete_policy(call.name("policyName"))); }

constexpr Operation kOperations[] = {
    {"CreatePolicy", "POST", "/policies/{policyName}", create},
    {"GetPolicy", "GET", "/policies/{policyName}", get},
    {"ListPolicies", "GET", "/policies", list},
    {"DeletePolicy", "DELETE", "/policies/{policyName}", remove},
};

}  // namespace

std::span<const Operation> policy_operations() { return kOperations; }

}  // namespace sluice::cloud::control
