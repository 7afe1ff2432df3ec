#include "tests/unit/lambda/keys.hpp"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <memory>

#include "core/freed.hpp"

namespace sluice::lambda::test {
namespace {

using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Request = std::unique_ptr<X509_REQ, Freed<X509_REQ_free>>;
using Bio = std::unique_ptr<BIO, Freed<BIO_free>>;

Key make_key(const std::string& kind) {
  if (kind.starts_with("RSA-")) return Key(EVP_RSA_gen(std::stoul(kind.substr(4))));
  if (kind == "ED25519") return Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  return Key(EVP_EC_gen(kind.c_str()));
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

void add_name(X509_NAME* name, const std::string& common_name) {
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1, 0);
}

std::string csr_of(EVP_PKEY* shown, EVP_PKEY* signer) {
  const Request request(X509_REQ_new());
  add_name(X509_REQ_get_subject_name(request.get()), "device");
  X509_REQ_set_pubkey(request.get(), shown);
  X509_REQ_sign(request.get(), signer, EVP_PKEY_is_a(signer, "ED25519") ? nullptr : EVP_sha256());
  const Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509_REQ(bio.get(), request.get());
  return text_of(bio.get());
}

}  // namespace

std::string make_csr(const std::string& kind) {
  const auto key = make_key(kind);
  return csr_of(key.get(), key.get());
}

std::string make_forged_csr() {
  const auto shown = make_key("P-256"), signer = make_key("P-256");
  return csr_of(shown.get(), signer.get());
}

std::string make_certificate(const std::string& common_name, const std::string& second_common_name) {
  const auto key = make_key("P-256");
  const std::unique_ptr<X509, Freed<X509_free>> certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 86400);
  auto* subject = X509_get_subject_name(certificate.get());
  if (!common_name.empty()) add_name(subject, common_name);
  if (!second_common_name.empty()) add_name(subject, second_common_name);
  X509_set_pubkey(certificate.get(), key.get());
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  const Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate.get());
  return text_of(bio.get());
}

}  // namespace sluice::lambda::test
