#include "aws/iot_control_https.hpp"

#include <utility>

#include "aws/json_text.hpp"
#include "aws/url.hpp"

namespace sluice::aws {
namespace {

using nlohmann::json;

constexpr std::size_t kMostAnswer = 1024 * 1024;
constexpr int kMostPages = 100;

std::string flag(bool value) { return value ? "true" : "false"; }

Certificate certificate_from(const json& object) {
  return {text_in(object, "certificateId"), text_in(object, "certificateArn"),
          text_in(object, "certificatePem"), text_in(object, "status")};
}

Thing thing_from(const json& object) {
  Thing thing{
      text_in(object, "thingName"), text_in(object, "thingArn"), text_in(object, "thingTypeName"), {}};
  const auto attributes = object.find("attributes");
  if (attributes == object.end() || !attributes->is_object()) return thing;
  for (const auto& [key, value] : attributes->items()) {
    if (value.is_string()) thing.attributes.emplace(key, value.get<std::string>());
  }
  return thing;
}

class HttpsIotControl : public IotControl {
 public:
  HttpsIotControl(ServiceOptions options, const Caller& caller)
      : service_("iot", std::move(options), caller) {}

  result<Certificate> create_certificate_from_csr(std::string_view csr_pem, bool active) override {
    ServiceCall call = posting("CreateCertificateFromCsr", "/certificates?setAsActive=" + flag(active),
                               {{"certificateSigningRequest", csr_pem}});
    call.repeat = Repeat::only_throttled;
    const auto object = ask(call);
    if (!object) return object.error();
    auto certificate = certificate_from(*object);
    if (certificate.id.empty() || certificate.arn.empty() || certificate.pem.empty()) {
      return service_.not_understood(call.action);
    }
    return certificate;
  }

  result<KeysAndCertificate> create_keys_and_certificate(bool active) override {
    ServiceCall call{
        "CreateKeysAndCertificate", "POST", "/keys-and-certificate?setAsActive=" + flag(active), {}, {}};
    call.repeat = Repeat::only_throttled;
    const auto object = ask(call);
    if (!object) return object.error();
    const auto keys = object->find("keyPair");
    KeysAndCertificate out{certificate_from(*object), {}, {}};
    if (keys != object->end() && keys->is_object()) {
      out.public_key = text_in(*keys, "PublicKey");
      out.private_key = text_in(*keys, "PrivateKey");
    }
    if (out.certificate.id.empty() || out.private_key.empty()) return service_.not_understood(call.action);
    return out;
  }

  result<Certificate> describe_certificate(std::string_view id) override {
    const auto object = ask({"DescribeCertificate", "GET", "/certificates/" + percent_encode(id), {}, {}});
    if (!object) return object.error();
    const auto description = object->find("certificateDescription");
    if (description == object->end() || !description->is_object()) {
      return service_.not_understood("DescribeCertificate");
    }
    return certificate_from(*description);
  }

  result<void> update_certificate(std::string_view id, std::string_view status) override {
    return tell({"UpdateCertificate",
                 "PUT",
                 "/certificates/" + percent_encode(id) + "?newStatus=" + percent_encode(status),
                 {},
                 {}});
  }

  result<void> delete_certificate(std::string_view id) override {
    return tell({"DeleteCertificate", "DELETE", "/certificates/" + percent_encode(id), {}, {}});
  }

  result<Thing> create_thing(std::string_view name, std::string_view type,
                             const std::map<std::string, std::string>& attributes) override {
    json body = json::object();
    if (!type.empty()) body["thingTypeName"] = type;
    if (!attributes.empty()) body["attributePayload"] = {{"attributes", attributes}};
    const auto object = ask(posting("CreateThing", "/things/" + percent_encode(name), body));
    if (!object) return object.error();
    auto thing = thing_from(*object);
    if (thing.arn.empty()) return service_.not_understood("CreateThing");
    thing.type = type;
    thing.attributes = attributes;
    return thing;
  }

  result<Thing> describe_thing(std::string_view name) override {
    const auto object = ask({"DescribeThing", "GET", "/things/" + percent_encode(name), {}, {}});
    if (!object) return object.error();
    return thing_from(*object);
  }

  result<void> create_policy(std::string_view name, std::string_view document) override {
    return tell(posting("CreatePolicy", "/policies/" + percent_encode(name), {{"policyDocument", document}}));
  }

  result<void> attach_policy(std::string_view policy, std::string_view principal) override {
    auto call =
        posting("AttachPolicy", "/target-policies/" + percent_encode(policy), {{"target", principal}});
    call.method = "PUT";
    return tell(call);
  }

