// Our side of one TLS connection, without a socket: wire bytes in, plain bytes out, and back. The server's
// chain and name are always verified. make() and handshake() may run on a worker; all else on the loop, never
// both at once (Connection sees to it).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/tls_wire.hpp"
#include "uplink/cloud_link.hpp"

namespace sluice::uplink {

class TlsClient {
 public:
  // Null: `failure` says why. `now_s`: what certificates are judged by. The options must outlive it.
  static std::shared_ptr<TlsClient> make(const LinkOptions& options, std::int64_t now_s,
                                         ConnectFailure& failure);
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  enum class Step : std::uint8_t { more, done, failed };
  // Takes bytes of the server, goes as far as they allow. What must be sent (an alert, too) is then in
  // wire().
  Step handshake(std::string_view wire);

  enum class Read : std::uint8_t { some, nothing, ended, failed };
  // Hands over wire bytes: they must stay where they are until read() says anything but `some`.
  void feed(std::string_view wire);
  Read read(std::span<char> plain, std::size_t& size);
  // Encrypts all of it. False: the session is broken.
  bool write(std::string_view plain);
  // Says goodbye (close_notify).
  void end() { TlsWire::end(ssl_); }
  // What is to be sent; whoever sends it takes it out.
  std::string& wire() { return wire_.output; }
  const std::string& wire() const { return wire_.output; }

  // Why it failed, as long as the server has not answered CONNECT.
  const ConnectFailure& failure() const { return failure_; }
  // It has shown its certificate: from here on the reason for what it does may be ours.
  bool server_is_known() const;
  // Our own certificate's notAfter, seconds since 1970; 0: there is none.
  std::int64_t expires() const { return expires_; }

 private:
  explicit TlsClient(const LinkOptions& options) : options_(options) {}
  bool set_up(std::int64_t now_s, ConnectFailure& failure);
  bool name_the_host();

  const LinkOptions& options_;
  SSL* ssl_ = nullptr;
  std::string early_;  // wire bytes that are not eaten yet
  TlsWire wire_;
  std::int64_t expires_ = 0;
  ConnectFailure failure_;
};

}  // namespace sluice::uplink
