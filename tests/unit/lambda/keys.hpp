// Keys, signing requests and certificates for the tests of the functions, made with OpenSSL.
#pragma once

#include <string>

namespace sluice::lambda::test {

// kind: an EC curve ("P-256") or an RSA size ("RSA-2048"), "ED25519". PEM.
std::string make_csr(const std::string& kind = "P-256");
// The same request with another signature.
std::string make_forged_csr();
// Self-signed, EC P-256, with these common names.
std::string make_certificate(const std::string& common_name, const std::string& second_common_name = {});

}  // namespace sluice::lambda::test
