#include "tests/support/certificates.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>

namespace sluice::test {
namespace {

template <typename T>
std::string to_pem(T write) {
  BIO* bio = BIO_new(BIO_s_mem());
  write(bio);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

void add_extension(X509* certificate, int nid, const char* value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

}  // namespace

Pem make_certificate(const std::string& common_name, std::int64_t not_before, std::int64_t not_after,
                     const Pem* issuer) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate),
                          static_cast<std::uint64_t>(not_after) * 31 + common_name.size());
  ASN1_TIME_set(X509_getm_notBefore(certificate), not_before);
  ASN1_TIME_set(X509_getm_notAfter(certificate), not_after);
  X509_set_pubkey(certificate, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(common_name.data()),
                             static_cast<int>(common_name.size()), -1, 0);
  EVP_PKEY* signer = key;
  X509* above = certificate;
  if (issuer != nullptr) {
    BIO* bio = BIO_new_mem_buf(issuer->certificate.data(), static_cast<int>(issuer->certificate.size()));
    above = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    BIO_free(bio);
    bio = BIO_new_mem_buf(issuer->key.data(), static_cast<int>(issuer->key.size()));
    signer = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
    BIO_free(bio);
  } else {
    add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
  }
  X509_set_issuer_name(certificate, X509_get_subject_name(above));
  X509_sign(certificate, signer, EVP_sha256());
  Pem pem{to_pem([&](BIO* bio) { PEM_write_bio_X509(bio, certificate); }), to_pem([&](BIO* bio) {
            PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
          })};
  if (issuer != nullptr) {
    X509_free(above);
    EVP_PKEY_free(signer);
  }
  X509_free(certificate);
  EVP_PKEY_free(key);
  return pem;
}

}  // namespace sluice::test
