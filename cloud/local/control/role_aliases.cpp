// Role aliases, and where the endpoints are.
#include "cloud/local/control/operations.hpp"
#include "cloud/local/registry/aws_refusal.hpp"

namespace sluice::cloud::control {
namespace {

using nlohmann::json;

constexpr std::int64_t kLeastSeconds = 900, kMostSeconds = 43'200;

std::shared_ptr<const RoleAliasRecord> find(const Call& call) {
  const auto& alias = call.name("roleAlias");
  return valid_role_alias(alias) ? call.registry().role_aliases().find(alias) : nullptr;
}

aws::Error unknown(const Call& call) {
  return not_found("Role alias " + call.name("roleAlias") + " not found");
}

Answered written(const Call& call, const RoleAliasRecord& record) {
  if (record.role_arn.size() < 20 || !record.role_arn.starts_with("arn:"))
    return invalid_request("roleArn must be the ARN of an IAM role");
  if (record.seconds < kLeastSeconds || record.seconds > kMostSeconds)
    return invalid_request("credentialDurationSeconds must be from 900 to 43200");
  if (auto done = call.registry().role_aliases().write(record.alias, to_text(record)); !done)
    return internal_failure(done.error());
  return Document{
      {{"roleAlias", record.alias}, {"roleAliasArn", arn(call.iot.scope(), "rolealias", record.alias)}}};
}

Answered create(const Call& call) {
  const auto& alias = call.name("roleAlias");
  if (!valid_role_alias(alias))
    return invalid_request("role alias: AWS takes 1 to 128 of a-z A-Z 0-9 _ = , @ -");
  if (find(call)) return already_exists("Role alias " + alias + " already exists");
  return written(call, {alias, call.text("roleArn"), call.number("credentialDurationSeconds").value_or(3600),
                        call.iot.now(), call.iot.now()});
}

Answered update(const Call& call) {
  const auto known = find(call);
  if (!known) return unknown(call);
  RoleAliasRecord record = *known;
  if (auto role = call.text("roleArn"); !role.empty()) record.role_arn = std::move(role);
  record.seconds = call.number("credentialDurationSeconds").value_or(record.seconds);
  record.modified = call.iot.now();
  return written(call, record);
}

Answered describe(const Call& call) {
  const auto record = find(call);
  if (!record) return unknown(call);
  return Document{{{"roleAliasDescription",
                    {{"roleAlias", record->alias},
                     {"roleAliasArn", arn(call.iot.scope(), "rolealias", record->alias)},
                     {"roleArn", record->role_arn},
                     {"owner", call.iot.scope().account},
                     {"credentialDurationSeconds", record->seconds},
                     {"creationDate", record->created},
                     {"lastModifiedDate", record->modified}}}}};
}

Answered list(const Call& call) {
  std::map<std::string, json> items;
  call.registry().role_aliases().each(
      [&](const std::string& alias, const RoleAliasRecord&) { items[alias] = alias; });
  return page(call, kByMarker, "roleAliases", items);
}

Answered remove(const Call& call) {
  if (!find(call)) return unknown(call);
  return done(as_aws(call.registry().role_aliases().erase(call.name("roleAlias"))));
}

Answered describe_endpoint(const Call& call) {
  const auto type = call.asked("endpointType");
  // The chain behind iot:Data is another one in AWS; here all have the same authority.
  const auto where = call.iot.endpoint(type.empty() || type == "iot:Data" ? "iot:Data-ATS" : type);
  if (!where) return where.error();
  return Document{{{"endpointAddress", *where}}};
}

constexpr Operation kOperations[] = {
    {"CreateRoleAlias", "POST", "/role-aliases/{roleAlias}", create},
    {"UpdateRoleAlias", "PUT", "/role-aliases/{roleAlias}", update},
    {"DescribeRoleAlias", "GET", "/role-aliases/{roleAlias}", describe},
    {"ListRoleAliases", "GET", "/role-aliases", list},
    {"DeleteRoleAlias", "DELETE", "/role-aliases/{roleAlias}", remove},
};
constexpr Operation kEndpoints[] = {{"DescribeEndpoint", "GET", "/endpoint", describe_endpoint}};

}  // namespace

std::span<const Operation> role_alias_operations() { return kOperations; }
std::span<const Operation> endpoint_operations() { return kEndpoints; }

}  // namespace sluice::cloud::control
