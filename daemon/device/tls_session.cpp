#include "device/tls_session.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <climits>

namespace sluice::device {

std::unique_ptr<TlsSession> TlsSession::make(std::shared_ptr<const TlsContext> context, const Clock& clock) {
  std::unique_ptr<TlsSession> session(new TlsSession);
  session->ssl_ = context->new_session(clock);
  session->context_ = std::move(context);
  if (session->ssl_ == nullptr || !session->wire_.attach(session->ssl_)) return nullptr;
  return session;
}

TlsSession::~TlsSession() { SSL_free(ssl_); }

TlsSession::Step TlsSession::handshake(std::string_view wire) {
  ERR_clear_error();
  early_.append(wire);
  wire_.input = early_;
  const int rc = SSL_do_handshake(ssl_);
  early_.erase(0, early_.size() - wire_.input.size());
  wire_.input = {};
  if (rc == 1) {
    if (!name_peer()) return Step::failed;
    return Step::done;
  }
  const int why = SSL_get_error(ssl_, rc);
  if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return Step::more;
  fail();
  return Step::failed;
}

bool TlsSession::name_peer() {
  X509* peer = SSL_get0_peer_certificate(ssl_);
  if (peer == nullptr) return true;
  const X509_NAME* subject = X509_get_subject_name(peer);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0) {
    error_ = "the client's certificate must have exactly one common name, its device id";
    return false;
  }
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  if (size < 0) {
    error_ = "the common name of the client's certificate is not text";
    return false;
  }
  peer_name_.assign(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size));
  OPENSSL_free(utf8);
  return true;
}

void TlsSession::fail() {
  const auto verified = SSL_get_verify_result(ssl_);
  const auto code = ERR_peek_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  error_ = reason == nullptr ? "the peer broke the TLS connection" : reason;
  if (verified != X509_V_OK) {
    error_ += std::string(": client certificate: ") + X509_verify_cert_error_string(verified);
  }
  ERR_clear_error();
}

TlsSession::Read TlsSession::read(std::span<char> plain, std::size_t& size) {
  ERR_clear_error();
  // What came right behind the handshake goes first. It is fed as a whole; feed()'s bytes wait behind it.
  if (!early_.empty()) {
    early_.append(wire_.input);
    wire_.input = early_;
    const int n =
        SSL_read(ssl_, plain.data(), static_cast<int>(std::min<std::size_t>(plain.size(), INT_MAX)));
    early_.erase(0, early_.size() - wire_.input.size());
    wire_.input = {};
    if (n > 0) {
      size = static_cast<std::size_t>(n);
      return Read::some;
    }
    if (early_.empty() && SSL_get_error(ssl_, n) == SSL_ERROR_WANT_READ) return Read::nothing;
    if (SSL_get_error(ssl_, n) == SSL_ERROR_ZERO_RETURN) return Read::ended;
    fail();
    return Read::failed;
  }
  const int n = SSL_read(ssl_, plain.data(), static_cast<int>(std::min<std::size_t>(plain.size(), INT_MAX)));
  if (n > 0) {
    size = static_cast<std::size_t>(n);
    return Read::some;
  }
  const int why = SSL_get_error(ssl_, n);
  if (why == SSL_ERROR_WANT_READ) return Read::nothing;
  if (why == SSL_ERROR_ZERO_RETURN) return Read::ended;
  fail();
  return Read::failed;
}

bool TlsSession::write(std::string_view plain) {
  if (TlsWire::write(ssl_, plain)) return true;
  fail();
  return false;
}

void TlsSession::take(std::string& wire) {
  if (wire.empty()) {
    wire.swap(wire_.output);
  } else {
    wire.append(wire_.output);
    wire_.output.clear();
  }
}

}  // namespace sluice::device
