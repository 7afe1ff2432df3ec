#include "identity/key_pair.hpp"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <array>
#include <memory>
#include <optional>

#include "aws/digest.hpp"
#include "core/freed.hpp"

namespace sluice::identity {
namespace {

using Bio = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Csr = std::unique_ptr<X509_REQ, Freed<X509_REQ_free>>;

Error openssl_error(const std::string& what) {
  char words[256] = "no reason given";
  if (const auto code = ERR_get_error(); code != 0) ERR_error_string_n(code, words, sizeof(words));
  ERR_clear_error();
  return {errc::invalid_argument, what + ": " + words};
}

Bio reading(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

// No passphrase prompts on a terminal that a daemon does not have.
int no_passphrase(char*, int, int, void*) { return 0; }

Key read_key(const Secret& pem) {
  return Key(PEM_read_bio_PrivateKey(reading(pem.text()).get(), nullptr, no_passphrase, nullptr));
}

Certificate first_certificate(std::string_view pem) {
  return Certificate(PEM_read_bio_X509(reading(pem).get(), nullptr, no_passphrase, nullptr));
}

std::int64_t seconds_of(const ASN1_TIME* time) {
  int days = 0, seconds = 0;
  const std::unique_ptr<ASN1_TIME, Freed<ASN1_TIME_free>> epoch(ASN1_TIME_set(nullptr, 0));
  if (ASN1_TIME_diff(&days, &seconds, epoch.get(), time) != 1) return 0;
  return days * std::int64_t{86'400} + seconds;
}

bool add_extension(X509* to, X509V3_CTX& context, int nid, const char* value) {
  const std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>> extension(
      X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  return extension && X509_add_ext(to, extension.get(), -1) == 1;
}

// Where the name only decorates, a part of it and a digest do.
std::string cut_to_common_name(std::string_view name) {
  if (name.size() <= kMaxCommonName) return std::string(name);
  constexpr std::size_t kDigest = 16;
  return std::string(name.substr(0, kMaxCommonName - kDigest - 1)) + "-" +
         aws::sha256_hex(name).substr(0, kDigest);
}

}  // namespace

result<KeyPair> make_key_pair(std::string_view name) {
  const Key key(EVP_EC_gen("P-256"));
  const Csr csr(X509_REQ_new());
  if (!key || !csr) return openssl_error("cannot make a key");
  const auto common_name = cut_to_common_name(name);
  if (X509_REQ_set_version(csr.get(), X509_REQ_VERSION_1) != 1 ||
      X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(csr.get()), "CN", MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1,
                                 0) != 1 ||
      X509_REQ_set_pubkey(csr.get(), key.get()) != 1 ||
      X509_REQ_sign(csr.get(), key.get(), EVP_sha256()) <= 0)
    return openssl_error("cannot make a certificate signing request for " + common_name);
  // In OpenSSL's secure memory functions: the buffer is wiped when it is freed.
  const Bio key_text(BIO_new(BIO_s_secmem()));
  const Bio csr_text(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PKCS8PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1 ||
      PEM_write_bio_X509_REQ(csr_text.get(), csr.get()) != 1)
    return openssl_error("cannot write a key as PEM");
  return KeyPair{Secret(text_of(key_text.get())), text_of(csr_text.get())};
}

result<CertificateFacts> read_certificate(std::string_view pem) {
  const auto certificate = first_certificate(pem);
  if (!certificate) return openssl_error("this is no PEM certificate");
  CertificateFacts facts;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (X509_digest(certificate.get(), EVP_sha256(), digest.data(), &size) != 1)
    return openssl_error("no digest of the certificate");
  for (unsigned i = 0; i < size; ++i) facts.id += fmt::format("{:02x}", digest[i]);
  std::array<char, 256> name{};
  const int length = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName,
                                               name.data(), static_cast<int>(name.size()));
  if (length > 0) facts.common_name.assign(name.data(), static_cast<std::size_t>(length));
  facts.not_before = seconds_of(X509_get0_notBefore(certificate.get()));
  facts.not_after = seconds_of(X509_get0_notAfter(certificate.get()));
  return facts;
}

result<void> check_certificate_of_key(std::string_view certificate_pem, const Secret& key_pem) {
  const auto certificate = first_certificate(certificate_pem);
  if (!certificate) return openssl_error("this is no PEM certificate");
  const auto key = read_key(key_pem);
  if (!key) return openssl_error("this is no PEM private key");
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    ERR_clear_error();
    return Error{errc::protocol, "the certificate is not of our key"};
  }
  return {};
}

result<std::string> issue_certificate(const IssueOptions& options) {
  const auto issuer = first_certificate(options.issuer_certificate_pem);
  if (!issuer) return openssl_error("the issuer's certificate is no PEM certificate");
  const auto issuer_key = read_key(options.issuer_key_pem);
  if (!issuer_key) return openssl_error("the issuer's key is no PEM private key without a passphrase");
  if (X509_check_private_key(issuer.get(), issuer_key.get()) != 1)
    return openssl_error("the issuer's key is not of its certificate");
  if (X509_check_ca(issuer.get()) == 0)
    return Error{errc::invalid_argument, "the issuer's certificate is not a CA's"};
  const Csr csr(PEM_read_bio_X509_REQ(reading(options.csr_pem).get(), nullptr, no_passphrase, nullptr));
  EVP_PKEY* subject_key = csr ? X509_REQ_get0_pubkey(csr.get()) : nullptr;
  if (subject_key == nullptr || X509_REQ_verify(csr.get(), subject_key) != 1)
    return openssl_error("the certificate signing request is not right");

  const Certificate made(X509_new());
  std::array<unsigned char, 16> serial{};
  const std::unique_ptr<BIGNUM, Freed<BN_free>> number(
      RAND_bytes(serial.data(), static_cast<int>(serial.size())) == 1
          ? BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr)
          : nullptr);
  if (!made || !number) return openssl_error("no random serial number");
  BN_clear_bit(number.get(), 127);  // positive in DER
  // Valid no longer than its issuer: AWS would stop taking it then anyway.
  const auto last = std::min(options.not_after, seconds_of(X509_get0_notAfter(issuer.get())));
  X509V3_CTX context{};
  X509V3_set_ctx(&context, issuer.get(), made.get(), nullptr, nullptr, 0);
  const bool good = X509_set_version(made.get(), X509_VERSION_3) == 1 &&
                    BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(made.get())) != nullptr &&
                    X509_set_issuer_name(made.get(), X509_get_subject_name(issuer.get())) == 1 &&
                    X509_set_subject_name(made.get(), X509_REQ_get_subject_name(csr.get())) == 1 &&
                    ASN1_TIME_set(X509_getm_notBefore(made.get()), options.not_before) != nullptr &&
                    ASN1_TIME_set(X509_getm_notAfter(made.get()), last) != nullptr &&
                    X509_set_pubkey(made.get(), subject_key) == 1 &&
                    add_extension(made.get(), context, NID_basic_constraints, "critical,CA:FALSE") &&
                    add_extension(made.get(), context, NID_key_usage, "critical,digitalSignature") &&
                    add_extension(made.get(), context, NID_ext_key_usage, "clientAuth") &&
                    add_extension(made.get(), context, NID_subject_key_identifier, "hash") &&
                    (X509_get0_subject_key_id(issuer.get()) == nullptr ||
                     add_extension(made.get(), context, NID_authority_key_identifier, "keyid")) &&
                    X509_sign(made.get(), issuer_key.get(), EVP_sha256()) > 0;
  if (!good) return openssl_error("cannot issue a certificate");
  const Bio text(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(text.get(), made.get()) != 1) return openssl_error("cannot write a certificate");
  return text_of(text.get()) + std::string(options.issuer_certificate_pem);
}

}  // namespace sluice::identity
