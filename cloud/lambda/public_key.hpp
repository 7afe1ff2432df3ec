// Whose key a certificate or a signing request is about, and whom a certificate names. The only file of the
// functions that talks to OpenSSL's X.509. Used by the vending function, the fleet provisioning hook and
// JITR.
#pragma once

#include <string>
#include <string_view>

#include "aws/error.hpp"

namespace sluice::lambda {

// SHA-256 of the public key (DER SubjectPublicKeyInfo), 64 hex digits. Error (kind invalid, in words): it
// does not parse, its signature is not by its own key, or AWS IoT takes no such key (EC P-256, P-384, P-521;
// RSA of 2048 bits and more; at most 4096 here, because checking larger ones is a way to keep us busy).
aws::result<std::string> key_hash_of_csr(std::string_view pem);
aws::result<std::string> key_hash_of_certificate(std::string_view pem);

// The subject's common name; an error if there is not exactly one.
aws::result<std::string> common_name_of_certificate(std::string_view pem);

}  // namespace sluice::lambda
