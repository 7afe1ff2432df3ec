#include "cloud/local/x509_memory.hpp"

#include <openssl/err.h>

namespace sluice::cloud::x509 {

Error failed(const char* what) {
  char text[200] = "no detail";
  if (const auto code = ERR_get_error(); code != 0) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return {errc::tls, std::string(what) + ": " + text};
}

BioPtr reading(std::string_view pem) {
  return BioPtr(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

std::string written(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

CertPtr parse(std::string_view pem) {
  const auto bio = reading(pem);
  return CertPtr(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}

KeyPtr parse_key(std::string_view pem) {
  const auto bio = reading(pem);
  return KeyPtr(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
}

bool strong_key(const EVP_PKEY* key) {
  if (key == nullptr) return false;
  if (EVP_PKEY_is_a(key, "RSA") == 1) return EVP_PKEY_get_bits(key) >= 2048;
  if (EVP_PKEY_is_a(key, "EC") != 1) return false;
  char group[32] = {};
  if (EVP_PKEY_get_group_name(key, group, sizeof group, nullptr) != 1) return false;
  const std::string_view name = group;
  return name == "prime256v1" || name == "P-256" || name == "secp384r1" || name == "P-384" ||
         name == "secp521r1" || name == "P-521";
}

}  // namespace sluice::cloud::x509
