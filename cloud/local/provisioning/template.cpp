#include "cloud/local/provisioning/template.hpp"

#include <nlohmann/json.hpp>

#include "cloud/local/provisioning/template_value.hpp"

namespace sluice::cloud {
namespace {

using nlohmann::json;

const json& member(const json& object, const char* name) {
  static const json kNone;
  const auto it = object.is_object() ? object.find(name) : object.end();
  return object.is_object() && it != object.end() ? *it : kNone;
}

result<Override> override_of(const json& resource, const char* property) {
  const json& value = member(member(resource, "OverrideSettings"), property);
  if (value.is_null() || value == "DO_NOTHING") return Override::do_nothing;
  if (value == "REPLACE") return Override::replace;
  if (value == "FAIL") return Override::fail;
  if (value == "MERGE") return Override::merge;
  return wrong_template(std::string("OverrideSettings.") + property +
                        " must be DO_NOTHING, REPLACE, FAIL or MERGE");
}

// Reads one resource after the other into a Provision; the first error ends it.
class Reader {
 public:
  Reader(const TemplateValues& values, Provision& out) : values_(values), out_(out) {}

  result<void> resource(const std::string& name, const json& resource) {
    const json& type = member(resource, "Type");
    const json& properties = member(resource, "Properties");
    result<void> done = type == "AWS::IoT::Thing"         ? thing(resource, properties)
                        : type == "AWS::IoT::Certificate" ? certificate(properties)
                        : type == "AWS::IoT::Policy"
                            ? policy(properties)
                            : wrong_template("its Type is not AWS::IoT::Thing, Certificate or Policy");
    return done ? done : result<void>(wrong_template("resource " + name + ": " + done.error().text));
  }

  result<void> configuration(const json& map) {
    if (map.is_null()) return {};
    if (!map.is_object()) return wrong_template("DeviceConfiguration must be an object");
    for (const auto& [name, value] : map.items()) {
      auto text = values_.text(value);
      if (!text) return wrong_template("DeviceConfiguration." + name + ": " + text.error().text);
      out_.device_configuration[name] = std::move(*text);
    }
    return {};
  }

 private:
  // Leaves the target as it is when the property is not there.
  result<void> read(const json& properties, const char* name, std::string& target) {
    const json& value = member(properties, name);
    if (value.is_null()) return {};
    auto text = values_.text(value);
    if (!text) return wrong_template(std::string(name) + ": " + text.error().text);
    target = std::move(*text);
    return {};
  }

  result<void> thing(const json& resource, const json& properties) {
    if (out_.thing) return wrong_template("a template makes one thing");
    Provision::Thing thing;
    if (auto done = read(properties, "ThingName", thing.name); !done) return done;
    if (auto done = read(properties, "ThingTypeName", thing.type); !done) return done;
    if (thing.name.empty()) return wrong_template("ThingName is missing");
    const json& attributes = member(properties, "AttributePayload");
    for (const auto& [name, value] : attributes.items()) {
      auto text = values_.text(value);
      if (!text) return wrong_template("AttributePayload." + name + ": " + text.error().text);
      thing.attributes[name] = std::move(*text);
    }
    const auto type = override_of(resource, "ThingTypeName"),
               payload = override_of(resource, "AttributePayload");
    if (!type) return type.error();
    if (!payload) return payload.error();
    thing.type_override = *type;
    thing.attributes_override = *payload;
    out_.thing = std::move(thing);
    return {};
  }

  result<void> certificate(const json& properties) {
    if (auto done = read(properties, "Status", out_.certificate_status); !done) return done;
    for (char& c : out_.certificate_status) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    if (out_.certificate_status != "ACTIVE" && out_.certificate_status != "INACTIVE")
      return wrong_template("Status must be ACTIVE or INACTIVE");
    std::string ignored;  // it is there for the reference to be checked: the certificate is the one at hand
    return read(properties, "CertificateId", ignored);
  }

  result<void> policy(const json& properties) {
    Provision::Policy policy;
    if (auto done = read(properties, "PolicyName", policy.name); !done) return done;
    const json& document = member(properties, "PolicyDocument");
    if (document.is_object() && document.contains("Statement")) {
      policy.document = document.dump();
    } else if (auto done = read(properties, "PolicyDocument", policy.document); !done) {
      return done;
    }
    if (policy.name.empty() == policy.document.empty())
      return wrong_template("either PolicyName or PolicyDocument is needed");
    out_.policies.push_back(std::move(policy));
    return {};
  }

  const TemplateValues& values_;
  Provision& out_;
};

result<Provision> evaluated(const json& body, const Parameters& parameters) {
  const TemplateValues values(parameters, member(body, "Mappings"));
  Provision provision;
  Reader reader(values, provision);
  for (const auto& [name, resource] : member(body, "Resources").items()) {
    if (auto done = reader.resource(name, resource); !done) return done.error();
  }
  if (auto done = reader.configuration(member(body, "DeviceConfiguration")); !done) return done.error();
  return provision;
}

}  // namespace

result<Template> Template::parse(std::string_view text) {
  if (text.empty() || text.size() > kMostCharacters)
    return wrong_template("a template has 1 to 10240 characters");
  json body = json::parse(text, nullptr, false);
  if (!body.is_object()) return wrong_template("not a JSON object");
  const json& resources = member(body, "Resources");
  if (!resources.is_object() || resources.empty()) return wrong_template("Resources is missing");
  for (const auto& [name, parameter] : member(body, "Parameters").items()) {
    if (member(parameter, "Type") != "String")
      return wrong_template("Parameters." + name + ": Type must be String");
  }
  for (const auto& [name, resource] : resources.items()) {
    const json& type = member(resource, "Type");
    if (type != "AWS::IoT::Thing" && type != "AWS::IoT::Certificate" && type != "AWS::IoT::Policy")
      return wrong_template("resource " + name + ": its Type is not AWS::IoT::Thing, Certificate or Policy");
  }
  Template made;
  made.body_ = std::make_shared<const json>(std::move(body));
  return made;
}

result<Provision> Template::evaluate(const Parameters& given) const {
  Parameters parameters;
  for (const auto& [name, parameter] : member(*body_, "Parameters").items()) {
    if (const auto it = given.find(name); it != given.end()) {
      parameters[name] = it->second;
    } else if (const json& otherwise = member(parameter, "Default"); otherwise.is_string()) {
      parameters[name] = otherwise.get<std::string>();
    }
  }
  for (const auto& [name, value] : given) {
    if (name.starts_with("AWS::IoT::")) parameters[name] = value;
  }
  return evaluated(*body_, parameters);
}

}  // namespace sluice::cloud
