// Certificates: issued for a CSR or with keys, registered, described, listed, activated, deleted.
#include <fmt/format.h>

#include "cloud/local/control/operations.hpp"
#include "cloud/local/registry/aws_refusal.hpp"

namespace sluice::cloud::control {
namespace {

using nlohmann::json;

json summary(const Call& call, const CertificateRecord& record) {
  return {{"certificateArn", arn(call.iot.scope(), "cert", record.id)},
          {"certificateId", record.id},
          {"status", record.status},
          {"certificateMode", record.mode},
          {"creationDate", record.created}};
}

Answered issued(const aws::result<aws::Certificate>& made, bool with_pem) {
  if (!made) return made.error();
  Document answer{{{"certificateArn", made->arn}, {"certificateId", made->id}}};
  if (with_pem) answer.body["certificatePem"] = made->pem;
  return answer;
}

Answered create_from_csr(const Call& call) {
  return issued(call.iot.create_certificate_from_csr(call.text("certificateSigningRequest"),
                                                     call.asked_for("setAsActive")),
                true);
}

Answered create_keys(const Call& call) {
  const auto made = call.iot.create_keys_and_certificate(call.asked_for("setAsActive"));
  if (!made) return made.error();
  auto answer = issued(made->certificate, true);
  answer->body["keyPair"] = {{"PublicKey", made->public_key}, {"PrivateKey", made->private_key}};
  return answer;
}

std::string status_of(const Call& call) {
  if (const auto status = call.text("status"); !status.empty()) return status;
  return call.asked_for("setAsActive") ? "ACTIVE" : "INACTIVE";
}

Answered register_with_authority(const Call& call) {
  return issued(call.iot.register_certificate(call.text("certificatePem"), call.text("caCertificatePem"),
                                              status_of(call)),
                false);
}

Answered register_alone(const Call& call) {
  return issued(call.iot.register_certificate_without_authority(call.text("certificatePem"), status_of(call)),
                false);
}

Answered describe(const Call& call) {
  const auto known = call.iot.describe_certificate(call.name("certificateId"));
  if (!known) return known.error();
  const auto record = call.registry().certificate(known->id);
  json text = summary(call, *record);
  text["certificatePem"] = record->pem;
  text["ownedBy"] = call.iot.scope().account;
  text["lastModifiedDate"] = record->modified;
  text["customerVersion"] = 1;
  text["generationId"] = record->id.substr(0, 32);
  text["validity"] = {{"notBefore", record->facts.not_before}, {"notAfter", record->facts.not_after}};
  if (!record->authority.empty()) text["caCertificateId"] = record->authority;
  return Document{{{"certificateDescription", std::move(text)}}};
}

// By date; the newest first unless asked otherwise.
Answered listed(const Call& call, std::string_view authority) {
  const bool ascending = call.asked_for("isAscendingOrder");
  std::map<std::string, json> items;
  call.registry().each_certificate([&](const CertificateRecord& record) {
    if (!authority.empty() && record.authority != authority) return;
    const std::int64_t order = ascending ? record.created : 10'000'000'000 - record.created;
    items[fmt::format("{:011}{}", order, record.id)] = summary(call, record);
  });
  return page(call, kByMarker, "certificates", items);
}

Answered list(const Call& call) { return listed(call, {}); }
Answered list_by_authority(const Call& call) { return listed(call, call.name("caCertificateId")); }

Answered update(const Call& call) {
  return done(call.iot.update_certificate(call.name("certificateId"), call.asked("newStatus")));
}

Answered remove(const Call& call) {
  return done(call.iot.delete_certificate(call.name("certificateId"), call.asked_for("forceDelete")));
}

constexpr Operation kOperations[] = {
    {"CreateCertificateFromCsr", "POST", "/certificates", create_from_csr},
    {"CreateKeysAndCertificate", "POST", "/keys-and-certificate", create_keys},
    {"RegisterCertificate", "POST", "/certificate/register", register_with_authority},
    {"RegisterCertificateWithoutCA", "POST", "/certificate/register-no-ca", register_alone},
    {"DescribeCertificate", "GET", "/certificates/{certificateId}", describe},
    {"ListCertificates", "GET", "/certificates", list},
    {"ListCertificatesByCA", "GET", "/certificates-by-ca/{caCertificateId}", list_by_authority},
    {"UpdateCertificate", "PUT", "/certificates/{certificateId}", update},
    {"DeleteCertificate", "DELETE", "/certificates/{certificateId}", remove},
};

}  // namespace

std::span<const Operation> certificate_operations() { return kOperations; }

}  // namespace sluice::cloud::control
