// Certificates for tests, made with OpenSSL: a CA, and leaves of any age signed by it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace sluice::test {

struct Pem {
  std::string certificate, key;
};

// Seconds since 1970. `issuer` null: self-signed CA.
Pem make_certificate(const std::string& common_name, std::int64_t not_before, std::int64_t not_after,
                     const Pem* issuer);

}  // namespace sluice::test
