#include "cloud/local/tls_context.hpp"

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/verify_context.hpp>
#include <string_view>

#include "cloud/local/certificates.hpp"
#include "cloud/local/things.hpp"

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

}  // namespace

result<std::shared_ptr<ssl::context>> make_tls_context(const std::filesystem::path& directory, Things& things,
                                                       const Log& log) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  boost::system::error_code ec;
  const auto use = [&](const char* what, auto&& call) -> result<void> {
    call();
    if (!ec) return {};
    return Error{errc::tls, (directory / what).string() + ": " + ec.message() +
                                "; make the directory with sluice-local-cloud --dir DIR --init"};
  };
  for (const auto& done : {
           use("server.pem", [&] { context->use_certificate_chain_file(directory / "server.pem", ec); }),
           use("server.key",
               [&] { context->use_private_key_file(directory / "server.key", ssl::context::pem, ec); }),
           use("ca.pem", [&] { context->load_verify_file(directory / "ca.pem", ec); }),
       }) {
    if (!done) return done.error();
  }
  SSL_CTX* native = context->native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(native, kCiphers);
  SSL_CTX_set_options(native, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_num_tickets(native, 0);
  SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(native, choose_alpn, nullptr);
  context->set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert, ec);
  context->set_verify_callback(
      [&things, log](bool chain_is_good, ssl::verify_context& verify) {
        X509_STORE_CTX* store = verify.native_handle();
        if (!chain_is_good || X509_STORE_CTX_get_error_depth(store) > 0) return chain_is_good;
        const auto id = certificate_id(X509_STORE_CTX_get_current_cert(store));
        const auto principal = things.principal(id);
        if (principal && principal->active()) return true;
        log.info("refused certificate {}: {}", id, principal ? principal->status : "not registered");
        X509_STORE_CTX_set_error(store, principal ? X509_V_ERR_CERT_REVOKED : X509_V_ERR_CERT_UNTRUSTED);
        return false;
      },
      ec);
  if (ec) return Error{errc::tls, "TLS context: " + ec.message()};
  return context;
}

}  // namespace sluice::cloud
