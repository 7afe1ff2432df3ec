#include "cloud/local/registry/local_iot_control.hpp"

#include <algorithm>

#include "cloud/local/registry/aws_refusal.hpp"

namespace sluice::cloud {
namespace {

constexpr std::size_t kMostTopicsPerThing = 50, kMostWithoutType = 3, kMostName = 128, kMostValue = 800;

bool attribute_text(std::string_view text, std::string_view marks) {
  return std::ranges::all_of(text, [marks](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           marks.find(c) != std::string_view::npos;
  });
}

aws::Thing described(const Thing& thing, const ArnScope& scope) {
  return {thing.name, arn(scope, "thing", thing.name), thing.type, thing.attributes};
}

}  // namespace

aws::result<void> check_attributes(const std::map<std::string, std::string>& attributes, bool has_type) {
  const std::size_t most = has_type ? kMostTopicsPerThing : kMostWithoutType;
  if (attributes.size() > most) {
    return invalid_request("a thing " + std::string(has_type ? "with" : "without") + " a type has at most " +
                           std::to_string(most) + " attributes");
  }
  for (const auto& [name, value] : attributes) {
    if (name.empty() || name.size() > kMostName || !attribute_text(name, "_.,@/:#-"))
      return invalid_request("attribute name \"" + name +
                             "\": AWS takes 1 to 128 of a-z A-Z 0-9 _ . , @ / : # -");
    if (value.size() > kMostValue || !attribute_text(value, "_.,@/:#=[]-"))
      return invalid_request("attribute " + name +
                             ": AWS takes up to 800 of a-z A-Z 0-9 _ . , @ / : # = [ ] -");
  }
  return {};
}

aws::result<std::shared_ptr<const Thing>> LocalIotControl::known_thing(std::string_view name) {
  if (!valid_thing_name(name))
    return invalid_request("thing name \"" + std::string(name) +
                           "\": AWS takes 1 to 128 of a-z A-Z 0-9 : _ -");
  auto thing = registry_.thing(name);
  if (!thing) return not_found("Thing " + std::string(name) + " not found");
  return thing;
}

aws::result<aws::Thing> LocalIotControl::create_thing(std::string_view name, std::string_view type,
                                                      const std::map<std::string, std::string>& attributes) {
  if (!valid_thing_name(name))
    return invalid_request("thing name \"" + std::string(name) +
                           "\": AWS takes 1 to 128 of a-z A-Z 0-9 : _ -");
  if (auto good = check_attributes(attributes, !type.empty()); !good) return good.error();
  if (const auto known = registry_.thing(name)) {
    if (known->type == type && known->attributes == attributes) return described(*known, scope_);
    return already_exists("Thing " + std::string(name) +
                          " already exists in account with different attributes");
  }
  if (!type.empty()) {
    const auto known = valid_thing_name(type) ? registry_.thing_types().find(type) : nullptr;
    if (!known) return not_found("Thing type " + std::string(type) + " not found");
    if (known->deprecated) return invalid_request("Thing type " + std::string(type) + " is deprecated");
  }
  Thing thing;
  thing.name = name;
  thing.id = new_uuid();
  thing.type = type;
  thing.attributes = attributes;
  if (auto done = registry_.save(thing); !done) return internal_failure(done.error());
  return described(thing, scope_);
}

aws::result<aws::Thing> LocalIotControl::describe_thing(std::string_view name) {
  const auto thing = known_thing(name);
  if (!thing) return thing.error();
  return described(**thing, scope_);
}

aws::result<void> LocalIotControl::delete_thing(std::string_view name) {
  const auto thing = known_thing(name);
  if (!thing) return aws::result<void>();  // AWS: deleting what is not there succeeds
  if (!(*thing)->certificates.empty()) {
    return invalid_request("Cannot delete : Thing " + std::string(name) +
                           " is still attached to one or more principals");
  }
  return as_aws(registry_.erase_thing(std::string(name)));
}

aws::result<void> LocalIotControl::create_policy(std::string_view name, std::string_view document) {
  if (!valid_policy_name(name))
    return invalid_request("policy name \"" + std::string(name) +
                           "\": AWS takes 1 to 128 of a-z A-Z 0-9 _ + = , . @ -");
  const auto policy = Policy::parse(document);
  if (!policy)
    return aws_error(400, "MalformedPolicyException", "Policy document is malformed: " + policy.error().text);
  if (registry_.policies().find(name) || std::filesystem::exists(registry_.policies().file(name))) {
    return already_exists("Policy cannot be created - name already exists (name=" + std::string(name) + ")");
  }
  return as_aws(registry_.policies().write(std::string(name), document));
}

aws::result<void> LocalIotControl::delete_policy(std::string_view name) {
  if (!valid_policy_name(name) || !std::filesystem::exists(registry_.policies().file(name)))
    return not_found("Policy not found (name=" + std::string(name) + ")");
  bool used = false;
  registry_.each_certificate([&](const CertificateRecord& record) {
    used = used || std::ranges::find(record.policies, name) != record.policies.end();
  });
  if (used) {
    return aws_error(
        409, "DeleteConflictException",
        "The policy cannot be deleted as the policy is attached to one or more principals (name=" +
            std::string(name) + ")");
  }
  return as_aws(registry_.policies().erase(std::string(name)));
}

aws::result<void> LocalIotControl::attach_policy(std::string_view policy, std::string_view principal) {
  const auto record = certificate_of(principal);
  if (!record) return record.error();
  if (!valid_policy_name(policy) || !registry_.policies().find(policy))
    return not_found("Policy with name " + std::string(policy) + " does not exist");
  CertificateRecord changed = **record;
  if (std::ranges::find(changed.policies, policy) != changed.policies.end()) return {};
  if (changed.policies.size() >= Policy::kMaxPerPrincipal) {
    return aws_error(410, "LimitExceededException",
                     "The principal has " + std::to_string(Policy::kMaxPerPrincipal) +
                         " policies already, the most that AWS takes");
  }
  changed.policies.emplace_back(policy);
  changed.modified = now();
  return as_aws(registry_.save(changed));
}

aws::result<void> LocalIotControl::detach_policy(std::string_view policy, std::string_view principal) {
  const auto record = certificate_of(principal);
  if (!record) return record.error();
  CertificateRecord changed = **record;
  if (std::erase(changed.policies, policy) == 0) return {};
  changed.modified = now();
  return as_aws(registry_.save(changed));
}

aws::result<std::vector<std::string>> LocalIotControl::attached_policies(std::string_view principal) {
  const auto record = certificate_of(principal);
  if (!record) return record.error();
  return (*record)->policies;
}

aws::result<void> LocalIotControl::attach_thing_principal(std::string_view name, std::string_view principal) {
  const auto thing = known_thing(name);
  if (!thing) return thing.error();
  const auto record = certificate_of(principal);
  if (!record) return record.error();
  if ((*thing)->has((*record)->id)) return {};
  Thing changed = **thing;
  changed.certificates.push_back((*record)->id);
  return as_aws(registry_.save(changed));
}

aws::result<void> LocalIotControl::detach_thing_principal(std::string_view name, std::string_view principal) {
  const auto thing = known_thing(name);
  if (!thing) return thing.error();
  const auto id = certificate_of_arn(scope_, principal);
  if (!id)
    return invalid_request("\"" + std::string(principal) + "\" is not a certificate's ARN of this region");
  Thing changed = **thing;
  if (std::erase(changed.certificates, *id) == 0) return {};
  return as_aws(registry_.save(changed));
}

aws::result<std::vector<std::string>> LocalIotControl::thing_principals(std::string_view name) {
  const auto thing = known_thing(name);
  if (!thing) return thing.error();
  std::vector<std::string> principals;
  for (const auto& id : (*thing)->certificates) principals.push_back(arn(scope_, "cert", id));
  return principals;
}

aws::result<std::vector<std::string>> LocalIotControl::principal_things(std::string_view principal) {
  const auto record = certificate_of(principal);
  if (!record) return record.error();
  return registry_.things_of((*record)->id);
}

aws::result<std::string> LocalIotControl::endpoint(std::string_view type) {
  std::string where = endpoint_ ? endpoint_(type) : std::string();
  if (where.empty())
    return invalid_request("Endpoint type " + std::string(type) + " is not served by this cloud");
  return where;
}

}  // namespace sluice::cloud
