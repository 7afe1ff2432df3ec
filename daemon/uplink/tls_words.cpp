#include "uplink/tls_words.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <memory>
#include <utility>

namespace sluice::uplink {
namespace {

using Kind = ConnectFailure::Kind;

// The peer's alert; -1: it is none.
int alert_of(unsigned long code) {
  const int reason = ERR_GET_REASON(code);
  return ERR_GET_LIB(code) == ERR_LIB_SSL && reason >= SSL_AD_REASON_OFFSET ? reason - SSL_AD_REASON_OFFSET
                                                                            : -1;
}

bool about_our_certificate(int alert) {
  switch (alert) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL_AD_CERTIFICATE_REQUIRED:
      return true;
    default:
      return false;
  }
}

ConnectFailure certificate_refused(const LinkOptions& options) {
  return tls_failure(
      Kind::certificate_refused,
      fmt::format("{} refuses our certificate: {}; is it registered and active in this account "
                  "and region?",
                  endpoint_text(options), take_tls_error()));
}

ConnectFailure untrusted(const LinkOptions& options, SSL* ssl, long verdict) {
  std::string since;
  if (const X509* peer = SSL_get0_peer_certificate(ssl)) {
    if (verdict == X509_V_ERR_CERT_HAS_EXPIRED) {
      since = fmt::format(" (since {})", utc_text(seconds_of(X509_get0_notAfter(peer))));
    } else if (verdict == X509_V_ERR_CERT_NOT_YET_VALID) {
      since = fmt::format(" (valid from {})", utc_text(seconds_of(X509_get0_notBefore(peer))));
    }
  }
  std::string advice = "is cloud.endpoint the right one?";
  switch (verdict) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      advice = "is this machine's clock right?";
      break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      advice = fmt::format("the certificate is not for {}; is cloud.endpoint the right one?", options.host);
      break;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE: {
      const auto& files = options.tls.files;
      const auto roots = !options.tls.ca_pem.empty() ? std::string("the roots of this identity")
                         : files.ca.empty()          ? std::string("the system's list")
                                                     : files.ca.string();
      advice = fmt::format("its authority is not in {}; AWS's is AmazonRootCA1.pem, or a proxy is in between",
                           roots);
      break;
    }
    default:
      break;
  }
  ERR_clear_error();
  return tls_failure(Kind::peer,
                     fmt::format("the certificate of {} is not trusted: {}{}; {}", endpoint_text(options),
                                 X509_verify_cert_error_string(verdict), since, advice));
}

}  // namespace

std::string endpoint_text(const LinkOptions& options) {
  return fmt::format("{}:{}", options.host, options.port);
}

ConnectFailure tls_failure(Kind kind, std::string text) { return {kind, 0, {errc::tls, std::move(text)}}; }

std::string utc_text(std::int64_t seconds) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(static_cast<std::time_t>(seconds)));
}

std::int64_t seconds_of(const ASN1_TIME* time) {
  std::tm tm{};
  return ASN1_TIME_to_tm(time, &tm) == 1 ? static_cast<std::int64_t>(::timegm(&tm)) : 0;
}

std::string take_tls_error() {
  const auto code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "no details" : reason;
}

ConnectFailure handshake_failure(const LinkOptions& options, SSL* ssl) {
  if (const long verdict = SSL_get_verify_result(ssl); verdict != X509_V_OK)
    return untrusted(options, ssl, verdict);
  if (about_our_certificate(alert_of(ERR_peek_last_error()))) return certificate_refused(options);
  return tls_failure(Kind::tls, fmt::format("TLS handshake with {} failed: {}; is this a TLS port?",
                                            endpoint_text(options), take_tls_error()));
}

ConnectFailure first_read_failure(const LinkOptions& options) {
  if (alert_of(ERR_peek_last_error()) >= 0) return certificate_refused(options);
  return tls_failure(Kind::tls,
                     fmt::format("TLS with {} failed: {}", endpoint_text(options), take_tls_error()));
}

}  // namespace sluice::uplink
