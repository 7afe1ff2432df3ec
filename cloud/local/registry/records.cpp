#include "cloud/local/registry/records.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

namespace sluice::cloud {
namespace {

using nlohmann::json;

std::string text_or(const json& object, const char* name, std::string otherwise = {}) {
  const auto it = object.find(name);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::move(otherwise);
}

std::int64_t number_or(const json& object, const char* name, std::int64_t otherwise) {
  const auto it = object.find(name);
  return it != object.end() && it->is_number_integer() ? it->get<std::int64_t>() : otherwise;
}

bool flag_or(const json& object, const char* name, bool otherwise) {
  const auto it = object.find(name);
  return it != object.end() && it->is_boolean() ? it->get<bool>() : otherwise;
}

std::vector<std::string> texts_of(const json& object, const char* name) {
  std::vector<std::string> texts;
  const auto it = object.find(name);
  if (it == object.end() || !it->is_array()) return texts;
  for (const auto& text : *it) {
    if (text.is_string()) texts.push_back(text.get<std::string>());
  }
  return texts;
}

// json converts from anything, so it is no result's value.
std::optional<json> object_of(const std::string& text) {
  json value = json::parse(text, nullptr, false);
  return value.is_object() ? std::optional<json>(std::move(value)) : std::nullopt;
}

Error no_object() { return {errc::invalid_argument, "not a JSON object"}; }

std::string pretty(const json& value) {
  return value.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace

bool Thing::has(std::string_view certificate) const {
  return std::ranges::find(certificates, certificate) != certificates.end();
}

result<ThingFolder> parse_thing(const std::string& name, const std::string& text,
                                const std::string* certificate_pem) {
  const auto value = object_of(text);
  if (!value) return no_object();
  ThingFolder folder;
  Thing& thing = folder.thing;
  thing.name = name;
  thing.id = text_or(*value, "thingId");
  thing.type = text_or(*value, "thingTypeName");
  thing.version = number_or(*value, "version", 1);
  if (const auto it = value->find("attributes"); it != value->end() && it->is_object()) {
    for (const auto& [key, attribute] : it->items()) {
      if (attribute.is_string()) thing.attributes[key] = attribute.get<std::string>();
    }
  }
  if (auto first = text_or(*value, "certificateId"); !first.empty())
    thing.certificates.push_back(std::move(first));
  for (auto& other : texts_of(*value, "principals")) {
    if (!thing.has(other)) thing.certificates.push_back(std::move(other));
  }
  if (certificate_pem == nullptr) return folder;
  auto facts = read_certificate(*certificate_pem);
  if (!facts) return Error{errc::tls, "cert.pem beside it: " + facts.error().text};
  auto record = std::make_shared<CertificateRecord>();
  record->id = facts->id;
  record->pem = *certificate_pem;
  record->status = text_or(*value, "status", "ACTIVE");
  record->policies = texts_of(*value, "policies");
  record->created = number_or(*value, "created", facts->not_before);
  record->modified = number_or(*value, "modified", record->created);
  record->thing_folder = name;
  record->facts = std::move(*facts);
  if (thing.certificates.empty()) thing.certificates.push_back(record->id);
  folder.certificate = std::move(record);
  return folder;
}

result<CertificateRecord> parse_certificate(const std::string& id, const std::string& text) {
  const auto value = object_of(text);
  if (!value) return no_object();
  CertificateRecord record;
  record.pem = text_or(*value, "certificatePem");
  auto facts = read_certificate(record.pem);
  if (!facts) return facts.error();
  if (facts->id != id) return Error{errc::corrupt, "holds the certificate " + facts->id};
  record.id = id;
  record.status = text_or(*value, "status", "INACTIVE");
  record.policies = texts_of(*value, "policies");
  record.authority = text_or(*value, "caCertificateId");
  record.mode = text_or(*value, "certificateMode", "DEFAULT");
  record.foreign = flag_or(*value, "registered", false);
  record.created = number_or(*value, "created", 0);
  record.modified = number_or(*value, "modified", record.created);
  record.expires = number_or(*value, "expires", 0);
  record.facts = std::move(*facts);
  return record;
}

result<PolicyRecord> parse_policy(const std::string&, const std::string& text) {
  auto policy = Policy::parse(text);
  if (!policy) return policy.error();
  return PolicyRecord{text, std::make_shared<const Policy>(std::move(*policy))};
}

result<AuthorityRecord> parse_authority(const std::string& id, const std::string& text) {
  const auto value = object_of(text);
  if (!value) return no_object();
  AuthorityRecord record;
  record.pem = text_or(*value, "certificatePem");
  auto facts = read_certificate(record.pem);
  if (!facts) return facts.error();
  record.id = id;
  record.status = text_or(*value, "status", "INACTIVE");
  record.auto_registration = flag_or(*value, "autoRegistration", false);
  record.mode = text_or(*value, "certificateMode", "DEFAULT");
  record.template_name = text_or(*value, "templateName");
  record.template_body = text_or(*value, "templateBody");
  record.role_arn = text_or(*value, "roleArn");
  record.created = number_or(*value, "created", 0);
  record.modified = number_or(*value, "modified", record.created);
  record.facts = std::move(*facts);
  return record;
}

result<TemplateRecord> parse_template(const std::string& name, const std::string& text) {
  const auto value = object_of(text);
  if (!value) return no_object();
  TemplateRecord record;
  record.name = name;
  record.description = text_or(*value, "description");
  record.body = text_or(*value, "templateBody");
  record.role_arn = text_or(*value, "provisioningRoleArn");
  record.type = text_or(*value, "type", record.type);
  record.hook_arn = text_or(*value, "hookArn");
  record.hook_version = text_or(*value, "hookVersion");
  record.enabled = flag_or(*value, "enabled", true);
  record.created = number_or(*value, "created", 0);
  record.modified = number_or(*value, "modified", record.created);
  return record;
}

result<RoleAliasRecord> parse_role_alias(const std::string& alias, const std::string& text) {
  const auto value = object_of(text);
  if (!value) return no_object();
  return RoleAliasRecord{alias, text_or(*value, "roleArn"),
                         number_or(*value, "credentialDurationSeconds", 3600),
                         number_or(*value, "created", 0), number_or(*value, "modified", 0)};
}

result<ThingTypeRecord> parse_thing_type(const std::string& name, const std::string& text) {
  const auto value = object_of(text);
  if (!value) return no_object();
  return ThingTypeRecord{name,
                         text_or(*value, "thingTypeId"),
                         text_or(*value, "description"),
                         texts_of(*value, "searchableAttributes"),
                         flag_or(*value, "deprecated", false),
                         number_or(*value, "created", 0),
                         number_or(*value, "deprecatedAt", 0)};
}

std::string to_text(const Thing& thing, const CertificateRecord* in_folder) {
  json value = {{"thingName", thing.name},     {"thingId", thing.id},
                {"thingTypeName", thing.type}, {"attributes", thing.attributes},
                {"version", thing.version},    {"principals", thing.certificates}};
  if (in_folder != nullptr) {
    value["certificateId"] = in_folder->id;
    value["status"] = in_folder->status;
    value["policies"] = in_folder->policies;
    value["created"] = in_folder->created;
    value["modified"] = in_folder->modified;
  }
  return pretty(value);
}

std::string to_text(const CertificateRecord& record) {
  json value = {{"certificatePem", record.pem}, {"status", record.status},
                {"policies", record.policies},  {"certificateMode", record.mode},
                {"registered", record.foreign}, {"created", record.created},
                {"modified", record.modified}};
  if (!record.authority.empty()) value["caCertificateId"] = record.authority;
  if (record.expires != 0) value["expires"] = record.expires;
  return pretty(value);
}

std::string to_text(const AuthorityRecord& record) {
  return pretty({{"certificatePem", record.pem},
                 {"status", record.status},
                 {"autoRegistration", record.auto_registration},
                 {"certificateMode", record.mode},
                 {"templateName", record.template_name},
                 {"templateBody", record.template_body},
                 {"roleArn", record.role_arn},
                 {"created", record.created},
                 {"modified", record.modified}});
}

std::string to_text(const TemplateRecord& record) {
  return pretty({{"description", record.description},
                 {"templateBody", record.body},
                 {"provisioningRoleArn", record.role_arn},
                 {"type", record.type},
                 {"hookArn", record.hook_arn},
                 {"hookVersion", record.hook_version},
                 {"enabled", record.enabled},
                 {"created", record.created},
                 {"modified", record.modified}});
}

std::string to_text(const RoleAliasRecord& record) {
  return pretty({{"roleArn", record.role_arn},
                 {"credentialDurationSeconds", record.seconds},
                 {"created", record.created},
                 {"modified", record.modified}});
}

std::string to_text(const ThingTypeRecord& record) {
  return pretty({{"thingTypeId", record.id},
                 {"description", record.description},
                 {"searchableAttributes", record.searchable},
                 {"deprecated", record.deprecated},
                 {"created", record.created},
                 {"deprecatedAt", record.deprecated_at}});
}

}  // namespace sluice::cloud
