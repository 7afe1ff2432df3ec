// Thing types: create, describe, list, deprecate, delete.
#include "cloud/local/control/operations.hpp"
#include "cloud/local/registry/aws_refusal.hpp"

namespace sluice::cloud::control {
namespace {

using nlohmann::json;

constexpr std::int64_t kBeforeDeletion = 5 * 60;  // seconds that AWS wants between deprecation and deletion

json description(const Call& call, const ThingTypeRecord& type) {
  json metadata = {{"deprecated", type.deprecated}, {"creationDate", type.created}};
  if (type.deprecated) metadata["deprecationDate"] = type.deprecated_at;
  return {{"thingTypeName", type.name},
          {"thingTypeArn", arn(call.iot.scope(), "thingtype", type.name)},
          {"thingTypeProperties",
           {{"thingTypeDescription", type.description}, {"searchableAttributes", type.searchable}}},
          {"thingTypeMetadata", std::move(metadata)}};
}

std::shared_ptr<const ThingTypeRecord> find(const Call& call) {
  const auto& name = call.name("thingTypeName");
  return valid_thing_name(name) ? call.registry().thing_types().find(name) : nullptr;
}

aws::Error unknown(const Call& call) {
  return not_found("Thing type " + call.name("thingTypeName") + " not found");
}

Answered create(const Call& call) {
  const auto& name = call.name("thingTypeName");
  if (!valid_thing_name(name))
    return invalid_request("thing type name: AWS takes 1 to 128 of a-z A-Z 0-9 : _ -");
  const json properties = call.object("thingTypeProperties");
  ThingTypeRecord type{name,           new_uuid(), properties.value("thingTypeDescription", ""), {}, false,
                       call.iot.now(), 0};
  for (const auto& attribute : properties.value("searchableAttributes", json::array())) {
    if (attribute.is_string()) type.searchable.push_back(attribute.get<std::string>());
  }
  if (type.searchable.size() > 3) return invalid_request("a thing type has at most 3 searchable attributes");
  if (const auto known = find(call)) {
    if (known->description != type.description || known->searchable != type.searchable)
      return already_exists("Thing type " + name + " already exists with different properties");
    type = *known;
  } else if (auto written = call.registry().thing_types().write(name, to_text(type)); !written) {
    return internal_failure(written.error());
  }
  return Document{{{"thingTypeName", name},
                   {"thingTypeArn", arn(call.iot.scope(), "thingtype", name)},
                   {"thingTypeId", type.id}}};
}

Answered describe(const Call& call) {
  const auto type = find(call);
  if (!type) return unknown(call);
  Document answer{description(call, *type)};
  answer.body["thingTypeId"] = type->id;
  return answer;
}

Answered list(const Call& call) {
  const auto wanted = call.asked("thingTypeName");
  std::map<std::string, json> items;
  call.registry().thing_types().each([&](const std::string& name, const ThingTypeRecord& type) {
    if (wanted.empty() || wanted == name) items[name] = description(call, type);
  });
  return page(call, kByToken, "thingTypes", items);
}

Answered deprecate(const Call& call) {
  const auto known = find(call);
  if (!known) return unknown(call);
  ThingTypeRecord type = *known;
  type.deprecated = !call.flag("undoDeprecate").value_or(false);
  type.deprecated_at = type.deprecated ? call.iot.now() : 0;
  return done(as_aws(call.registry().thing_types().write(type.name, to_text(type))));
}

Answered remove(const Call& call) {
  const auto type = find(call);
  if (!type) return unknown(call);
  if (!type->deprecated || call.iot.now() - type->deprecated_at < kBeforeDeletion) {
    return invalid_request("Thing type " + type->name +
                           " can be deleted 5 minutes after it has been deprecated (deprecate-thing-type)");
  }
  return done(as_aws(call.registry().thing_types().erase(type->name)));
}

constexpr Operation kOperations[] = {
    {"CreateThingType", "POST", "/thing-types/{thingTypeName}", create},
    {"DescribeThingType", "GET", "/thing-types/{thingTypeName}", describe},
    {"ListThingTypes", "GET", "/thing-types", list},
    {"DeprecateThingType", "POST", "/thing-types/{thingTypeName}/deprecate", deprecate},
    {"DeleteThingType", "DELETE", "/thing-types/{thingTypeName}", remove},
};

}  // namespace

std::span<const Operation> thing_type_operations() { return kOperations; }

}  // namespace sluice::cloud::control
