// X.509 for the local cloud: an authority of its own, server and client certificates (EC P-256), and what
// policies want to know of a client certificate. The only file besides tls_context.cpp that talks to
// OpenSSL's X.509.
#pragma once

#include <openssl/types.h>

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

// AWS's certificate id: SHA-256 of the DER form, 64 hex digits. Empty if the certificate cannot be encoded.
std::string certificate_id(const X509* certificate);

struct CertificateFacts {
  std::string id;
  // Names and values of the certificate policy variables (iot:Certificate.Subject.CommonName ...).
  std::vector<std::pair<std::string, std::vector<std::string>>> variables;
};
result<CertificateFacts> read_certificate(std::string_view pem);

}  // namespace sluice::cloud
