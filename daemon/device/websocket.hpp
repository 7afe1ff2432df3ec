// The server's side of a WebSocket that carries MQTT (RFC 6455; MQTT 5.0 section 6), without a socket: the
// HTTP upgrade (parsed by Beast), then binary frames. Payload is passed on as it comes: a packet may span
// messages and a message packets. Used by a link between socket (or TLS) and the broker. Loop thread.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace sluice::device {

class WebSocket {
 public:
  // The path that the upgrade must ask for. allow_origin false: a request with an Origin header of
  // another host (a web page in a browser) is refused; for listeners that ask for no credentials.
  WebSocket(std::string path, bool allow_origin) : path_(std::move(path)), allow_origin_(allow_origin) {}

  using Payload = std::function<bool(std::string_view)>;
  // Takes bytes of the peer; unmasks them in place. Answers (HTTP, pong, close) are appended to `reply`.
  // False: send `reply`, then close; error() says why if it was the peer's fault.
  bool receive(std::span<char> wire, const Payload& payload, std::string& reply);
  bool is_open() const { return open_; }
  const std::string& error() const { return error_; }

  // One binary message.
  static void frame(std::string_view payload, std::string& wire);
  // 7.4.1: 1000 normal, 1001 going away.
  void close(std::uint16_t code, std::string& wire);

 private:
  static constexpr std::size_t kMaxRequest = 8 * 1024;
  bool upgrade(std::string& reply);
  bool refuse(unsigned status, std::string_view phrase, std::string_view headers, std::string text,
              std::string& reply);
  bool fail(std::uint16_t code, std::string text, std::string& reply);
  bool take_header(std::span<char>& wire, std::string& reply, bool& complete);
  bool end_frame(std::string& reply);

  std::string path_;
  bool allow_origin_;
  bool open_ = false, closed_ = false;
  std::string request_;  // the HTTP request until it is whole
  std::array<unsigned char, 14> header_{};
  std::uint8_t header_size_ = 0;
  bool in_payload_ = false, fragmented_ = false;
  std::uint8_t opcode_ = 0;
  bool final_ = false;
  std::uint64_t left_ = 0;  // of the frame's payload
  std::array<unsigned char, 4> mask_{};
  std::uint8_t mask_at_ = 0;
  std::string control_;  // payload of a ping or close
  std::string error_;
};

}  // namespace sluice::device
