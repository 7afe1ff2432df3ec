// The wire of one TLS connection without a socket: OpenSSL reads from a view and writes to a string through a
// BIO of our own, so nothing is copied twice and an idle connection keeps no buffers. Used by both ends that
// we speak: device's TlsSession and uplink's TlsClient. One thread at a time.
#pragma once

#include <openssl/bio.h>

#include <string>
#include <string_view>

using SSL = struct ssl_st;

namespace sluice {

class TlsWire {
 public:
  TlsWire() = default;
  TlsWire(const TlsWire&) = delete;
  TlsWire& operator=(const TlsWire&) = delete;

  // OpenSSL takes from here what the peer sent; what it points to must stay until it is empty.
  std::string_view input;
  // What OpenSSL has for the peer; whoever sends it takes it out.
  std::string output;

  // From here on `ssl` reads and writes here; this must outlive it. False: out of memory.
  bool attach(SSL* ssl);
  // Encrypts all of it into output. False: the session is broken, and OpenSSL's error queue says why.
  static bool write(SSL* ssl, std::string_view plain);
  // close_notify, if the handshake was finished.
  static void end(SSL* ssl);

 private:
  static int bio_read(BIO* bio, char* data, int size);
  static int bio_write(BIO* bio, const char* data, int size);
  static long bio_ctrl(BIO* bio, int command, long, void*);
  static const BIO_METHOD* method();
};

}  // namespace sluice
