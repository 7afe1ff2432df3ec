// Things: create, describe, list, update, delete.
#include "cloud/local/control/operations.hpp"
#include "cloud/local/registry/aws_refusal.hpp"

namespace sluice::cloud::control {
namespace {

using nlohmann::json;
using Attributes = std::map<std::string, std::string>;

aws::result<Attributes> attributes_of(const json& payload) {
  Attributes attributes;
  const auto it = payload.find("attributes");
  if (it == payload.end() || it->is_null()) return attributes;
  if (!it->is_object()) return invalid_request("attributePayload.attributes must be an object of strings");
  for (const auto& [name, value] : it->items()) {
    if (!value.is_string()) return invalid_request("the attribute " + name + " is not a string");
    attributes[name] = value.get<std::string>();
  }
  return attributes;
}

json description(const Call& call, const Thing& thing) {
  json text = {{"thingName", thing.name},
               {"thingArn", arn(call.iot.scope(), "thing", thing.name)},
               {"attributes", thing.attributes},
               {"version", thing.version}};
  if (!thing.type.empty()) text["thingTypeName"] = thing.type;
  return text;
}

Answered create(const Call& call) {
  if (!call.text("billingGroupName").empty()) return invalid_request("billing groups are not known here");
  const auto attributes = attributes_of(call.object("attributePayload"));
  if (!attributes) return attributes.error();
  const auto thing = call.iot.create_thing(call.name("thingName"), call.text("thingTypeName"), *attributes);
  if (!thing) return thing.error();
  return Document{{{"thingName", thing->name},
                   {"thingArn", thing->arn},
                   {"thingId", call.registry().thing(thing->name)->id}}};
}

Answered describe(const Call& call) {
  const auto known = call.iot.describe_thing(call.name("thingName"));
  if (!known) return known.error();
  const auto thing = call.registry().thing(known->name);
  Document answer{description(call, *thing)};
  answer.body["defaultClientId"] = thing->name;
  answer.body["thingId"] = thing->id;
  return answer;
}

Answered list(const Call& call) {
  const auto name = call.asked("attributeName"), value = call.asked("attributeValue"),
             type = call.asked("thingTypeName");
  const bool prefix = call.asked_for("usePrefixAttributeValue");
  std::map<std::string, json> items;
  call.registry().each_thing([&](const Thing& thing) {
    if (!type.empty() && thing.type != type) return;
    if (!name.empty()) {
      const auto it = thing.attributes.find(name);
      if (it == thing.attributes.end() || (prefix ? !it->second.starts_with(value) : it->second != value))
        return;
    }
    items[thing.name] = description(call, thing);
  });
  return page(call, kByToken, "things", items);
}

aws::result<void> check_version(const Call& call, const Thing& thing, std::optional<std::int64_t> expected) {
  if (!expected || *expected == thing.version) return {};
  return aws_error(409, "VersionConflictException",
                   "The version of " + call.name("thingName") + " is " + std::to_string(thing.version));
}

Answered update(const Call& call) {
  const auto known = call.iot.describe_thing(call.name("thingName"));
  if (!known) return known.error();
  Thing thing = *call.registry().thing(known->name);
  if (auto good = check_version(call, thing, call.number("expectedVersion")); !good) return good.error();
  if (call.flag("removeThingType").value_or(false)) thing.type.clear();
  if (const auto type = call.text("thingTypeName"); !type.empty()) {
    if (!valid_thing_name(type) || !call.registry().thing_types().find(type))
      return not_found("Thing type " + type + " not found");
    thing.type = type;
  }
  if (const auto payload = call.object("attributePayload"); !payload.empty()) {
    const auto given = attributes_of(payload);
    if (!given) return given.error();
    if (payload.value("merge", json(false)) != true) thing.attributes.clear();
    for (const auto& [name, value] : *given) {
      if (value.empty()) {
        thing.attributes.erase(name);
      } else {
        thing.attributes[name] = value;
      }
    }
  }
  if (auto good = check_attributes(thing.attributes, !thing.type.empty()); !good) return good.error();
  ++thing.version;
  return done(as_aws(call.registry().save(thing)));
}

Answered remove(const Call& call) {
  const auto thing = call.registry().thing(call.name("thingName"));
  const auto expected = call.asked("expectedVersion");
  if (thing && !expected.empty() && expected != std::to_string(thing->version))
    return check_version(call, *thing, std::int64_t{-1}).error();
  return done(call.iot.delete_thing(call.name("thingName")));
}

constexpr Operation kOperations[] = {
    {"CreateThing", "POST", "/things/{thingName}", create},
    {"DescribeThing", "GET", "/things/{thingName}", describe},
    {"ListThings", "GET", "/things", list},
    {"UpdateThing", "PATCH", "/things/{thingName}", update},
    {"DeleteThing", "DELETE", "/things/{thingName}", remove},
};

}  // namespace

std::span<const Operation> thing_operations() { return kOperations; }

}  // namespace sluice::cloud::control
