#include "uplink/tls_client.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <climits>

#include "uplink/own_certificate.hpp"
#include "uplink/tls_words.hpp"

namespace sluice::uplink {
namespace {

struct FreeContext {
  void operator()(SSL_CTX* p) const { SSL_CTX_free(p); }
};

}  // namespace

std::shared_ptr<TlsClient> TlsClient::make(const LinkOptions& options, std::int64_t now_s,
                                           ConnectFailure& failure) {
  std::shared_ptr<TlsClient> client(new TlsClient(options));
  return client->set_up(now_s, failure) ? client : nullptr;
}

TlsClient::~TlsClient() { SSL_free(ssl_); }

bool TlsClient::set_up(std::int64_t now_s, ConnectFailure& failure) {
  const auto broken = [&failure] {
    failure = tls_failure(ConnectFailure::Kind::tls, "TLS cannot be set up: " + take_tls_error());
    return false;
  };
  const std::unique_ptr<SSL_CTX, FreeContext> context(SSL_CTX_new(TLS_client_method()));
  if (!context) return broken();
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  if (auto problem = use_identity(context.get(), options_.tls, now_s, expires_)) {
    failure = std::move(*problem);
    return false;
  }
  ssl_ = SSL_new(context.get());
  if (ssl_ == nullptr || !wire_.attach(ssl_)) return broken();
  SSL_set_connect_state(ssl_);
  X509_VERIFY_PARAM_set_time(SSL_get0_param(ssl_), static_cast<time_t>(now_s));
  return name_the_host() || broken();
}

bool TlsClient::name_the_host() {
  boost::system::error_code not_an_address;
  boost::asio::ip::make_address(options_.host, not_an_address);
  if (!not_an_address) {
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_), options_.host.c_str()) != 1) return false;
  } else {
    SSL_set_hostflags(ssl_, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (SSL_set_tlsext_host_name(ssl_, options_.host.c_str()) != 1 ||
        SSL_set1_host(ssl_, options_.host.c_str()) != 1)
      return false;
  }
  if (options_.alpn.empty()) return true;
  const auto wire = static_cast<char>(options_.alpn.size()) + options_.alpn;
  return SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(wire.data()),
                             static_cast<unsigned>(wire.size())) == 0;
}

TlsClient::Step TlsClient::handshake(std::string_view wire) {
  ERR_clear_error();
  early_.append(wire);
  wire_.input = early_;
  const int rc = SSL_do_handshake(ssl_);
  early_.erase(0, early_.size() - wire_.input.size());
  wire_.input = {};
  if (rc == 1) {
    // The roots are judged with once; hundreds of lanes need not keep them.
    SSL_CTX_set_cert_store(SSL_get_SSL_CTX(ssl_), X509_STORE_new());
    return Step::done;
  }
  const int why = SSL_get_error(ssl_, rc);
  if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return Step::more;
  failure_ = handshake_failure(options_, ssl_);
  return Step::failed;
}

void TlsClient::feed(std::string_view wire) {
  // What came right behind the handshake goes first.
  if (!early_.empty()) early_.append(wire);
  wire_.input = early_.empty() ? wire : std::string_view(early_);
}

TlsClient::Read TlsClient::read(std::span<char> plain, std::size_t& size) {
  ERR_clear_error();
  const int n = SSL_read(ssl_, plain.data(), static_cast<int>(std::min<std::size_t>(plain.size(), INT_MAX)));
  if (n > 0) {
    size = static_cast<std::size_t>(n);
    return Read::some;
  }
  const int why = SSL_get_error(ssl_, n);
  // OpenSSL has eaten all of it, or wants none of it any more.
  wire_.input = {};
  early_ = {};
  if (why == SSL_ERROR_WANT_READ) return Read::nothing;
  if (why == SSL_ERROR_ZERO_RETURN) return Read::ended;
  failure_ = first_read_failure(options_);
  return Read::failed;
}

bool TlsClient::write(std::string_view plain) {
  if (TlsWire::write(ssl_, plain)) return true;
  failure_ = first_read_failure(options_);
  return false;
}

bool TlsClient::server_is_known() const { return SSL_get0_peer_certificate(ssl_) != nullptr; }

}  // namespace sluice::uplink
