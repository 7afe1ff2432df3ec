// Certificate signing requests as devices make them, for tests.
#pragma once

#include <string>

namespace sluice::cloud::test {

struct KeyAndCsr {
  std::string key, csr;  // PEM
};
// EC P-256, or RSA of so many bits. More of the subject as "O=Maker,C=DE".
KeyAndCsr make_csr(const std::string& common_name, int rsa_bits = 0, const std::string& more_subject = {});

}  // namespace sluice::cloud::test
