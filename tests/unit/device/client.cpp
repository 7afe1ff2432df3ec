#include "tests/unit/device/client.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sluice::device::test {

std::string connect_packet(const Client::Login& login) {
  mqtt::Connect packet;
  packet.version = login.version;
  packet.client_id = login.id;
  packet.clean_start = login.clean;
  packet.keep_alive = login.keep_alive;
  if (!login.user.empty()) packet.username = login.user;
  if (!login.token.empty()) packet.password = login.token;
  if (login.expiry != 0) packet.session_expiry = login.expiry;
  std::string bytes;
  mqtt::encode(packet, bytes);
  return bytes;
}

std::string publish_packet(std::string_view topic, std::string_view payload, std::uint8_t qos,
                           std::uint16_t id, mqtt::Version version) {
  mqtt::Publish packet;
  packet.topic = topic;
  packet.payload = payload;
  packet.qos = qos;
  packet.packet_id = qos == 0 ? 0 : id;
  std::string bytes;
  mqtt::encode(packet, version, bytes);
  return bytes;
}

Client::Client(World& world, std::uint16_t port, std::string_view host) : world_(world) {
  const bool v6 = host.find(':') != host.npos;
  fd = ::socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_storage to{};
  if (v6) {
    auto* a = reinterpret_cast<sockaddr_in6*>(&to);
    a->sin6_family = AF_INET6;
    a->sin6_port = htons(port);
    ::inet_pton(AF_INET6, std::string(host).c_str(), &a->sin6_addr);
  } else {
    auto* a = reinterpret_cast<sockaddr_in*>(&to);
    a->sin_family = AF_INET;
    a->sin_port = htons(port);
    ::inet_pton(AF_INET, std::string(host).c_str(), &a->sin_addr);
  }
  if (::connect(fd, reinterpret_cast<sockaddr*>(&to), v6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in)) != 0)
    closed_ = true;
  ::fcntl(fd, F_SETFL, O_NONBLOCK);
}

Client::Client(World& world, const std::filesystem::path& unix_socket) : world_(world) {
  fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  unix_socket.string().copy(to.sun_path, sizeof to.sun_path - 1);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) closed_ = true;
  ::fcntl(fd, F_SETFL, O_NONBLOCK);
}

Client::~Client() {
  SSL_free(ssl_);
  SSL_CTX_free(context_);
  if (fd >= 0) ::close(fd);
}

bool Client::tls(const ClientTls& files) {
  context_ = SSL_CTX_new(TLS_client_method());
  SSL_CTX_load_verify_locations(context_, files.ca.c_str(), nullptr);
  SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
  if (!files.certificate.empty()) {
    SSL_CTX_use_certificate_chain_file(context_, files.certificate.c_str());
    SSL_CTX_use_PrivateKey_file(context_, files.key.c_str(), SSL_FILETYPE_PEM);
  }
  ssl_ = SSL_new(context_);
  // The server's certificate is judged by the test's clock.
  X509_VERIFY_PARAM_set_time(
      SSL_get0_param(ssl_),
      std::chrono::duration_cast<std::chrono::seconds>(world_.clock.wall().time_since_epoch()).count());
  SSL_set_fd(ssl_, fd);
  SSL_set_connect_state(ssl_);
  bool ok = false;
  world_.until([&] {
    ERR_clear_error();
    const int rc = SSL_do_handshake(ssl_);
    ok = rc == 1;
    const int why = SSL_get_error(ssl_, rc);
    if (!ok && why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
      const char* reason = ERR_reason_error_string(ERR_peek_error());
      error = reason == nullptr ? "closed" : reason;
      return true;
    }
    return ok;
  });
  return ok;
}

int Client::websocket(std::string_view path, std::string_view protocol, std::string_view more) {
  std::string request =
      "GET " + std::string(path) +
      " HTTP/1.1\r\nHost: gw\r\nUpgrade: websocket\r\nConnection: keep-alive, "
      "Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
  if (!protocol.empty()) request += "Sec-WebSocket-Protocol: " + std::string(protocol) + "\r\n";
  request += std::string(more) + "\r\n";
  send(request);
  std::size_t end = 0;
  world_.until([&] {
    pump();
    end = plain_.find("\r\n\r\n");
    return end != plain_.npos || closed_;
  });
  if (end == plain_.npos || plain_.size() < 12) return 0;
  const int status = std::stoi(plain_.substr(9, 3));
  error = plain_;
  if (status == 101) {
    framed_ = true;
    wire_in_ = plain_.substr(end + 4);
    plain_.clear();
  }
  return status;
}

void Client::send(std::string_view bytes) {
  wire_out_ += bytes;
  write_wire();
}

