#include "cloud/local/provisioning/provisioner.hpp"

#include "aws/digest.hpp"
#include "cloud/local/registry/aws_refusal.hpp"

namespace sluice::cloud {
namespace {

aws::Error differs(const std::string& thing, const char* what) {
  return already_exists("thing " + thing + " has another " + what + ", and the template says FAIL");
}

// The thing is there already: each property as its OverrideSettings say.
aws::result<void> override_thing(LocalIotControl& iot, const Thing& known, const Provision::Thing& wanted) {
  Thing thing = known;
  if (thing.type != wanted.type) {
    if (wanted.type_override == Override::fail) return differs(thing.name, "type");
    if (wanted.type_override == Override::replace) thing.type = wanted.type;
  }
  if (thing.attributes != wanted.attributes) {
    if (wanted.attributes_override == Override::fail) return differs(thing.name, "attributes");
    if (wanted.attributes_override == Override::replace) thing.attributes = wanted.attributes;
    if (wanted.attributes_override == Override::merge) {
      for (const auto& [name, value] : wanted.attributes) thing.attributes[name] = value;
    }
  }
  if (thing.type == known.type && thing.attributes == known.attributes) return {};
  if (auto good = check_attributes(thing.attributes, !thing.type.empty()); !good) return good;
  ++thing.version;
  return as_aws(iot.registry().save(thing));
}

aws::result<void> make_thing(LocalIotControl& iot, const Provision::Thing& wanted) {
  if (const auto known = valid_thing_name(wanted.name) ? iot.registry().thing(wanted.name) : nullptr)
    return override_thing(iot, *known, wanted);
  const auto made = iot.create_thing(wanted.name, wanted.type, wanted.attributes);
  return made ? aws::result<void>() : aws::result<void>(made.error());
}

// A document of the template becomes a policy that is named for its text.
aws::result<std::string> policy_of(LocalIotControl& iot, const Provision::Policy& wanted) {
  if (wanted.document.empty()) return wanted.name;
  auto name = aws::sha256_hex(wanted.document).substr(0, 40);
  if (iot.registry().policies().find(name)) return name;
  const auto made = iot.create_policy(name, wanted.document);
  if (!made) return made.error();
  return name;
}

}  // namespace

aws::result<std::string> provision(LocalIotControl& iot, const Provision& wanted,
                                   const std::string& certificate_id) {
  const auto principal = arn(iot.scope(), "cert", certificate_id);
  if (wanted.thing) {
    if (auto made = make_thing(iot, *wanted.thing); !made) return made.error();
  }
  for (const auto& policy : wanted.policies) {
    const auto name = policy_of(iot, policy);
    if (!name) return name.error();
    if (auto attached = iot.attach_policy(*name, principal); !attached) return attached.error();
  }
  if (wanted.thing) {
    if (auto attached = iot.attach_thing_principal(wanted.thing->name, principal); !attached)
      return attached.error();
  }
  if (auto updated = iot.update_certificate(certificate_id, wanted.certificate_status); !updated)
    return updated.error();
  return wanted.thing ? wanted.thing->name : std::string();
}

}  // namespace sluice::cloud
