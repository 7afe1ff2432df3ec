// X.509 for the local cloud: an authority of its own, server and client certificates (EC P-256), and what
// policies and the registry want to know of a certificate. certificates.cpp reads, certificate_issue.cpp
// makes.
#pragma once

#include <openssl/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.hpp"
#include "core/error.hpp"

namespace sluice::cloud {

struct KeyAndCertificate {
  std::string certificate, key;  // PEM
};

// Certificates end 2049-12-31T23:59:59Z, as those that AWS issues.
result<KeyAndCertificate> make_authority(std::string_view common_name, WallTime now);
// names: DNS names or IP addresses for the subject alternative name.
result<KeyAndCertificate> make_server_certificate(const KeyAndCertificate& authority,
                                                  std::span<const std::string> names, WallTime now);
result<KeyAndCertificate> make_client_certificate(const KeyAndCertificate& authority,
                                                  std::string_view common_name, WallTime now);

// The subject and the key of the request, signed by the authority. Refuses a request that its own key did not
// sign and keys that AWS does not take.
result<std::string> issue_certificate(const KeyAndCertificate& authority, std::string_view csr_pem,
                                      WallTime now);
// PEM; empty if it cannot be read.
std::string public_key_of(std::string_view certificate_pem);

// AWS's certificate id: SHA-256 of the DER form, 64 hex digits. Empty if the certificate cannot be encoded.
std::string certificate_id(const X509* certificate);
std::string to_pem(const X509* certificate);

struct CertificateFacts {
  std::string id;
  std::string subject;                         // one line, RFC 2253
  std::int64_t not_before = 0, not_after = 0;  // seconds since 1970
  bool is_authority = false;
  bool strong_key = false;  // RSA of 2048 bits or more, EC P-256, P-384, P-521: what AWS takes
  // Names and values of the certificate policy variables (iot:Certificate.Subject.CommonName ...).
  std::vector<std::pair<std::string, std::vector<std::string>>> variables;
};
result<CertificateFacts> read_certificate(std::string_view pem);

// Issuer name and signature; says nothing of dates.
bool signed_by(const X509* certificate, std::string_view authority_pem);
bool signed_by(std::string_view pem, std::string_view authority_pem);

}  // namespace sluice::cloud
