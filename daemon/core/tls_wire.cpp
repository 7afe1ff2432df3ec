#include "core/tls_wire.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace sluice {

int TlsWire::bio_read(BIO* bio, char* data, int size) {
  auto& input = static_cast<TlsWire*>(BIO_get_data(bio))->input;
  BIO_clear_retry_flags(bio);
  if (input.empty()) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const auto n = std::min(input.size(), static_cast<std::size_t>(size));
  std::memcpy(data, input.data(), n);
  input.remove_prefix(n);
  return static_cast<int>(n);
}

int TlsWire::bio_write(BIO* bio, const char* data, int size) {
  BIO_clear_retry_flags(bio);
  static_cast<TlsWire*>(BIO_get_data(bio))->output.append(data, static_cast<std::size_t>(size));
  return size;
}

long TlsWire::bio_ctrl(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

const BIO_METHOD* TlsWire::method() {
  // Made once, never changed: OpenSSL has no way to state a method as a constant.
  static const std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)> made = [] {
    std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)> m(
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "span"), &BIO_meth_free);
    BIO_meth_set_read(m.get(), &TlsWire::bio_read);
    BIO_meth_set_write(m.get(), &TlsWire::bio_write);
    BIO_meth_set_ctrl(m.get(), &TlsWire::bio_ctrl);
    return m;
  }();
  return made.get();
}

bool TlsWire::attach(SSL* ssl) {
  BIO* bio = BIO_new(method());
  if (bio == nullptr) return false;
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl, bio, bio);
  return true;
}

bool TlsWire::write(SSL* ssl, std::string_view plain) {
  ERR_clear_error();
  while (!plain.empty()) {
    const int n =
        SSL_write(ssl, plain.data(), static_cast<int>(std::min<std::size_t>(plain.size(), 1 << 20)));
    if (n <= 0) return false;
    plain.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

void TlsWire::end(SSL* ssl) {
  ERR_clear_error();
  if (SSL_is_init_finished(ssl) == 1) SSL_shutdown(ssl);
  ERR_clear_error();
}

}  // namespace sluice
