#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <boost/asio/ip/address.hpp>
#include <ctime>

#include "cloud/local/certificates.hpp"
#include "cloud/local/x509_memory.hpp"

namespace sluice::cloud {

using namespace x509;

namespace {

constexpr std::time_t kLastSecondOf2049 = 2524607999;

bool add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool set_random_serial(X509* certificate) {
  unsigned char bytes[16];
  if (RAND_bytes(bytes, sizeof bytes) != 1) return false;
  bytes[0] &= 0x7f;  // positive
  const std::unique_ptr<BIGNUM, Freed<BN_free>> number(BN_bin2bn(bytes, sizeof bytes, nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

struct Wanted {
  std::string common_name, basic_constraints, key_usage, extended_key_usage, alternative_names;
};

bool set_validity(X509* certificate, WallTime now) {
  const std::time_t from = std::chrono::system_clock::to_time_t(
      std::chrono::time_point_cast<std::chrono::system_clock::duration>(now - std::chrono::hours(1)));
  return ASN1_TIME_set(X509_getm_notBefore(certificate), from) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), kLastSecondOf2049) != nullptr;
}

bool add_extensions(X509* certificate, X509* signer, const Wanted& wanted) {
  return add_extension(certificate, signer, NID_basic_constraints, wanted.basic_constraints) &&
         add_extension(certificate, signer, NID_key_usage, wanted.key_usage) &&
         (wanted.extended_key_usage.empty() ||
          add_extension(certificate, signer, NID_ext_key_usage, wanted.extended_key_usage)) &&
         (wanted.alternative_names.empty() ||
          add_extension(certificate, signer, NID_subject_alt_name, wanted.alternative_names)) &&
         add_extension(certificate, signer, NID_subject_key_identifier, "hash") &&
         add_extension(certificate, signer, NID_authority_key_identifier, "keyid");
}

// Self-signed when there is no authority.
result<KeyAndCertificate> make(const Wanted& wanted, const KeyAndCertificate* authority, WallTime now) {
  const KeyPtr key(EVP_EC_gen("P-256"));
  const CertPtr certificate(X509_new());
  if (!key || !certificate) return failed("cannot make a P-256 key");
  CertPtr issuer;
  KeyPtr issuer_key;
  if (authority != nullptr) {
    issuer = parse(authority->certificate);
    issuer_key = parse_key(authority->key);
    if (!issuer || !issuer_key) return failed("cannot read the authority's certificate or key");
  }
  X509* cert = certificate.get();
  X509_NAME* subject = X509_get_subject_name(cert);
  // X.520 bounds a common name at 64; thing names may be longer.
  const std::string& name = wanted.common_name.size() <= 64 ? wanted.common_name : "AWS IoT Certificate";
  const auto* bytes = reinterpret_cast<const unsigned char*>(name.data());
  X509* const signer = issuer ? issuer.get() : cert;
  const bool filled =
      X509_set_version(cert, X509_VERSION_3) == 1 && set_random_serial(cert) && set_validity(cert, now) &&
      X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, bytes, static_cast<int>(name.size()), -1, 0) ==
          1 &&
      X509_set_issuer_name(cert, X509_get_subject_name(signer)) == 1 &&
      X509_set_pubkey(cert, key.get()) == 1 && add_extensions(cert, signer, wanted) &&
      X509_sign(cert, issuer_key ? issuer_key.get() : key.get(), EVP_sha256()) != 0;
  if (!filled) return failed("cannot make a certificate");
  const BioPtr pem(BIO_new(BIO_s_mem())), key_pem(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(pem.get(), cert) != 1 ||
      PEM_write_bio_PrivateKey(key_pem.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return failed("cannot write a certificate as PEM");
  }
  return KeyAndCertificate{written(pem.get()), written(key_pem.get())};
}

}  // namespace

result<KeyAndCertificate> make_authority(std::string_view common_name, WallTime now) {
  return make({std::string(common_name), "critical,CA:TRUE", "critical,keyCertSign,cRLSign", "", ""}, nullptr,
              now);
}

result<KeyAndCertificate> make_server_certificate(const KeyAndCertificate& authority,
                                                  std::span<const std::string> names, WallTime now) {
  std::string alternatives;
  for (const auto& name : names) {
    boost::system::error_code ec;
    boost::asio::ip::make_address(name, ec);
    alternatives += (alternatives.empty() ? "" : ",") + std::string(ec ? "DNS:" : "IP:") + name;
  }
  return make({names.empty() ? "localhost" : names.front(), "critical,CA:FALSE", "critical,digitalSignature",
               "serverAuth", alternatives},
              &authority, now);
}

result<KeyAndCertificate> make_client_certificate(const KeyAndCertificate& authority,
                                                  std::string_view common_name, WallTime now) {
  return make({std::string(common_name), "critical,CA:FALSE", "critical,digitalSignature", "clientAuth", ""},
              &authority, now);
}

result<std::string> issue_certificate(const KeyAndCertificate& authority, std::string_view csr_pem,
                                      WallTime now) {
  const auto text = reading(csr_pem);
  const RequestPtr request(PEM_read_bio_X509_REQ(text.get(), nullptr, nullptr, nullptr));
  if (!request) return failed("not a certificate signing request in PEM form");
  EVP_PKEY* key = X509_REQ_get0_pubkey(request.get());
  if (key == nullptr || X509_REQ_verify(request.get(), key) != 1)
    return failed("the signing request is not signed by its own key");
  if (!strong_key(key))
    return Error{errc::invalid_argument,
                 "the key must be RSA of 2048 bits or more, or EC P-256, P-384 or P-521"};
  const auto issuer = parse(authority.certificate);
  const auto issuer_key = parse_key(authority.key);
  const CertPtr certificate(X509_new());
  if (!issuer || !issuer_key || !certificate) return failed("cannot read the authority's certificate or key");
  X509* cert = certificate.get();
  const Wanted wanted{"", "critical,CA:FALSE", "critical,digitalSignature", "clientAuth", ""};
  const bool filled = X509_set_version(cert, X509_VERSION_3) == 1 && set_random_serial(cert) &&
                      set_validity(cert, now) &&
                      X509_set_subject_name(cert, X509_REQ_get_subject_name(request.get())) == 1 &&
                      X509_set_issuer_name(cert, X509_get_subject_name(issuer.get())) == 1 &&
                      X509_set_pubkey(cert, key) == 1 && add_extensions(cert, issuer.get(), wanted) &&
                      X509_sign(cert, issuer_key.get(), EVP_sha256()) != 0;
  if (!filled) return failed("cannot make a certificate");
  return to_pem(cert);
}

std::string public_key_of(std::string_view certificate_pem) {
  const auto certificate = parse(certificate_pem);
  const BioPtr pem(BIO_new(BIO_s_mem()));
  EVP_PKEY* key = certificate ? X509_get0_pubkey(certificate.get()) : nullptr;
  return key != nullptr && PEM_write_bio_PUBKEY(pem.get(), key) == 1 ? written(pem.get()) : std::string();
}

}  // namespace sluice::cloud
