// Sockets of the local cloud: a listener with or without TLS, and the connections that it accepts. Bytes go
// to the engine of mqtt/; faults and byte rates act here. One loop thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "cloud/local/quotas.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "mqtt/broker.hpp"

namespace boost::asio {
class io_context;
namespace ssl {
class context;
}
}  // namespace boost::asio

namespace sluice::cloud {

class Faults;

// What the network and TLS say of a peer.
struct PeerFacts {
  std::string address;         // IP address
  std::string certificate_id;  // empty: the plain listener
  std::string server_name;     // SNI; empty: none was sent
  std::string alpn, tls_version;
};

// Every Transport that the engine sees here is one of these.
class PeerConnection : public mqtt::Transport {
 public:
  virtual const PeerFacts& peer() const = 0;
  virtual std::weak_ptr<PeerConnection> self() = 0;
  // The client's certificate; empty: the plain listener.
  virtual std::string certificate_pem() const = 0;
  // Resets the connection without a word, after the current turn of the loop.
  virtual void drop(std::string why) = 0;
  // The next read waits at least this long.
  virtual void hold_back(Duration wait) = 0;
  // The host's own, between its verdict on CONNECT and the session.
  std::shared_ptr<void> attachment;
};

class Listener {
 public:
  struct Surroundings {
    boost::asio::io_context& loop;
    Clock& clock;
    Faults& faults;
    mqtt::Broker& broker;
    boost::asio::ssl::context* tls;  // null: plain
    QuotaOptions quotas;
    std::size_t maximum_unsent;  // the engine's option
    std::size_t maximum_connections = 20'000;
    Log log;
    Duration latency = {};  // of everything that is sent, and of the TLS handshake
  };

  virtual ~Listener() = default;
  // Port 0: any. Opening again uses the port of the first time.
  virtual result<void> open(const std::string& address, std::uint16_t port) = 0;
  virtual void close() = 0;
  virtual std::uint16_t port() const = 0;
  virtual std::size_t connections() const = 0;
  virtual void drop_all(const std::string& why) = 0;
  // The fault half-open has ended: go on where it stopped.
  virtual void thaw() = 0;
};

std::unique_ptr<Listener> make_listener(Listener::Surroundings surroundings);

// "127.0.0.1:8883" or "[::1]:8883".
struct HostPort {
  std::string address;
  std::uint16_t port = 0;
  bool loopback = false;
};
result<HostPort> parse_host_port(const std::string& text);

}  // namespace sluice::cloud
