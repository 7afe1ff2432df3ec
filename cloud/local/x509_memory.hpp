// Ownership and PEM reading of OpenSSL's X.509 objects, for the files of the local cloud that talk to it:
// certificates.cpp, certificate_requests.cpp.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "core/freed.hpp"

namespace sluice::cloud::x509 {

using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using CertPtr = std::unique_ptr<X509, Freed<X509_free>>;
using RequestPtr = std::unique_ptr<X509_REQ, Freed<X509_REQ_free>>;
using BioPtr = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;

// The oldest error of OpenSSL's queue; empties the queue.
Error failed(const char* what);
BioPtr reading(std::string_view pem);
std::string written(BIO* bio);
// Null: not a certificate, not a private key.
CertPtr parse(std::string_view pem);
KeyPtr parse_key(std::string_view pem);
// RSA of 2048 bits or more, EC P-256, P-384, P-521.
bool strong_key(const EVP_PKEY* key);

}  // namespace sluice::cloud::x509