void Client::send_frame(std::string_view payload, unsigned char first) {
  std::string frame(1, static_cast<char>(first));
  if (payload.size() < 126) {
    frame.push_back(static_cast<char>(0x80 | payload.size()));
  } else {
    frame.push_back(static_cast<char>(0x80 | 126));
    frame.push_back(static_cast<char>(payload.size() >> 8));
    frame.push_back(static_cast<char>(payload.size() & 0xff));
  }
  const char mask[4] = {0x12, 0x34, 0x56, 0x78};
  frame.append(mask, 4);
  for (std::size_t i = 0; i < payload.size(); ++i)
    frame.push_back(static_cast<char>(payload[i] ^ mask[i & 3]));
  send(frame);
}

void Client::write_wire() {
  while (!wire_out_.empty()) {
    const auto n = ssl_ != nullptr
                       ? SSL_write(ssl_, wire_out_.data(), static_cast<int>(wire_out_.size()))
                       : static_cast<int>(::send(fd, wire_out_.data(), wire_out_.size(), MSG_NOSIGNAL));
    if (n <= 0) return;
    wire_out_.erase(0, static_cast<std::size_t>(n));
  }
}

void Client::pump() {
  write_wire();
  char buffer[16 * 1024];
  for (;;) {
    int n = 0;
    bool again = false;
    if (ssl_ != nullptr) {
      ERR_clear_error();
      n = SSL_read(ssl_, buffer, sizeof buffer);
      again = n <= 0 && SSL_get_error(ssl_, n) == SSL_ERROR_WANT_READ;
    } else {
      n = static_cast<int>(::recv(fd, buffer, sizeof buffer, 0));
      again = n < 0 && errno == EAGAIN;
    }
    if (n <= 0) {
      closed_ = closed_ || !again;
      break;
    }
    (framed_ ? wire_in_ : plain_).append(buffer, static_cast<std::size_t>(n));
  }
  while (framed_ && take_frames()) {
  }
}

bool Client::take_frames() {
  if (wire_in_.size() < 2) return false;
  std::size_t size = wire_in_[1] & 0x7f, at = 2;
  if (size == 126) {
    if (wire_in_.size() < 4) return false;
    size = static_cast<unsigned char>(wire_in_[2]) << 8 | static_cast<unsigned char>(wire_in_[3]);
    at = 4;
  }
  if (wire_in_.size() < at + size) return false;
  if ((wire_in_[0] & 0x0f) == 2) plain_.append(wire_in_, at, size);
  if ((wire_in_[0] & 0x0f) == 8)
    error = "close " + std::to_string(static_cast<unsigned char>(wire_in_[at]) << 8 |
                                      static_cast<unsigned char>(wire_in_[at + 1]));
  if ((wire_in_[0] & 0x0f) == 10) error = "pong " + wire_in_.substr(at, size);
  wire_in_.erase(0, at + size);
  return true;
}

bool Client::closed() {
  pump();
  return closed_;
}

bool Client::wait_closed() {
  return world_.until([&] { return closed(); });
}

void Client::send_connect(const Login& login) {
  version_ = login.version;
  const auto bytes = connect_packet(login);
  framed_ ? send_frame(bytes) : send(bytes);
}

std::optional<mqtt::Reason> Client::connect(const Login& login) {
  send_connect(login);
  const auto answer = expect<mqtt::Connack>();
  if (!answer) return std::nullopt;
  return answer->reason;
}

std::optional<mqtt::Reason> Client::connect() {
  return connect({.id = "t1", .user = "t1", .token = "secret-1"});
}

void Client::send_publish(std::string_view topic, std::string_view payload, std::uint8_t qos,
                          std::uint16_t id) {
  const auto bytes = publish_packet(topic, payload, qos, id, version_);
  framed_ ? send_frame(bytes) : send(bytes);
}

std::optional<mqtt::Reason> Client::publish(std::string_view topic, std::string_view payload,
                                            std::uint16_t id) {
  send_publish(topic, payload, 1, id);
  const auto ack = expect<mqtt::Ack>();
  if (!ack || ack->packet_id != id) return std::nullopt;
  return ack->reason;
}

std::optional<mqtt::Reason> Client::subscribe(std::string_view filter, std::uint8_t qos) {
  mqtt::Subscribe packet;
  packet.packet_id = 77;
  packet.entries.push_back({.filter = filter, .qos = qos});
  std::string bytes;
  mqtt::encode(packet, version_, bytes);
  framed_ ? send_frame(bytes) : send(bytes);
  const auto answer = expect<mqtt::Suback>();
  if (!answer || answer->reasons.size() != 1) return std::nullopt;
  return answer->reasons[0];
}

std::optional<mqtt::Packet> Client::next(int most_turns) {
  mqtt::FixedHeader header;
  const bool whole = world_.until(
      [&] {
        pump();
        return (mqtt::read_fixed_header(plain_, header) == mqtt::HeaderStatus::complete &&
                plain_.size() >= header.total()) ||
               (closed_ && plain_.empty());
      },
      most_turns);
  if (!whole || plain_.empty()) return std::nullopt;
  packet_ = plain_.substr(0, header.total());
  plain_.erase(0, header.total());
  auto decoded = mqtt::decode(packet_, version_);
  if (!decoded.packet) error = decoded.error.text;
  return decoded.packet;
}

}  // namespace sluice::device::test
