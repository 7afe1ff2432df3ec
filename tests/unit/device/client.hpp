// A scripted MQTT client on a raw socket: says what the test says, byte for byte. Plain, TLS or WebSocket.
#pragma once

#include <openssl/types.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "mqtt/codec.hpp"
#include "tests/unit/device/world.hpp"

namespace sluice::device::test {

struct ClientTls {
  std::filesystem::path ca, certificate, key;
};

class Client {
 public:
  Client(World& world, std::uint16_t port, std::string_view host = "127.0.0.1");
  Client(World& world, const std::filesystem::path& unix_socket);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Handshakes; false (and error) when the server refuses.
  bool tls(const ClientTls& files);
  // Upgrades; the status of the answer.
  int websocket(std::string_view path = "/mqtt", std::string_view protocol = "mqtt",
                std::string_view more = "");

  void send(std::string_view bytes);
  void send_frame(std::string_view payload, unsigned char first = 0x82);
  // Takes what has arrived; does not turn the loop.
  void pump();
  bool closed();
  // Turns the loop until the server has closed.
  bool wait_closed();
  std::string_view bytes() const { return plain_; }

  // --- MQTT ---
  struct Login {
    std::string id, user, token;
    mqtt::Version version = mqtt::Version::v5;
    bool clean = true;
    std::uint16_t keep_alive = 60;
    std::uint32_t expiry = 0;
  };
  void send_connect(const Login& login);
  // CONNECT and its answer; nothing: closed without.
  std::optional<mqtt::Reason> connect(const Login& login);
  // As `t1` with its token.
  std::optional<mqtt::Reason> connect();
  void send_publish(std::string_view topic, std::string_view payload, std::uint8_t qos = 0,
                    std::uint16_t id = 1);
  std::optional<mqtt::Reason> publish(std::string_view topic, std::string_view payload, std::uint16_t id = 1);
  std::optional<mqtt::Reason> subscribe(std::string_view filter, std::uint8_t qos = 1);
  // The next packet, or nothing when none comes; valid until the next call.
  std::optional<mqtt::Packet> next(int most_turns = 400);
  template <typename T>
  std::optional<T> expect() {
    auto packet = next();
    if (!packet || !std::holds_alternative<T>(*packet)) return std::nullopt;
    return std::get<T>(*packet);
  }
  bool silent() { return !next(20).has_value(); }

  int fd = -1;
  std::string error;

 private:
  void write_wire();
  bool take_frames();

  World& world_;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
  bool framed_ = false, closed_ = false;
  mqtt::Version version_ = mqtt::Version::v5;
  std::string wire_out_, wire_in_;  // ws frames in
  std::string plain_, packet_;
};

std::string connect_packet(const Client::Login& login);
std::string publish_packet(std::string_view topic, std::string_view payload, std::uint8_t qos,
                           std::uint16_t id, mqtt::Version version = mqtt::Version::v5);

}  // namespace sluice::device::test
