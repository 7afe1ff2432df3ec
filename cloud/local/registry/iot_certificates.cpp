// LocalIotControl: certificates.
#include <algorithm>

#include "cloud/local/registry/aws_refusal.hpp"
#include "cloud/local/registry/local_iot_control.hpp"

namespace sluice::cloud {
namespace {

constexpr std::size_t kMostCsr = 4096, kMostPem = 65'536;

aws::Certificate described(const CertificateRecord& record, const ArnScope& scope) {
  return {record.id, arn(scope, "cert", record.id), record.pem, record.status};
}

// What may be asked for; the rest is AWS's own to give.
bool status_to_ask(std::string_view status) {
  return status == "ACTIVE" || status == "INACTIVE" || status == "REVOKED";
}

}  // namespace

std::int64_t LocalIotControl::now() const {
  return std::chrono::duration_cast<std::chrono::seconds>(clock_.wall().time_since_epoch()).count();
}

aws::result<std::shared_ptr<const CertificateRecord>> LocalIotControl::certificate(std::string_view id) {
  if (!valid_certificate_id(id)) return invalid_request("a certificate id has 64 hexadecimal digits");
  auto record = registry_.certificate(id);
  if (!record) return not_found("Certificate id " + std::string(id) + " does not exist");
  return record;
}

aws::result<std::shared_ptr<const CertificateRecord>> LocalIotControl::certificate_of(
    std::string_view principal) {
  const auto id = certificate_of_arn(scope_, principal);
  if (!id) {
    return invalid_request("\"" + std::string(principal) + "\" is not " + arn(scope_, "cert", "ID") +
                           "; other principals are not known here");
  }
  return certificate(*id);
}

aws::result<aws::Certificate> LocalIotControl::keep(CertificateRecord record) {
  record.created = record.modified = now();
  if (auto done = registry_.save(record); !done) return internal_failure(done.error());
  return described(record, scope_);
}

aws::result<aws::Certificate> LocalIotControl::issue(std::string_view csr_pem, std::string_view status,
                                                     std::int64_t expires) {
  if (csr_pem.empty() || csr_pem.size() > kMostCsr)
    return invalid_request("certificateSigningRequest must have 1 to 4096 characters");
  auto pem = issue_certificate(authority_, csr_pem, clock_.wall());
  if (!pem) return invalid_request("The certificate signing request is not taken: " + pem.error().text);
  auto facts = read_certificate(*pem);
  if (!facts) return internal_failure(facts.error());
  CertificateRecord record;
  record.id = facts->id;
  record.pem = std::move(*pem);
  record.status = status;
  record.expires = expires;
  return keep(std::move(record));
}

aws::result<aws::Certificate> LocalIotControl::create_certificate_from_csr(std::string_view csr_pem,
                                                                           bool active) {
  return issue(csr_pem, active ? "ACTIVE" : "INACTIVE", 0);
}

aws::result<aws::Certificate> LocalIotControl::issue_pending(std::string_view csr_pem, std::int64_t expires) {
  return issue(csr_pem, "PENDING_ACTIVATION", expires);
}

aws::result<aws::KeysAndCertificate> LocalIotControl::create_keys_and_certificate(bool active) {
  return issue_keys(active ? "ACTIVE" : "INACTIVE", 0);
}

aws::result<aws::KeysAndCertificate> LocalIotControl::issue_keys(std::string_view status,
                                                                 std::int64_t expires) {
  auto pair = make_client_certificate(authority_, "AWS IoT Certificate", clock_.wall());
  if (!pair) return internal_failure(pair.error());
  const auto facts = read_certificate(pair->certificate);
  if (!facts) return internal_failure(facts.error());
  CertificateRecord record;
  record.id = facts->id;
  record.pem = pair->certificate;
  record.status = status;
  record.expires = expires;
  auto kept = keep(std::move(record));
  if (!kept) return kept.error();
  return aws::KeysAndCertificate{*kept, public_key_of(pair->certificate), pair->key};
}

aws::result<aws::Certificate> LocalIotControl::describe_certificate(std::string_view id) {
  const auto record = certificate(id);
  if (!record) return record.error();
  return described(**record, scope_);
}

aws::result<void> LocalIotControl::update_certificate(std::string_view id, std::string_view status) {
  const auto record = certificate(id);
  if (!record) return record.error();
  if (!status_to_ask(status)) {
    return invalid_request("newStatus must be ACTIVE, INACTIVE or REVOKED, not \"" + std::string(status) +
                           "\"");
  }
  CertificateRecord changed = **record;
  if (changed.status == "PENDING_ACTIVATION") changed.expires = 0;  // somebody has a use for it
  changed.status = status;
  changed.modified = now();
  return as_aws(registry_.save(changed));
}

aws::result<void> LocalIotControl::delete_certificate(std::string_view id, bool force) {
  const auto record = certificate(id);
  if (!record) return record.error();
  if ((*record)->status == "ACTIVE") {
    return aws_error(
        406, "CertificateStateException",
        "Certificate must be deactivated (not ACTIVE) before deletion. (certificate: " + (*record)->id + ")");
  }
  if (!registry_.things_of(id).empty()) {
    return aws_error(409, "DeleteConflictException",
                     "Things must be detached before deletion (arn: " + arn(scope_, "cert", id) + ")");
  }
  if (!(*record)->policies.empty() && !force) {
    return aws_error(
        409, "DeleteConflictException",
        "Certificate policies must be detached before deletion (arn: " + arn(scope_, "cert", id) + ")");
  }
  return as_aws(registry_.erase_certificate((*record)->id));
}

aws::result<aws::Certificate> LocalIotControl::register_certificate(std::string_view pem,
                                                                    std::string_view authority_pem,
                                                                    std::string_view status) {
  if (pem.empty() || pem.size() > kMostPem)
    return invalid_request("certificatePem must have 1 to 65536 characters");
  const auto facts = read_certificate(pem);
  if (!facts)
    return aws_error(400, "CertificateValidationException", "certificatePem: " + facts.error().text);
  std::string authority;
  registry_.authorities().each([&](const std::string& id, const AuthorityRecord& known) {
    if (authority.empty() && known.status == "ACTIVE" && signed_by(pem, known.pem)) authority = id;
  });
  if (!authority_pem.empty() && !signed_by(pem, authority_pem))
    return aws_error(400, "CertificateValidationException", "caCertificatePem did not sign this certificate");
  if (authority.empty()) {
    return aws_error(400, "CertificateValidationException",
                     "the authority that signed this certificate is not registered and ACTIVE");
  }
  return adopt(pem, status, authority);
}

aws::result<aws::Certificate> LocalIotControl::register_certificate_without_authority(
    std::string_view pem, std::string_view status) {
  return adopt(pem, status, {});
}

aws::result<aws::Certificate> LocalIotControl::adopt(std::string_view pem, std::string_view status,
                                                     const std::string& authority) {
  if (pem.empty() || pem.size() > kMostPem)
    return invalid_request("certificatePem must have 1 to 65536 characters");
  const auto facts = read_certificate(pem);
  if (!facts)
    return aws_error(400, "CertificateValidationException", "certificatePem: " + facts.error().text);
  if (!facts->strong_key) {
    return aws_error(400, "CertificateValidationException",
                     "the key must be RSA of 2048 bits or more, or EC P-256, P-384 or P-521");
  }
  if (!status_to_ask(status) && status != "PENDING_ACTIVATION")
    return invalid_request("status must be ACTIVE, INACTIVE or REVOKED");
  if (registry_.certificate(facts->id)) {
    return already_exists("The certificate is registered already (certificate id: " + facts->id + ")");
  }
  CertificateRecord record;
  record.id = facts->id;
  record.pem = pem;
  record.status = status;
  record.authority = authority;
  record.mode = authority.empty() ? "SNI_ONLY" : "DEFAULT";
  record.foreign = true;
  return keep(std::move(record));
}

}  // namespace sluice::cloud
