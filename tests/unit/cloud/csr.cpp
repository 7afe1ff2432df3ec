#include "tests/unit/cloud/csr.hpp"

#include <gtest/gtest.h>
#include <openssl/rsa.h>

#include <sstream>

#include "cloud/local/x509_memory.hpp"

namespace sluice::cloud::test {

using namespace x509;

KeyAndCsr make_csr(const std::string& common_name, int rsa_bits, const std::string& more_subject) {
  const KeyPtr key(rsa_bits > 0 ? EVP_RSA_gen(static_cast<unsigned>(rsa_bits)) : EVP_EC_gen("P-256"));
  const RequestPtr request(X509_REQ_new());
  X509_NAME* subject = X509_REQ_get_subject_name(request.get());
  const auto add = [&](const std::string& field, const std::string& value) {
    EXPECT_EQ(X509_NAME_add_entry_by_txt(subject, field.c_str(), MBSTRING_UTF8,
                                         reinterpret_cast<const unsigned char*>(value.data()),
                                         static_cast<int>(value.size()), -1, 0),
              1);
  };
  add("CN", common_name);
  std::istringstream fields(more_subject);
  for (std::string field; std::getline(fields, field, ',');) {
    add(field.substr(0, field.find('=')), field.substr(field.find('=') + 1));
  }
  EXPECT_EQ(X509_REQ_set_pubkey(request.get(), key.get()), 1);
  EXPECT_GT(X509_REQ_sign(request.get(), key.get(), EVP_sha256()), 0);
  const BioPtr csr(BIO_new(BIO_s_mem())), key_pem(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509_REQ(csr.get(), request.get());
  PEM_write_bio_PrivateKey(key_pem.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return {written(key_pem.get()), written(csr.get())};
}

}  // namespace sluice::cloud::test
