#include "uplink/own_certificate.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "uplink/tls_words.hpp"

namespace sluice::uplink {
namespace {

constexpr std::size_t kMostPem = 4 << 20;  // the system's list of roots has 200 KB

struct Free {
  void operator()(BIO* p) const { BIO_free(p); }
  void operator()(X509* p) const { X509_free(p); }
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
  void operator()(FILE* p) const { std::fclose(p); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

ConnectFailure own(std::string text) {
  return tls_failure(ConnectFailure::Kind::own_certificate, std::move(text));
}

// One thing in PEM, as given or as its file has it now.
struct Pem {
  Pem(const char* kind, const std::string& text, const std::filesystem::path& path)
      : what(kind), given(text), file(path) {}
  ~Pem() { OPENSSL_cleanse(read.data(), read.size()); }
  Pem(const Pem&) = delete;
  Pem& operator=(const Pem&) = delete;

  bool none() const { return given.empty() && file.empty(); }
  std::string name() const {
    return given.empty() ? fmt::format("the {} {}", what, file.string()) : fmt::format("the stored {}", what);
  }
  std::optional<ConnectFailure> load() {
    if (!given.empty()) return std::nullopt;
    const Owned<FILE> in(std::fopen(file.c_str(), "re"));
    if (!in) {
      return own(
          fmt::format("{} cannot be read: {}; put the file there or make it readable for the "
                      "service's user, it is looked at again before each try",
                      name(), std::strerror(errno)));
    }
    char buffer[4096];
    for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, in.get())) > 0;) {
      read.append(buffer, n);
      if (read.size() > kMostPem) return own(fmt::format("{} is larger than {} bytes", name(), kMostPem));
    }
    OPENSSL_cleanse(buffer, sizeof buffer);
    return std::nullopt;
  }
  Owned<BIO> bio() const {
    const auto& text = given.empty() ? read : given;
    return Owned<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  }

  const char* what;
  const std::string& given;
  const std::filesystem::path& file;
  std::string read;
};

// A key with a passphrase must not ask on the terminal.
int no_passphrase(char*, int, int, void*) { return -1; }

std::optional<ConnectFailure> use_roots(SSL_CTX* context, const TlsIdentity& identity) {
  Pem roots("list of authorities", identity.ca_pem, identity.files.ca);
  if (roots.none()) {
    SSL_CTX_set_default_verify_paths(context);
    return std::nullopt;
  }
  if (auto problem = roots.load()) return problem;
  const auto bio = roots.bio();
  int count = 0;
  while (const Owned<X509> root{PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr)}) {
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), root.get()) == 1) ++count;
  }
  ERR_clear_error();  // the end of the text
  if (count > 0) return std::nullopt;
  return own(fmt::format("{} has no PEM certificate in it; put AmazonRootCA1.pem there", roots.name()));
}

std::optional<ConnectFailure> judge_time(const X509* certificate, const Pem& pem, std::int64_t now_s,
                                         std::int64_t& expires) {
  expires = seconds_of(X509_get0_notAfter(certificate));
  if (now_s >= expires) {
    return own(fmt::format("{} has expired on {}; renew it, the new one is used at the next try", pem.name(),
                           utc_text(expires)));
  }
  if (const auto from = seconds_of(X509_get0_notBefore(certificate)); now_s < from) {
    return own(
        fmt::format("{} is not yet valid, it begins on {} and this machine's clock says {}; is the "
                    "clock right?",
                    pem.name(), utc_text(from), utc_text(now_s)));
  }
  return std::nullopt;
}

}  // namespace

std::optional<ConnectFailure> use_identity(SSL_CTX* context, const TlsIdentity& identity, std::int64_t now_s,
                                           std::int64_t& expires) {
  expires = 0;
  ERR_clear_error();
  if (auto problem = use_roots(context, identity)) return problem;
  Pem chain("certificate", identity.certificate_pem, identity.files.certificate);
  Pem secret("private key", identity.key_pem, identity.files.key);
  if (chain.none() && secret.none()) return std::nullopt;

  if (auto problem = chain.load()) return problem;
  const auto chain_bio = chain.bio();
  const Owned<X509> certificate(PEM_read_bio_X509(chain_bio.get(), nullptr, no_passphrase, nullptr));
  if (!certificate) {
    return own(fmt::format("{} is not a PEM certificate ({}); put the device certificate there", chain.name(),
                           take_tls_error()));
  }
  if (auto problem = secret.load()) return problem;
  const Owned<EVP_PKEY> key(PEM_read_bio_PrivateKey(secret.bio().get(), nullptr, no_passphrase, nullptr));
  if (!key) {
    return own(
        fmt::format("{} is not a PEM private key without passphrase ({})", secret.name(), take_tls_error()));
  }
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    ERR_clear_error();
    return own(
        fmt::format("{} does not belong to {}; a matching pair is needed", secret.name(), chain.name()));
  }
  if (auto problem = judge_time(certificate.get(), chain, now_s, expires)) return problem;
  if (SSL_CTX_use_certificate(context, certificate.get()) != 1 ||
      SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
    return own(fmt::format("{} cannot be used: {}", chain.name(), take_tls_error()));
  }
  // What follows is the way to its root: servers that know only the root need it.
  while (X509* more = PEM_read_bio_X509(chain_bio.get(), nullptr, no_passphrase, nullptr)) {
    if (SSL_CTX_add0_chain_cert(context, more) != 1) X509_free(more);
  }
  ERR_clear_error();
  return std::nullopt;
}

}  // namespace sluice::uplink
