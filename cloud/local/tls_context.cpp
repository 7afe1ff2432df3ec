#include "cloud/local/tls_context.hpp"

#include <boost/asio/ssl/context.hpp>
#include <string_view>

#include "cloud/local/certificates.hpp"
#include "cloud/local/files.hpp"
#include "cloud/local/registry/registry.hpp"

namespace sluice::cloud {
namespace {

namespace ssl = boost::asio::ssl;

constexpr std::string_view kAlpn = "x-amzn-mqtt-ca";
constexpr const char* kCiphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-"
    "AES256-GCM-SHA384:"
    "ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384";

// A client that offers other protocols only goes on without one: on 8883 AWS needs none.
int choose_alpn(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* offered,
                unsigned int length, void*) {
  const std::string_view list(reinterpret_cast<const char*>(offered), length);
  for (std::size_t at = 0; at < list.size(); at += 1U + static_cast<unsigned char>(list[at])) {
    const auto name = list.substr(at + 1, static_cast<unsigned char>(list[at]));
    if (name != kAlpn) continue;
    *out = reinterpret_cast<const unsigned char*>(name.data());
    *size = static_cast<unsigned char>(name.size());
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_NOACK;
}

// Whether a client's certificate comes in. TLS has proven that the client has its key; the rest is the
// registry's.
class Doorkeeper {
 public:
  Doorkeeper(TlsUse use, Registry& registry, Clock& clock, std::string authority, Log log)
      : use_(use),
        registry_(registry),
        clock_(clock),
        authority_(std::move(authority)),
        log_(std::move(log)) {}

  int judge(X509_STORE_CTX* store) {
    const X509* certificate = X509_STORE_CTX_get0_cert(store);
    const int verdict = certificate == nullptr ? X509_V_ERR_UNSPECIFIED : verdict_on(certificate);
    X509_STORE_CTX_set_error(store, verdict);
    return verdict == X509_V_OK ? 1 : 0;
  }

 private:
  int verdict_on(const X509* certificate) {
    const auto id = certificate_id(certificate);
    std::time_t now =
        std::chrono::duration_cast<std::chrono::seconds>(clock_.wall().time_since_epoch()).count();
    if (X509_cmp_time(X509_get0_notAfter(certificate), &now) <= 0) {
      log_.info("refused certificate {}: it has expired", id);
      return X509_V_ERR_CERT_HAS_EXPIRED;
    }
    const auto known = registry_.certificate(id);
    if (!known) {
      if (use_ == TlsUse::mqtt && !registry_.auto_registering_authority(certificate).empty())
        return X509_V_OK;
      log_.info("refused certificate {}: not registered", id);
      return X509_V_ERR_CERT_UNTRUSTED;
    }
    if (!known->foreign && !signed_by(certificate, authority_)) {
      log_.info("refused certificate {}: another authority has signed it", id);
      return X509_V_ERR_CERT_SIGNATURE_FAILURE;
    }
    // Who waits for activation is let in and dropped at CONNECT, as AWS does it.
    if (known->status == "ACTIVE" || (use_ == TlsUse::mqtt && known->status == "PENDING_ACTIVATION"))
      return X509_V_OK;
    log_.info("refused certificate {}: {}", id, known->status);
    return X509_V_ERR_CERT_REVOKED;
  }

  TlsUse use_;
  Registry& registry_;
  Clock& clock_;
  const std::string authority_;
  Log log_;
};

struct Guarded {
  ssl::context context{ssl::context::tls_server};
  std::unique_ptr<Doorkeeper> doorkeeper;
};

}  // namespace

result<std::shared_ptr<ssl::context>> make_tls_context(const std::filesystem::path& directory, TlsUse use,
                                                       Registry& registry, Clock& clock, const Log& log) {
  const auto guarded = std::make_shared<Guarded>();
  ssl::context& context = guarded->context;
  boost::system::error_code ec;
  const auto read = [&](const char* what, auto&& call) -> result<void> {
    call();
    if (!ec) return {};
    return Error{errc::tls, (directory / what).string() + ": " + ec.message() +
                                "; make the directory with sluice-local-cloud --dir DIR --init"};
  };
  for (const auto& done : {
           read("server.pem", [&] { context.use_certificate_chain_file(directory / "server.pem", ec); }),
           read("server.key",
                [&] { context.use_private_key_file(directory / "server.key", ssl::context::pem, ec); }),
       }) {
    if (!done) return done.error();
  }
  const auto authority = read_file(directory / "ca.pem");
  if (!authority) return authority.error();
  SSL_CTX* native = context.native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(native, kCiphers);
  SSL_CTX_set_options(native, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_num_tickets(native, 0);
  SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
  if (use == TlsUse::mqtt) SSL_CTX_set_alpn_select_cb(native, choose_alpn, nullptr);
  if (use != TlsUse::https) {
    guarded->doorkeeper = std::make_unique<Doorkeeper>(use, registry, clock, *authority, log);
    SSL_CTX_set_verify(native, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    SSL_CTX_set_cert_verify_callback(
        native,
        [](X509_STORE_CTX* store, void* doorkeeper) {
          return static_cast<Doorkeeper*>(doorkeeper)->judge(store);
        },
        guarded->doorkeeper.get());
  }
  return std::shared_ptr<ssl::context>(guarded, &guarded->context);
}

}  // namespace sluice::cloud
