// Authorities (CAs) of one's own: registered with a proof of possession or by SNI alone, for JITP and JITR.
#include <fmt/format.h>

#include "cloud/local/control/operations.hpp"
#include "cloud/local/files.hpp"
#include "cloud/local/provisioning/template.hpp"
#include "cloud/local/registry/aws_refusal.hpp"

namespace sluice::cloud::control {
namespace {

using nlohmann::json;

constexpr std::size_t kMostOfOneSubject = 10;

aws::Error not_valid(std::string text) {
  return aws_error(400, "CertificateValidationException", std::move(text));
}

std::filesystem::path code_file(const Call& call) {
  return call.registry().directory() / "registration-code";
}

// Made when it is asked for the first time; the same until it is deleted.
aws::result<std::string> registration_code(const Call& call) {
  if (const auto known = read_file(code_file(call))) return *known;
  auto code = random_hex(32);
  if (auto written = write_file(code_file(call), code, 0644); !written)
    return internal_failure(written.error());
  return code;
}

Answered get_code(const Call& call) {
  const auto code = registration_code(call);
  if (!code) return code.error();
  return Document{{{"registrationCode", *code}}};
}

Answered delete_code(const Call& call) {
  std::error_code ec;
  if (!std::filesystem::remove(code_file(call), ec)) return not_found("There is no registration code");
  return Document{};
}

std::string common_name(const CertificateFacts& facts) {
  for (const auto& [name, values] : facts.variables) {
    if (name == "iot:Certificate.Subject.CommonName" && !values.empty()) return values.front();
  }
  return {};
}

// Who has the authority's key can sign a certificate whose name is our code.
aws::result<void> check_possession(const Call& call, const AuthorityRecord& authority) {
  const auto verification = call.text("verificationCertificate");
  if (verification.empty())
    return invalid_request("verificationCertificate is needed, unless certificateMode is SNI_ONLY");
  const auto facts = read_certificate(verification);
  if (!facts) return not_valid("verificationCertificate: " + facts.error().text);
  if (!signed_by(verification, authority.pem))
    return not_valid("verificationCertificate is not signed by caCertificate");
  const auto code = registration_code(call);
  if (!code) return code.error();
  if (common_name(*facts) != *code) {
    return aws_error(
        400, "RegistrationCodeValidationException",
        "the common name of verificationCertificate is not the registration code (get-registration-code)");
  }
  return {};
}

aws::result<void> read_config(const Call& call, AuthorityRecord& authority) {
  const json config = call.object("registrationConfig");
  if (config.empty()) return {};
  const auto text = [&](const char* name) {
    const auto it = config.find(name);
    return it != config.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  authority.template_name = text("templateName");
  authority.template_body = text("templateBody");
  authority.role_arn = text("roleArn");
  if (!authority.template_name.empty() && !authority.template_body.empty())
    return invalid_request("registrationConfig has either templateName or templateBody");
  if (!authority.template_name.empty()) {
    const auto known = valid_template_name(authority.template_name)
                           ? call.registry().templates().find(authority.template_name)
                           : nullptr;
    if (!known) return not_found("Provisioning template " + authority.template_name + " not found");
    if (known->type != "JITP") return invalid_request(authority.template_name + " is not of type JITP");
  } else if (const auto parsed = Template::parse(authority.template_body); !parsed) {
    return invalid_request("templateBody: " + parsed.error().text);
  }
  return {};
}

Answered create(const Call& call) {
  AuthorityRecord authority;
  authority.pem = call.text("caCertificate");
  auto facts = read_certificate(authority.pem);
  if (!facts) return not_valid("caCertificate: " + facts.error().text);
  if (!facts->is_authority)
    return not_valid("caCertificate is not the certificate of an authority (CA:TRUE)");
  if (!facts->strong_key)
    return not_valid("the authority's key must be RSA of 2048 bits or more, or EC P-256, P-384 or P-521");
  authority.id = facts->id;
  auto& known = call.registry().authorities();
  if (known.find(authority.id))
    return already_exists("CA certificate " + authority.id + " is registered already");
  std::size_t same = 0;
  known.each([&](const std::string&, const AuthorityRecord& other) {
    same += other.facts.subject == facts->subject ? 1 : 0;
  });
  if (same >= kMostOfOneSubject)
    return aws_error(410, "LimitExceededException", "there are 10 CA certificates with this subject already");
  if (const auto mode = call.text("certificateMode"); !mode.empty()) authority.mode = mode;
  if (authority.mode != "DEFAULT" && authority.mode != "SNI_ONLY")
    return invalid_request("certificateMode must be DEFAULT or SNI_ONLY");
  if (authority.mode == "DEFAULT") {
    if (auto proven = check_possession(call, authority); !proven) return proven.error();
  }
  if (auto read = read_config(call, authority); !read) return read.error();
  authority.status = call.asked_for("setAsActive") ? "ACTIVE" : "INACTIVE";
  authority.auto_registration = call.asked_for("allowAutoRegistration");
  authority.created = authority.modified = call.iot.now();
  if (auto written = known.write(authority.id, to_text(authority)); !written)
    return internal_failure(written.error());
  return Document{
      {{"certificateArn", arn(call.iot.scope(), "cacert", authority.id)}, {"certificateId", authority.id}}};
}

std::shared_ptr<const AuthorityRecord> find(const Call& call) {
  const auto& id = call.name("caCertificateId");
  return valid_certificate_id(id) ? call.registry().authorities().find(id) : nullptr;
}

aws::Error unknown(const Call& call) {
  return not_found("CA certificate " + call.name("caCertificateId") + " does not exist");
}

json summary(const Call& call, const AuthorityRecord& authority) {
  return {{"certificateArn", arn(call.iot.scope(), "cacert", authority.id)},
          {"certificateId", authority.id},
          {"status", authority.status},
          {"creationDate", authority.created}};
}

Answered describe(const Call& call) {
  const auto authority = find(call);
  if (!authority) return unknown(call);
  json text = summary(call, *authority);
  text["certificatePem"] = authority->pem;
  text["ownedBy"] = call.iot.scope().account;
  text["autoRegistrationStatus"] = authority->auto_registration ? "ENABLE" : "DISABLE";
  text["lastModifiedDate"] = authority->modified;
  text["customerVersion"] = 1;
  text["generationId"] = authority->id.substr(0, 32);
  text["validity"] = {{"notBefore", authority->facts.not_before}, {"notAfter", authority->facts.not_after}};
  text["certificateMode"] = authority->mode;
  Document answer{{{"certificateDescription", std::move(text)}}};
  json config = json::object();
  if (!authority->template_name.empty()) config["templateName"] = authority->template_name;
  if (!authority->template_body.empty()) config["templateBody"] = authority->template_body;
  if (!authority->role_arn.empty()) config["roleArn"] = authority->role_arn;
  if (!config.empty()) answer.body["registrationConfig"] = std::move(config);
  return answer;
}

Answered list(const Call& call) {
  const auto by_template = call.asked("templateName");
  const bool ascending = call.asked_for("isAscendingOrder");
  std::map<std::string, json> items;
  call.registry().authorities().each([&](const std::string& id, const AuthorityRecord& authority) {
    if (!by_template.empty() && authority.template_name != by_template) return;
    const std::int64_t order = ascending ? authority.created : 10'000'000'000 - authority.created;
    items[fmt::format("{:011}{}", order, id)] = summary(call, authority);
  });
  return page(call, kByMarker, "certificates", items);
}

Answered update(const Call& call) {
  const auto known = find(call);
  if (!known) return unknown(call);
  AuthorityRecord authority = *known;
  if (const auto status = call.asked("newStatus"); !status.empty()) {
    if (status != "ACTIVE" && status != "INACTIVE")
      return invalid_request("newStatus must be ACTIVE or INACTIVE");
    authority.status = status;
  }
  if (const auto status = call.asked("newAutoRegistrationStatus"); !status.empty()) {
    if (status != "ENABLE" && status != "DISABLE")
      return invalid_request("newAutoRegistrationStatus must be ENABLE or DISABLE");
    authority.auto_registration = status == "ENABLE";
  }
  if (call.flag("removeAutoRegistration").value_or(false))
    authority.template_name = authority.template_body = authority.role_arn = "";
  if (auto read = read_config(call, authority); !read) return read.error();
  authority.modified = call.iot.now();
  return done(as_aws(call.registry().authorities().write(authority.id, to_text(authority))));
}

Answered remove(const Call& call) {
  const auto authority = find(call);
  if (!authority) return unknown(call);
  if (authority->status == "ACTIVE")
    return aws_error(406, "CertificateStateException",
                     "CA certificate must be INACTIVE before it is deleted");
  return done(as_aws(call.registry().authorities().erase(authority->id)));
}

constexpr Operation kOperations[] = {
    {"GetRegistrationCode", "GET", "/registrationcode", get_code},
    {"DeleteRegistrationCode", "DELETE", "/registrationcode", delete_code},
    {"RegisterCACertificate", "POST", "/cacertificate", create},
    {"DescribeCACertificate", "GET", "/cacertificate/{caCertificateId}", describe},
    {"ListCACertificates", "GET", "/cacertificates", list},
    {"UpdateCACertificate", "PUT", "/cacertificate/{caCertificateId}", update},
    {"DeleteCACertificate", "DELETE", "/cacertificate/{caCertificateId}", remove},
};

}  // namespace

std::span<const Operation> authority_operations() { return kOperations; }

}  // namespace sluice::cloud::control
