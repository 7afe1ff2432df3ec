#include "cloud/local/certificates.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <boost/asio/ip/address.hpp>
#include <ctime>
#include <memory>

namespace sluice::cloud {
namespace {

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* p) const {
    Free(p);
  }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using CertPtr = std::unique_ptr<X509, Freed<X509_free>>;
using BioPtr = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;

constexpr std::time_t kLastSecondOf2049 = 2524607999;

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

// Self-signed when there is no authority.
result<KeyAndCertificate> make(const Wanted& wanted, const KeyAndCertificate* authority, WallTime now) {
  const KeyPtr key(EVP_EC_gen("P-256"));
  const CertPtr certificate(X509_new());
  if (!key || !certificate) return failed("cannot make a P-256 key");
  CertPtr issuer;
  KeyPtr issuer_key;
  if (authority != nullptr) {
    issuer = parse(authority->certificate);
    issuer_key.reset(PEM_read_bio_PrivateKey(reading(authority->key).get(), nullptr, nullptr, nullptr));
    if (!issuer || !issuer_key) return failed("cannot read the authority's certificate or key");
  }
  X509* cert = certificate.get();
  X509_NAME* subject = X509_get_subject_name(cert);
  // X.520 bounds a common name at 64; thing names may be longer.
  const std::string& name = wanted.common_name.size() <= 64 ? wanted.common_name : "AWS IoT Certificate";
  const auto* bytes = reinterpret_cast<const unsigned char*>(name.data());
  std::time_t from = std::chrono::system_clock::to_time_t(
      std::chrono::time_point_cast<std::chrono::system_clock::duration>(now - std::chrono::hours(1)));
  std::time_t until = kLastSecondOf2049;
  X509* const signer = issuer ? issuer.get() : cert;
  const bool filled = X509_set_version(cert, X509_VERSION_3) == 1 && set_random_serial(cert) &&
                      ASN1_TIME_set(X509_getm_notBefore(cert), from) != nullptr &&
                      ASN1_TIME_set(X509_getm_notAfter(cert), until) != nullptr &&
                      X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, bytes,
                                                 static_cast<int>(name.size()), -1, 0) == 1 &&
                      X509_set_issuer_name(cert, X509_get_subject_name(signer)) == 1 &&
                      X509_set_pubkey(cert, key.get()) == 1 &&
                      add_extension(cert, signer, NID_basic_constraints, wanted.basic_constraints) &&
                      add_extension(cert, signer, NID_key_usage, wanted.key_usage) &&
                      (wanted.extended_key_usage.empty() ||
                       add_extension(cert, signer, NID_ext_key_usage, wanted.extended_key_usage)) &&
                      (wanted.alternative_names.empty() ||
                       add_extension(cert, signer, NID_subject_alt_name, wanted.alternative_names)) &&
                      add_extension(cert, signer, NID_subject_key_identifier, "hash") &&
                      add_extension(cert, signer, NID_authority_key_identifier, "keyid") &&
                      X509_sign(cert, issuer_key ? issuer_key.get() : key.get(), EVP_sha256()) != 0;
  if (!filled) return failed("cannot make a certificate");
  const BioPtr pem(BIO_new(BIO_s_mem())), key_pem(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(pem.get(), cert) != 1 ||
      PEM_write_bio_PrivateKey(key_pem.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return failed("cannot write a certificate as PEM");
  }
  return KeyAndCertificate{written(pem.get()), written(key_pem.get())};
}

std::string text_of(const ASN1_STRING* value) {
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, value);
  if (size < 0) return {};
  std::string text(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size));
  OPENSSL_free(utf8);
  return text;
}

std::string hex(const unsigned char* data, std::size_t size) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    text += kDigits[data[i] >> 4];
    text += kDigits[data[i] & 15];
  }
  return text;
}

