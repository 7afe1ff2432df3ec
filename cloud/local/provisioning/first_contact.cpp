#include "cloud/local/provisioning/first_contact.hpp"

#include <nlohmann/json.hpp>

#include "cloud/local/provisioning/provisioner.hpp"

namespace sluice::cloud {
namespace {

// The parameters that a template may refer to without declaring them, from the certificate's subject.
Parameters parameters_of(const CertificateRecord& certificate) {
  static constexpr std::pair<std::string_view, const char*> kFields[] = {
      {"iot:Certificate.Subject.Country", "Country"},
      {"iot:Certificate.Subject.Organization", "Organization"},
      {"iot:Certificate.Subject.OrganizationalUnit", "OrganizationalUnit"},
      {"iot:Certificate.Subject.DistinguishedNameQualifier", "DistinguishedNameQualifier"},
      {"iot:Certificate.Subject.State", "StateName"},
      {"iot:Certificate.Subject.CommonName", "CommonName"},
      {"iot:Certificate.Subject.SerialNumber", "SerialNumber"},
  };
  Parameters parameters;
  parameters["AWS::IoT::Certificate::Id"] = certificate.id;
  for (const auto& [variable, values] : certificate.facts.variables) {
    for (const auto& [name, field] : kFields) {
      if (variable == name && !values.empty())
        parameters["AWS::IoT::Certificate::" + std::string(field)] = values.front();
    }
  }
  return parameters;
}

}  // namespace

void FirstContact::made(const std::string& certificate_pem) {
  const auto facts = read_certificate(certificate_pem);
  if (!facts) return log_.error("a certificate that connected cannot be read: {}", facts.error().text);
  auto certificate = iot_.registry().certificate(facts->id);
  const bool first = !certificate;
  if (first) {
    const auto registered = iot_.register_certificate(certificate_pem, {}, "PENDING_ACTIVATION");
    if (!registered) return log_.warn("{} is not registered: {}", facts->subject, registered.error().text);
    certificate = iot_.registry().certificate(facts->id);
  }
  if (!certificate || certificate->authority.empty()) return;  // issued by AWS: it waits for its owner
  const auto authority = iot_.registry().authorities().find(certificate->authority);
  if (!authority) return;
  if (!authority->template_name.empty() || !authority->template_body.empty()) {
    run_template(*certificate, *authority);
  } else if (first) {
    announce(*certificate);
  }
}

void FirstContact::run_template(const CertificateRecord& certificate, const AuthorityRecord& authority) {
  std::string text = authority.template_body;
  if (!authority.template_name.empty()) {
    const auto record = iot_.registry().templates().find(authority.template_name);
    if (!record || !record->enabled)
      return log_.warn("template {} has gone or is not enabled", authority.template_name);
    text = record->body;
  }
  const auto body = Template::parse(text);
  const auto wanted = body ? body->evaluate(parameters_of(certificate)) : result<Provision>(body.error());
  if (!wanted)
    return log_.warn("just-in-time provisioning of {} failed: {}", certificate.facts.subject,
                     wanted.error().text);
  const auto thing = provision(iot_, *wanted, certificate.id);
  if (!thing)
    return log_.warn("just-in-time provisioning of {} failed: {}", certificate.facts.subject,
                     thing.error().text);
  log_.info("{} provisioned just in time as {}", certificate.facts.subject, *thing);
}

void FirstContact::announce(const CertificateRecord& certificate) {
  const auto now =
      std::chrono::duration_cast<std::chrono::milliseconds>(iot_.wall().time_since_epoch()).count();
  const nlohmann::json event = {{"certificateId", certificate.id},
                                {"caCertificateId", certificate.authority},
                                {"timestamp", now},
                                {"certificateStatus", "PENDING_ACTIVATION"},
                                {"awsAccountId", iot_.scope().account},
                                {"certificateRegistrationTimestamp", std::to_string(now)}};
  const auto payload = event.dump();
  publish_("$aws/events/certificates/registered/" + certificate.authority, payload);
  if (!rule_) return;
  const auto answer = rule_(payload);
  if (!answer)
    return log_.warn("just-in-time registration failed: {}: {}", answer.error().type, answer.error().message);
  log_.info("just-in-time registration: {}", *answer);
}

}  // namespace sluice::cloud
