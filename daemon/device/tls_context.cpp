#include "device/tls_context.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include <ctime>

#include "device/file_trouble.hpp"

namespace sluice::device {
namespace {

struct Free {
  void operator()(BIO* p) const { BIO_free(p); }
  void operator()(X509* p) const { X509_free(p); }
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

std::string last_ssl_error() {
  const auto code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "unknown reason" : reason;
}

Owned<BIO> bio_over(const std::string& text) {
  return Owned<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

int refuse_password(char*, int, int, void*) { return -1; }

std::string stamp_of(const std::filesystem::path& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return "missing";
  return fmt::format("{}.{:09} {} {}", info.st_mtim.tv_sec, info.st_mtim.tv_nsec, info.st_size, info.st_ino);
}

std::int64_t seconds_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return 0;
  return ::timegm(&parts);
}

std::string date(std::int64_t seconds) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(static_cast<std::time_t>(seconds)));
}

Error bad(std::string text) { return {errc::tls, std::move(text)}; }

}  // namespace

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

result<std::shared_ptr<const TlsContext>> TlsContext::load(const ListenerOptions& options,
                                                           const Clock& clock) {
  ERR_clear_error();
  std::shared_ptr<TlsContext> made(new TlsContext);
  made->context_ = SSL_CTX_new(TLS_server_method());
  if (made->context_ == nullptr) return bad("no TLS context: " + last_ssl_error());
  SSL_CTX* context = made->context_;
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // No resumption: a session must be verified against the CA and the certificate of today, each time.
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  // Stamps first: a file that changes while it is read is read again next time.
  for (const auto& path : {options.tls.certificate, options.tls.key, options.tls.ca}) {
    if (!path.empty()) made->seen_.push_back({path, stamp_of(path)});
  }
  if (auto own = made->load_own(options.tls); !own) return own.error();
  if (auto clients = made->load_clients(options); !clients) return clients.error();
  made->judge_time(options, clock);
  return std::shared_ptr<const TlsContext>(std::move(made));
}

result<void> TlsContext::load_own(const TlsFiles& files) {
  if (files.certificate.empty() || files.key.empty())
    return bad("TLS needs both a certificate and a key file");
  auto pem = read_file(files.certificate, "the certificate");
  if (!pem) return pem.error();
  const auto chain = bio_over(*pem);
  const Owned<X509> leaf(PEM_read_bio_X509_AUX(chain.get(), nullptr, refuse_password, nullptr));
  if (!leaf || SSL_CTX_use_certificate(context_, leaf.get()) != 1) {
    return bad(fmt::format("the certificate {} is not a usable PEM certificate: {}",
                           files.certificate.string(), last_ssl_error()));
  }
  while (X509* more = PEM_read_bio_X509(chain.get(), nullptr, refuse_password, nullptr)) {
    if (SSL_CTX_add0_chain_cert(context_, more) != 1) X509_free(more);
  }
  ERR_clear_error();  // the end of the file
  not_before_ = seconds_of(X509_get0_notBefore(leaf.get()));
  not_after_ = seconds_of(X509_get0_notAfter(leaf.get()));

  auto key_pem = read_file(files.key, "the key");
  if (!key_pem) return key_pem.error();
  const Owned<EVP_PKEY> key(
      PEM_read_bio_PrivateKey(bio_over(*key_pem).get(), nullptr, refuse_password, nullptr));
  OPENSSL_cleanse(key_pem->data(), key_pem->size());
  if (!key) {
    return bad(fmt::format("the key {} is not a PEM private key without a password: {}", files.key.string(),
                           last_ssl_error()));
  }
  if (X509_check_private_key(leaf.get(), key.get()) != 1 ||
      SSL_CTX_use_PrivateKey(context_, key.get()) != 1) {
    ERR_clear_error();
    return bad(fmt::format(
        "the key {} does not belong to the certificate {}; were they renewed one without the other?",
        files.key.string(), files.certificate.string()));
  }
  return {};
}

result<void> TlsContext::load_clients(const ListenerOptions& options) {
  using Ask = ListenerOptions::ClientCertificate;
  if (options.client_certificate == Ask::none) return {};
  if (options.tls.ca.empty()) return bad("client certificates cannot be checked without a CA file");
  auto pem = read_file(options.tls.ca, "the CA for client certificates");
  if (!pem) return pem.error();
  const auto bio = bio_over(*pem);
  int count = 0;
  while (X509* raw = PEM_read_bio_X509(bio.get(), nullptr, refuse_password, nullptr)) {
    const Owned<X509> ca(raw);
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context_), ca.get()) == 1) ++count;
    SSL_CTX_add_client_CA(context_, ca.get());
  }
  ERR_clear_error();
  if (count == 0) return bad(fmt::format("the CA file {} has no PEM certificate", options.tls.ca.string()));
  SSL_CTX_set_verify(
      context_,
      SSL_VERIFY_PEER | (options.client_certificate == Ask::required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
      nullptr);
  SSL_CTX_set_verify_depth(context_, 5);
  return {};
}

void TlsContext::judge_time(const ListenerOptions& options, const Clock& clock) {
  if (!clock.wall_is_plausible()) return;
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(clock.wall().time_since_epoch()).count();
  const auto path = options.tls.certificate.string();
  if (now > not_after_) {
    trouble_ = fmt::format("the certificate {} expired on {}: devices will refuse it; renew it", path,
                           date(not_after_));
  } else if (now < not_before_) {
    trouble_ = fmt::format("the certificate {} is not valid before {}", path, date(not_before_));
  } else if (const auto days = (not_after_ - now) / 86'400; days <= 30) {
    trouble_ = fmt::format("the certificate {} expires in {} days, on {}", path, days, date(not_after_));
  }
}

SSL* TlsContext::new_session(const Clock& clock) const {
  SSL* ssl = SSL_new(context_);
  if (ssl == nullptr) return nullptr;
  SSL_set_accept_state(ssl);
  X509_VERIFY_PARAM* verify = SSL_get0_param(ssl);
  if (clock.wall_is_plausible()) {
    X509_VERIFY_PARAM_set_time(
        verify, std::chrono::duration_cast<std::chrono::seconds>(clock.wall().time_since_epoch()).count());
  } else {
    X509_VERIFY_PARAM_set_flags(verify, X509_V_FLAG_NO_CHECK_TIME);
  }
  return ssl;
}

bool TlsContext::files_changed() const {
  for (const auto& file : seen_) {
    if (stamp_of(file.path) != file.stamp) return true;
  }
  return false;
}

}  // namespace sluice::device