void add_name(CertificateFacts& facts, const std::string& prefix, const X509_NAME* name) {
  static constexpr std::pair<int, const char*> kFields[] = {
      {NID_dnQualifier, "DistinguishedNameQualifier"},
      {NID_countryName, "Country"},
      {NID_organizationName, "Organization"},
      {NID_organizationalUnitName, "OrganizationalUnit"},
      {NID_stateOrProvinceName, "State"},
      {NID_commonName, "CommonName"},
      {NID_serialNumber, "SerialNumber"},
      {NID_title, "Title"},
      {NID_surname, "Surname"},
      {NID_givenName, "GivenName"},
      {NID_initials, "Initials"},
      {NID_pseudonym, "Pseudonym"},
      {NID_generationQualifier, "GenerationQualifier"},
  };
  for (const auto& [nid, field] : kFields) {
    std::vector<std::string> values;
    for (int at = -1; (at = X509_NAME_get_index_by_NID(name, nid, at)) >= 0;) {
      values.push_back(text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at))));
    }
    if (!values.empty()) facts.variables.emplace_back(prefix + field, std::move(values));
  }
}

void add_alternative_names(CertificateFacts& facts, const X509* certificate) {
  const std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  if (!names) return;
  std::vector<std::string> email, dns, uri, ip;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_EMAIL) email.push_back(text_of(name->d.rfc822Name));
    if (name->type == GEN_DNS) dns.push_back(text_of(name->d.dNSName));
    if (name->type == GEN_URI) uri.push_back(text_of(name->d.uniformResourceIdentifier));
    if (name->type == GEN_IPADD) {
      const unsigned char* bytes = ASN1_STRING_get0_data(name->d.iPAddress);
      boost::asio::ip::address_v4::bytes_type v4;
      boost::asio::ip::address_v6::bytes_type v6;
      if (static_cast<std::size_t>(ASN1_STRING_length(name->d.iPAddress)) == v4.size()) {
        std::copy_n(bytes, v4.size(), v4.begin());
        ip.push_back(boost::asio::ip::make_address_v4(v4).to_string());
      } else if (static_cast<std::size_t>(ASN1_STRING_length(name->d.iPAddress)) == v6.size()) {
        std::copy_n(bytes, v6.size(), v6.begin());
        ip.push_back(boost::asio::ip::make_address_v6(v6).to_string());
      }
    }
  }
  const std::string prefix = "iot:Certificate.Subject.AlternativeName.";
  if (!email.empty()) facts.variables.emplace_back(prefix + "RFC822Name", std::move(email));
  if (!dns.empty()) facts.variables.emplace_back(prefix + "DNSName", std::move(dns));
  if (!uri.empty()) facts.variables.emplace_back(prefix + "UniformResourceIdentifier", std::move(uri));
  if (!ip.empty()) facts.variables.emplace_back(prefix + "IPAddress", std::move(ip));
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

std::string certificate_id(const X509* certificate) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (X509_digest(certificate, EVP_sha256(), digest, &size) != 1) return {};
  return hex(digest, size);
}

result<CertificateFacts> read_certificate(std::string_view pem) {
  const auto certificate = parse(pem);
  if (!certificate) return failed("not a certificate in PEM form");
  CertificateFacts facts;
  facts.id = certificate_id(certificate.get());
  facts.variables.emplace_back("iot:CertificateId", std::vector{facts.id});
  facts.variables.emplace_back("iot:Certificate.AvailableKeys", std::vector<std::string>{});
  add_name(facts, "iot:Certificate.Subject.", X509_get_subject_name(certificate.get()));
  add_name(facts, "iot:Certificate.Issuer.", X509_get_issuer_name(certificate.get()));
  add_alternative_names(facts, certificate.get());
  const ASN1_INTEGER* serial = X509_get0_serialNumber(certificate.get());
  facts.variables.emplace_back(
      "iot:Certificate.SerialNumber",
      std::vector{hex(ASN1_STRING_get0_data(serial), static_cast<std::size_t>(ASN1_STRING_length(serial)))});
  return facts;
}

}  // namespace sluice::cloud
