// One TLS connection without a socket: wire bytes in, plain bytes out, and back. handshake() may run on a
// worker thread; all else on the loop, never both at once (the link sees to it).
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/tls_wire.hpp"
#include "device/tls_context.hpp"

namespace sluice::device {

class TlsSession {
 public:
  // Null when out of memory.
  static std::unique_ptr<TlsSession> make(std::shared_ptr<const TlsContext> context, const Clock& clock);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  enum class Step { more, done, failed };
  // Takes bytes of the peer, goes as far as they allow. What must be sent (an alert, too) is then in take().
  Step handshake(std::string_view wire);

  enum class Read { some, nothing, ended, failed };
  // Hands over wire bytes: they must stay where they are until read() says anything but `some`.
  void feed(std::string_view wire) { wire_.input = wire; }
  Read read(std::span<char> plain, std::size_t& size);
  // Encrypts all of it. False: the session is broken.
  bool write(std::string_view plain);
  // Says goodbye (close_notify).
  void end() { TlsWire::end(ssl_); }
  // Moves what was made for the peer to the end of `wire`.
  void take(std::string& wire);

  // The subject CN of the client's verified certificate; empty: none.
  const std::string& peer_name() const { return peer_name_; }
  // Why it failed, in words.
  const std::string& error() const { return error_; }

 private:
  TlsSession() = default;
  bool name_peer();
  void fail();

  std::shared_ptr<const TlsContext> context_;
  SSL* ssl_ = nullptr;
  std::string early_;  // bytes of the handshake that it has not eaten yet
  TlsWire wire_;
  std::string peer_name_, error_;
};

}  // namespace sluice::device
