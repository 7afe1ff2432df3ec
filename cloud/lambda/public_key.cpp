#include "cloud/lambda/public_key.hpp"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>
#include <memory>

#include "aws/cvm.hpp"
#include "aws/digest.hpp"
#include "core/freed.hpp"

namespace sluice::lambda {
namespace {

using Bio = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using Request = std::unique_ptr<X509_REQ, Freed<X509_REQ_free>>;
using Cert = std::unique_ptr<X509, Freed<X509_free>>;

constexpr std::size_t kMostCertificate = 64 * 1024;
constexpr int kLeastRsaBits = 2048, kMostRsaBits = 4096;

Bio open(std::string_view pem) { return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))); }

// PEM_read_* would ask a terminal for the password of an encrypted block.
int no_password(char*, int, int, void*) { return -1; }

// What is wrong with it; empty: AWS IoT takes this kind of key.
std::string key_trouble(EVP_PKEY* key) {
  if (key == nullptr) return "its public key cannot be read";
  if (EVP_PKEY_is_a(key, "RSA") == 1) {
    const int bits = EVP_PKEY_get_bits(key);
    if (bits < kLeastRsaBits || bits > kMostRsaBits) {
      return "an RSA key of " + std::to_string(bits) + " bits; 2048 to 4096 are allowed";
    }
    return {};
  }
  if (EVP_PKEY_is_a(key, "EC") == 1) {
    std::array<char, 64> group{};
    std::size_t size = 0;
    if (EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) != 1) {
      return "its curve has no name; P-256, P-384 and P-521 are allowed";
    }
    const std::string_view name(group.data(), size);
    if (name == "prime256v1" || name == "P-256" || name == "secp384r1" || name == "P-384" ||
        name == "secp521r1" || name == "P-521") {
      return {};
    }
    return "the curve " + std::string(name) + "; P-256, P-384 and P-521 are allowed";
  }
  return "a key that is neither EC nor RSA";
}

aws::result<std::string> hash_of(const X509_PUBKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(key, &der);
  if (size <= 0) return aws::invalid_argument("the public key cannot be encoded");
  auto hash = aws::sha256_hex({reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)});
  OPENSSL_free(der);
  return hash;
}

aws::result<Cert> read_certificate(std::string_view pem) {
  if (pem.size() > kMostCertificate) return aws::invalid_argument("the certificate is larger than 64 KiB");
  const auto bio = open(pem);
  Cert certificate(bio ? PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr) : nullptr);
  if (!certificate) return aws::invalid_argument("the certificate is no PEM form of an X.509 certificate");
  return certificate;
}

}  // namespace

aws::result<std::string> key_hash_of_csr(std::string_view pem) {
  if (pem.size() > aws::cvm::kMaxCsr) return aws::invalid_argument("the csr is longer than 4096 characters");
  const auto bio = open(pem);
  const Request request(bio ? PEM_read_bio_X509_REQ(bio.get(), nullptr, no_password, nullptr) : nullptr);
  if (!request) return aws::invalid_argument("the csr is no PEM form of a PKCS #10 certificate request");
  EVP_PKEY* key = X509_REQ_get0_pubkey(request.get());
  if (auto trouble = key_trouble(key); !trouble.empty())
    return aws::invalid_argument("the csr has " + trouble);
  if (X509_REQ_verify(request.get(), key) != 1)
    return aws::invalid_argument("the csr is not signed by its own key");
  return hash_of(X509_REQ_get_X509_PUBKEY(request.get()));
}

aws::result<std::string> key_hash_of_certificate(std::string_view pem) {
  const auto certificate = read_certificate(pem);
  if (!certificate) return certificate.error();
  return hash_of(X509_get_X509_PUBKEY(certificate->get()));
}

aws::result<std::string> common_name_of_certificate(std::string_view pem) {
  const auto certificate = read_certificate(pem);
  if (!certificate) return certificate.error();
  X509_NAME* subject = X509_get_subject_name(certificate->get());
  const int first = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (first < 0) return aws::invalid_argument("the certificate's subject has no common name");
  if (X509_NAME_get_index_by_NID(subject, NID_commonName, first) >= 0) {
    return aws::invalid_argument("the certificate's subject has several common names");
  }
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, first)));
  if (size < 0) return aws::invalid_argument("the certificate's common name cannot be read");
  std::string name(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size));
  OPENSSL_free(utf8);
  return name;
}

}  // namespace sluice::lambda
