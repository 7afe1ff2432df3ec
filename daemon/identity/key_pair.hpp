// Private keys and what goes with them: made here, on the gateway; EC P-256. PEM texts. Used by lives and
// vendors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "core/secret.hpp"

namespace sluice::identity {

inline constexpr std::size_t kMaxCommonName = 64;  // X.520's ub-common-name; a thing's name may have 128

struct KeyPair {
  Secret key_pem;       // PKCS#8
  std::string csr_pem;  // CN: the name, or what fits of it and a digest; signed with SHA-256
};
result<KeyPair> make_key_pair(std::string_view name);

struct CertificateFacts {
  std::string id;               // as AWS names it: SHA-256 of the certificate, 64 hex digits
  std::string common_name;      // of the subject; may be empty
  std::int64_t not_before = 0;  // seconds since 1970
  std::int64_t not_after = 0;
};
// Of the first certificate in the text. Errors: invalid_argument.
result<CertificateFacts> read_certificate(std::string_view pem);

// Errors: protocol: it is the certificate of another key; invalid_argument: no certificate, no key.
result<void> check_certificate_of_key(std::string_view certificate_pem, const Secret& key_pem);

struct IssueOptions {
  std::string_view issuer_certificate_pem;
  const Secret& issuer_key_pem;
  std::string_view csr_pem;
  std::int64_t not_before = 0, not_after = 0;  // seconds since 1970
};
// A client certificate for the CSR's subject and key, and the issuer's certificates after it: the chain to
// send.
result<std::string> issue_certificate(const IssueOptions& options);

}  // namespace sluice::identity
