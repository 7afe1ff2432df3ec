#include "cloud/local/provisioning/fleet.hpp"

#include <nlohmann/json.hpp>

#include "aws/digest.hpp"
#include "cloud/local/provisioning/payload.hpp"
#include "cloud/local/provisioning/provisioner.hpp"
#include "cloud/local/registry/aws_refusal.hpp"

namespace sluice::cloud {
namespace {

using nlohmann::json;

constexpr std::string_view kTemplates = "$aws/provisioning-templates/";

std::string text_in(const json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

}  // namespace

struct FleetProvisioning::Outcome {
  bool accepted;
  json body;

  static Outcome rejected(unsigned status, std::string_view code, std::string_view message) {
    return {false, {{"statusCode", status}, {"errorCode", code}, {"errorMessage", message}}};
  }
  static Outcome rejected(const aws::Error& error) { return rejected(error.status, error.code, error.text); }
};

CloudHost::Request FleetProvisioning::request(std::string_view topic) {
  const bool cbor = topic.ends_with("/cbor");
  if (!cbor && !topic.ends_with("/json")) return {};
  const auto path = topic.substr(0, topic.size() - 5);
  if (path == "$aws/certificates/create")
    return bound(&FleetProvisioning::create, {}, std::string(topic), cbor);
  if (path == "$aws/certificates/create-from-csr")
    return bound(&FleetProvisioning::create_from_csr, {}, std::string(topic), cbor);
  constexpr std::string_view kEnd = "/provision";
  if (!path.starts_with(kTemplates) || !path.ends_with(kEnd) ||
      path.size() <= kTemplates.size() + kEnd.size())
    return {};
  const auto name = path.substr(kTemplates.size(), path.size() - kTemplates.size() - kEnd.size());
  return bound(&FleetProvisioning::provision_device, std::string(name), std::string(topic), cbor);
}

CloudHost::Request FleetProvisioning::bound(Operation operation, std::string name, std::string topic,
                                            bool cbor) {
  return [this, operation, name = std::move(name), topic = std::move(topic), cbor](
             ClientContext& client, std::string_view payload) -> std::optional<CloudHost::Reply> {
    const auto wish = read_payload(payload, cbor);
    const Outcome outcome =
        wish ? (this->*operation)(client, name, *wish)
             : Outcome::rejected(400, "InvalidPayload", "the payload is no object that can be read");
    if (!outcome.accepted)
      log_.info("{}: {} rejected: {}", client.presence.client_id, topic, outcome.body.dump());
    return CloudHost::Reply{topic + (outcome.accepted ? "/accepted" : "/rejected"),
                            write_payload(outcome.body, cbor)};
  };
}

std::string FleetProvisioning::own(const std::string& certificate_id) {
  const auto now = iot_.now();
  if (tokens_.size() >= kMostTokens)
    std::erase_if(tokens_, [now](const auto& t) { return t.second.until <= now; });
  if (tokens_.size() >= kMostTokens) tokens_.erase(tokens_.begin());
  std::string token = random_hex(64);
  tokens_[aws::sha256_hex(token)] = {certificate_id, now + kTokenLasts.count()};
  return token;
}

FleetProvisioning::Outcome FleetProvisioning::create(ClientContext&, const std::string&, const json&) {
  const auto made = iot_.issue_keys("PENDING_ACTIVATION", iot_.now() + kTokenLasts.count());
  if (!made) return Outcome::rejected(made.error());
  return {true,
          {{"certificateId", made->certificate.id},
           {"certificatePem", made->certificate.pem},
           {"privateKey", made->private_key},
           {"certificateOwnershipToken", own(made->certificate.id)}}};
}

FleetProvisioning::Outcome FleetProvisioning::create_from_csr(ClientContext&, const std::string&,
                                                              const json& wish) {
  const auto made =
      iot_.issue_pending(text_in(wish, "certificateSigningRequest"), iot_.now() + kTokenLasts.count());
  if (!made) return Outcome::rejected(400, "InvalidCertificateSigningRequest", made.error().text);
  return {true,
          {{"certificateId", made->id},
           {"certificatePem", made->pem},
           {"certificateOwnershipToken", own(made->id)}}};
}

aws::result<void> FleetProvisioning::ask_hook(const ClientContext& client, const TemplateRecord& record,
                                              const CertificateRecord& certificate, Parameters& parameters) {
  if (record.hook_arn.empty()) return {};
  if (!hook_) return aws_error(500, "InternalServerError", "there is no pre-provisioning hook in this cloud");
  const json event = {
      {"claimCertificateId", client.principal().certificate_id},
      {"certificateId", certificate.id},
      {"certificatePem", certificate.pem},
      {"templateArn", arn(iot_.scope(), "provisioningtemplate", record.name)},
      {"clientId", client.presence.client_id},
      {"parameters", std::map<std::string, std::string>(parameters.begin(), parameters.end())}};
  const auto answer = hook_(event.dump(-1, ' ', false, json::error_handler_t::replace));
  if (!answer)
    return aws_error(500, "InternalServerError", "the pre-provisioning hook failed: " + answer.error().type);
  const json said = json::parse(*answer, nullptr, false);
  if (!said.is_object() || said.value("allowProvisioning", json()) != true)
    return aws_error(403, "AccessDenied", "Access Denied by the pre-provisioning hook");
  const auto overrides = said.value("parameterOverrides", json::object());
  for (const auto& [name, value] : overrides.items()) {
    if (value.is_string()) parameters[name] = value.get<std::string>();
  }
  return {};
}

FleetProvisioning::Outcome FleetProvisioning::provision_device(ClientContext& client, const std::string& name,
                                                               const json& wish) {
  const auto token = aws::sha256_hex(text_in(wish, "certificateOwnershipToken"));
  const auto owned = tokens_.find(token);
  if (owned == tokens_.end() || owned->second.until <= iot_.now())
    return Outcome::rejected(400, "InvalidCertificateOwnershipToken",
                             "the ownership token is unknown, used or expired");
  const auto record = valid_template_name(name) ? iot_.registry().templates().find(name) : nullptr;
  if (!record || record->type != "FLEET_PROVISIONING")
    return Outcome::rejected(404, "ResourceNotFound", "there is no fleet provisioning template " + name);
  if (!record->enabled) return Outcome::rejected(400, "InvalidTemplate", "the template is not enabled");
  const auto certificate = iot_.registry().certificate(owned->second.certificate_id);
  if (!certificate) return Outcome::rejected(404, "ResourceNotFound", "the certificate has gone");
  const auto body = Template::parse(record->body);
  if (!body) return Outcome::rejected(400, "InvalidTemplate", body.error().text);

  Parameters parameters;
  const auto given = wish.value("parameters", json::object());
  if (!given.is_object())
    return Outcome::rejected(400, "InvalidParameters", "parameters must be an object of strings");
  for (const auto& [key, value] : given.items()) {
    if (!value.is_string()) return Outcome::rejected(400, "InvalidParameters", key + " is not a string");
    parameters[key] = value.get<std::string>();
  }
  if (auto allowed = ask_hook(client, *record, *certificate, parameters); !allowed)
    return Outcome::rejected(allowed.error());
  parameters["AWS::IoT::Certificate::Id"] = certificate->id;
  const auto wanted = body->evaluate(parameters);
  if (!wanted) return Outcome::rejected(400, "InvalidParameters", wanted.error().text);
  const auto thing = provision(iot_, *wanted, certificate->id);
  if (!thing) return Outcome::rejected(thing.error());
  tokens_.erase(owned);
  log_.info("{} provisioned by template {}", *thing, name);
  return {true, {{"deviceConfiguration", wanted->device_configuration}, {"thingName", *thing}}};
}

}  // namespace sluice::cloud
