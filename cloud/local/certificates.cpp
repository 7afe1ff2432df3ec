#include "cloud/local/certificates.hpp"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <boost/asio/ip/address.hpp>
#include <ctime>
#include <memory>

#include "cloud/local/x509_memory.hpp"

namespace sluice::cloud {

using namespace x509;

namespace {

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

std::int64_t seconds_of(const ASN1_TIME* time) {
  std::tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? static_cast<std::int64_t>(timegm(&parts)) : 0;
}

std::string one_line(const X509_NAME* name) {
  const BioPtr text(BIO_new(BIO_s_mem()));
  return X509_NAME_print_ex(text.get(), name, 0, XN_FLAG_RFC2253) >= 0 ? written(text.get()) : std::string();
}

}  // namespace

std::string certificate_id(const X509* certificate) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (X509_digest(certificate, EVP_sha256(), digest, &size) != 1) return {};
  return hex(digest, size);
}

bool signed_by(const X509* certificate, std::string_view authority_pem) {
  const auto authority = parse(authority_pem);
  if (!authority || certificate == nullptr) return false;
  // OpenSSL caches encodings in what it verifies, hence not const.
  const bool good =
      X509_NAME_cmp(X509_get_issuer_name(certificate), X509_get_subject_name(authority.get())) == 0 &&
      X509_verify(const_cast<X509*>(certificate), X509_get0_pubkey(authority.get())) == 1;
  ERR_clear_error();
  return good;
}

bool signed_by(std::string_view pem, std::string_view authority_pem) {
  return signed_by(parse(pem).get(), authority_pem);
}

std::string to_pem(const X509* certificate) {
  const BioPtr pem(BIO_new(BIO_s_mem()));
  return PEM_write_bio_X509(pem.get(), certificate) == 1 ? written(pem.get()) : std::string();
}

result<CertificateFacts> read_certificate(std::string_view pem) {
  const auto certificate = parse(pem);
  if (!certificate) return failed("not a certificate in PEM form");
  CertificateFacts facts;
  facts.id = certificate_id(certificate.get());
  facts.not_before = seconds_of(X509_get0_notBefore(certificate.get()));
  facts.not_after = seconds_of(X509_get0_notAfter(certificate.get()));
  facts.is_authority = X509_check_ca(certificate.get()) > 0;
  facts.strong_key = strong_key(X509_get0_pubkey(certificate.get()));
  facts.subject = one_line(X509_get_subject_name(certificate.get()));
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
