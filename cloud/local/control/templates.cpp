// Provisioning templates, and claims for trusted users.
#include "cloud/local/control/operations.hpp"
#include "cloud/local/provisioning/template.hpp"
#include "cloud/local/registry/aws_refusal.hpp"
#include "cloud/local/setup.hpp"

namespace sluice::cloud::control {
namespace {

using nlohmann::json;

constexpr std::int64_t kClaimLasts = 300;  // seconds

std::shared_ptr<const TemplateRecord> find(const Call& call, const std::string& name) {
  return valid_template_name(name) ? call.registry().templates().find(name) : nullptr;
}
std::shared_ptr<const TemplateRecord> find(const Call& call) { return find(call, call.name("templateName")); }

aws::Error unknown(const Call& call) {
  return not_found("Provisioning template " + call.name("templateName") + " not found");
}

void read_hook(const Call& call, TemplateRecord& record) {
  const json hook = call.object("preProvisioningHook");
  if (hook.empty()) return;
  record.hook_arn = hook.value("targetArn", json()).is_string() ? hook["targetArn"].get<std::string>() : "";
  record.hook_version = hook.value("payloadVersion", json()).is_string()
                            ? hook["payloadVersion"].get<std::string>()
                            : "2020-04-01";
}

Answered create(const Call& call) {
  TemplateRecord record;
  record.name = call.text("templateName");
  if (!valid_template_name(record.name))
    return invalid_request("templateName: AWS takes 1 to 36 of a-z A-Z 0-9 _ -");
  if (find(call, record.name))
    return already_exists("Provisioning template " + record.name + " already exists");
  record.description = call.text("description");
  record.body = call.text("templateBody");
  if (const auto parsed = Template::parse(record.body); !parsed)
    return invalid_request("templateBody: " + parsed.error().text);
  record.role_arn = call.text("provisioningRoleArn");
  if (record.role_arn.size() < 20)
    return invalid_request("provisioningRoleArn must be the ARN of an IAM role");
  if (const auto type = call.text("type"); !type.empty()) record.type = type;
  if (record.type != "FLEET_PROVISIONING" && record.type != "JITP")
    return invalid_request("type must be FLEET_PROVISIONING or JITP");
  read_hook(call, record);
  record.enabled = call.flag("enabled").value_or(false);
  record.created = record.modified = call.iot.now();
  if (auto written = call.registry().templates().write(record.name, to_text(record)); !written)
    return internal_failure(written.error());
  return Document{{{"templateArn", arn(call.iot.scope(), "provisioningtemplate", record.name)},
                   {"templateName", record.name},
                   {"defaultVersionId", 1}}};
}

json summary(const Call& call, const TemplateRecord& record) {
  return {{"templateArn", arn(call.iot.scope(), "provisioningtemplate", record.name)},
          {"templateName", record.name},
          {"description", record.description},
          {"creationDate", record.created},
          {"lastModifiedDate", record.modified},
          {"enabled", record.enabled},
          {"type", record.type}};
}

Answered describe(const Call& call) {
  const auto record = find(call);
  if (!record) return unknown(call);
  Document answer{summary(call, *record)};
  answer.body["defaultVersionId"] = 1;
  answer.body["templateBody"] = record->body;
  answer.body["provisioningRoleArn"] = record->role_arn;
  if (!record->hook_arn.empty())
    answer.body["preProvisioningHook"] = {{"payloadVersion", record->hook_version},
                                          {"targetArn", record->hook_arn}};
  return answer;
}

Answered list(const Call& call) {
  std::map<std::string, json> items;
  call.registry().templates().each(
      [&](const std::string& name, const TemplateRecord& record) { items[name] = summary(call, record); });
  return page(call, kByToken, "templates", items);
}

Answered update(const Call& call) {
  const auto known = find(call);
  if (!known) return unknown(call);
  TemplateRecord record = *known;
  if (auto text = call.text("description"); !text.empty()) record.description = std::move(text);
  if (auto role = call.text("provisioningRoleArn"); !role.empty()) record.role_arn = std::move(role);
  record.enabled = call.flag("enabled").value_or(record.enabled);
  if (call.flag("removePreProvisioningHook").value_or(false)) record.hook_arn = record.hook_version = "";
  read_hook(call, record);
  record.modified = call.iot.now();
  return done(as_aws(call.registry().templates().write(record.name, to_text(record))));
}

Answered remove(const Call& call) {
  const auto record = find(call);
  if (!record) return unknown(call);
  bool used = false;
  call.registry().authorities().each([&](const std::string&, const AuthorityRecord& authority) {
    used = used || authority.template_name == record->name;
  });
  if (used)
    return aws_error(409, "DeleteConflictException", "a CA certificate's registration uses this template");
  return done(as_aws(call.registry().templates().erase(record->name)));
}

Answered claim(const Call& call) {
  const auto record = find(call);
  if (!record) return unknown(call);
  if (!record->enabled) return invalid_request("Provisioning template " + record->name + " is not enabled");
  if (auto known = call.registry().policies().find(kClaimPolicy); !known)
    return not_found("Policy " + std::string(kClaimPolicy) + ", which claims get, is not in policies/");
  const auto expires = call.iot.now() + kClaimLasts;
  const auto made = call.iot.issue_keys("ACTIVE", expires);
  if (!made) return made.error();
  if (auto attached = call.iot.attach_policy(kClaimPolicy, made->certificate.arn); !attached)
    return attached.error();
  return Document{{{"certificateId", made->certificate.id},
                   {"certificatePem", made->certificate.pem},
                   {"keyPair", {{"PublicKey", made->public_key}, {"PrivateKey", made->private_key}}},
                   {"expiration", expires}}};
}

constexpr Operation kOperations[] = {
    {"CreateProvisioningTemplate", "POST", "/provisioning-templates", create},
    {"DescribeProvisioningTemplate", "GET", "/provisioning-templates/{templateName}", describe},
    {"ListProvisioningTemplates", "GET", "/provisioning-templates", list},
    {"UpdateProvisioningTemplate", "PATCH", "/provisioning-templates/{templateName}", update},
    {"DeleteProvisioningTemplate", "DELETE", "/provisioning-templates/{templateName}", remove},
    {"CreateProvisioningClaim", "POST", "/provisioning-templates/{templateName}/provisioning-claim", claim},
};

}  // namespace

std::span<const Operation> template_operations() { return kOperations; }

}  // namespace sluice::cloud::control