  result<void> detach_policy(std::string_view policy, std::string_view principal) override {
    return without_not_found(
        tell(posting("DetachPolicy", "/target-policies/" + percent_encode(policy), {{"target", principal}})));
  }

  result<std::vector<std::string>> attached_policies(std::string_view principal) override {
    return pages({"ListAttachedPolicies", "POST", "/attached-policies/" + percent_encode(principal), {}, {}},
                 "policies", "policyName", "nextMarker", "marker");
  }

  result<void> attach_thing_principal(std::string_view thing, std::string_view principal) override {
    return tell({"AttachThingPrincipal",
                 "PUT",
                 "/things/" + percent_encode(thing) + "/principals",
                 {{"x-amzn-principal", std::string(principal)}},
                 {}});
  }

  result<void> detach_thing_principal(std::string_view thing, std::string_view principal) override {
    return without_not_found(tell({"DetachThingPrincipal",
                                   "DELETE",
                                   "/things/" + percent_encode(thing) + "/principals",
                                   {{"x-amzn-principal", std::string(principal)}},
                                   {}}));
  }

  result<std::vector<std::string>> thing_principals(std::string_view thing) override {
    return pages({"ListThingPrincipals", "GET", "/things/" + percent_encode(thing) + "/principals", {}, {}},
                 "principals", "", "nextToken", "nextToken");
  }

  result<std::vector<std::string>> principal_things(std::string_view principal) override {
    return pages({"ListPrincipalThings",
                  "GET",
                  "/principals/things",
                  {{"x-amzn-principal", std::string(principal)}},
                  {}},
                 "things", "", "nextToken", "nextToken");
  }

  result<std::string> endpoint(std::string_view type) override {
    const auto object =
        ask({"DescribeEndpoint", "GET", "/endpoint?endpointType=" + percent_encode(type), {}, {}});
    if (!object) return object.error();
    auto address = text_in(*object, "endpointAddress");
    if (address.empty()) return service_.not_understood("DescribeEndpoint");
    return address;
  }

 private:
  static ServiceCall posting(std::string_view action, std::string path, const json& body) {
    return {action, "POST", std::move(path), {{"content-type", "application/json"}}, dumped(body)};
  }

  static result<void> without_not_found(result<void> outcome) {
    if (!outcome && outcome.error().kind == Error::Kind::not_found) return {};
    return outcome;
  }

  // An empty name would address the collection, dots another path.
  static bool is_bad(const std::string& path) {
    const auto resource = path.substr(0, path.find('?'));
    return resource.ends_with('/') || resource.find("//") != std::string::npos ||
           resource.find("/./") != std::string::npos || resource.find("/../") != std::string::npos ||
           resource.ends_with("/.") || resource.ends_with("/..");
  }

  result<HttpResponse> sent(const ServiceCall& call) const {
    if (is_bad(call.path)) {
      return invalid_argument("iot " + std::string(call.action) + ": an empty name, or dots for one");
    }
    return service_.call(call);
  }

  result<json> ask(const ServiceCall& call) const {
    const auto response = sent(call);
    if (!response) return response.error();
    auto object = parse_object(response->body, kMostAnswer);
    if (!object) return service_.not_understood(call.action);
    return {boost::system::in_place_value, *std::move(object)};  // json converts to everything, so say it
  }

  result<void> tell(const ServiceCall& call) const {
    const auto response = sent(call);
    if (!response) return response.error();
    return {};
  }

  // All entries of a list; `field`: of each entry, empty if the entries are strings.
  result<std::vector<std::string>> pages(ServiceCall call, std::string_view list, std::string_view field,
                                         std::string_view next, std::string_view parameter) const {
    std::vector<std::string> all;
    const auto path = call.path;
    for (int page = 0; page < kMostPages; ++page) {
      const auto object = ask(call);
      if (!object) return object.error();
      const auto entries = object->find(list);
      if (entries == object->end() || !entries->is_array()) return service_.not_understood(call.action);
      for (const auto& entry : *entries) {
        if (field.empty() && entry.is_string()) all.push_back(entry.get<std::string>());
        if (!field.empty() && entry.is_object()) all.push_back(text_in(entry, field));
      }
      const auto token = text_in(*object, next);
      if (token.empty()) return all;
      call.path = path + "?" + std::string(parameter) + "=" + percent_encode(token);
    }
    return service_.not_understood(call.action);
  }

  const Service service_;
};

}  // namespace

std::unique_ptr<IotControl> make_iot_control(ServiceOptions options, const Caller& caller) {
  return std::make_unique<HttpsIotControl>(std::move(options), caller);
}

}  // namespace sluice::aws
