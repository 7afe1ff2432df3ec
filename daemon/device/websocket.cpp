#include "device/websocket.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>

namespace sluice::device {
namespace http = boost::beast::http;
namespace {

enum Opcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close_op = 8, ping = 9, pong = 10 };

void control_frame(std::uint8_t opcode, std::string_view payload, std::string& wire) {
  wire.push_back(static_cast<char>(0x80 | opcode));
  wire.push_back(static_cast<char>(payload.size()));
  wire.append(payload);
}

// 4.2.2: base64(SHA-1(key + GUID)).
std::string accept_key(std::string_view key) {
  const std::string input = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(input.data(), input.size(), digest.data(), &size, EVP_sha1(), nullptr);
  std::array<unsigned char, 64> base64{};
  const int n = EVP_EncodeBlock(base64.data(), digest.data(), static_cast<int>(size));
  return {reinterpret_cast<const char*>(base64.data()), static_cast<std::size_t>(n)};
}

// No Origin, or one of this machine: programs such as Paho send the address they dial as Origin, and a page
// of loopback is as trusted as the anonymous listener itself. A foreign page is neither.
bool from_loopback(std::string_view origin) {
  if (origin.empty()) return true;
  const auto scheme = origin.find("://");
  if (scheme == std::string_view::npos) return false;
  auto host = origin.substr(scheme + 3);
  host =
      host.starts_with('[') ? host.substr(0, host.find(']') + 1) : host.substr(0, host.find_first_of(":/"));
  return host == "localhost" || host == "127.0.0.1" || host == "[::1]";
}

}  // namespace

bool WebSocket::receive(std::span<char> wire, const Payload& payload, std::string& reply) {
  if (closed_) return false;
  if (!open_) {
    // The end of the header may span two reads; what follows it is already frames.
    const auto seen = request_.size();
    const auto take = std::min(wire.size(), kMaxRequest + 4 - seen);
    request_.append(wire.data(), take);
    const auto end = request_.find("\r\n\r\n", seen < 3 ? 0 : seen - 3);
    if (end == request_.npos) {
      if (request_.size() <= kMaxRequest) return true;
      return refuse(431, "Request Header Fields Too Large", "", "the request is longer than 8 KiB", reply);
    }
    request_.resize(end + 4);
    wire = wire.subspan(request_.size() - seen);
    if (!upgrade(reply)) return false;
    request_ = {};
  }
  while (!wire.empty()) {
    if (!in_payload_) {
      bool complete = false;
      if (!take_header(wire, reply, complete)) return false;
      if (!complete) return true;
      if (left_ == 0 && !end_frame(reply)) return false;
      continue;
    }
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, wire.size()));
    const auto part = wire.first(n);
    for (std::size_t i = 0; i < n; ++i) part[i] = static_cast<char>(part[i] ^ mask_[(mask_at_ + i) & 3]);
    mask_at_ = static_cast<std::uint8_t>((mask_at_ + n) & 3);
    left_ -= n;
    wire = wire.subspan(n);
    if (opcode_ >= close_op) {
      control_.append(part.data(), n);
    } else if (!payload({part.data(), n})) {
      return true;  // the broker has closed the connection; it answers for itself
    }
    if (left_ == 0 && !end_frame(reply)) return false;
  }
  return true;
}

bool WebSocket::take_header(std::span<char>& wire, std::string& reply, bool& complete) {
  const auto need = [this]() -> std::size_t {
    if (header_size_ < 2) return 2;
    const auto length = header_[1] & 0x7f;
    return 6U + (length == 126 ? 2U : length == 127 ? 8U : 0U);
  };
  while (header_size_ < need()) {
    if (wire.empty()) return true;
    header_[header_size_++] = static_cast<unsigned char>(wire.front());
    wire = wire.subspan(1);
    if (header_size_ != 2) continue;
    const std::uint8_t opcode = header_[0] & 0x0f;
    const bool fin = (header_[0] & 0x80) != 0;
    const bool control = opcode >= close_op;
    if ((header_[0] & 0x70) != 0) return fail(1002, "a reserved bit is set", reply);
    if ((header_[1] & 0x80) == 0) return fail(1002, "a frame is not masked", reply);
    if (opcode == text) return fail(1003, "a text frame: MQTT needs binary ones", reply);
    if (opcode != continuation && opcode != binary && opcode != close_op && opcode != ping &&
        opcode != pong) {
      return fail(1002, "an unknown opcode", reply);
    }
    if (control && (!fin || (header_[1] & 0x7f) > 125))
      return fail(1002, "a control frame in parts or too long", reply);
    if (!control && (opcode == continuation) != fragmented_)
      return fail(1002, "a message inside a message", reply);
    opcode_ = opcode;
    final_ = fin;
  }
  std::uint64_t length = header_[1] & 0x7f;
  std::size_t at = 2;
  if (length >= 126) {
    const std::size_t bytes = length == 126 ? 2 : 8;
    length = 0;
    for (std::size_t i = 0; i < bytes; ++i) length = length << 8 | header_[at++];
    if ((length >> 63) != 0) return fail(1002, "a frame length with its highest bit set", reply);
  }
  std::copy_n(header_.begin() + static_cast<std::ptrdiff_t>(at), 4, mask_.begin());
  header_size_ = 0;
  mask_at_ = 0;
  left_ = length;
  in_payload_ = complete = true;
  control_.clear();
  return true;
}

bool WebSocket::end_frame(std::string& reply) {
  in_payload_ = false;
  switch (opcode_) {
    case continuation:
    case binary:
      fragmented_ = !final_;
      return true;
    case ping:
      control_frame(pong, control_, reply);
      return true;
    case close_op:
      // 5.5.1: answer with the same code.
      control_frame(close_op, std::string_view(control_).substr(0, 2), reply);
      closed_ = true;
      return false;
    default:
      return true;
  }
}

bool WebSocket::upgrade(std::string& reply) {
  http::request_parser<http::empty_body> parser;
  parser.header_limit(kMaxRequest);
  boost::system::error_code ec;
  parser.put(boost::asio::buffer(request_), ec);
  if (ec || !parser.is_header_done()) return refuse(400, "Bad Request", "", "this is not HTTP", reply);
  const auto& request = parser.get();
  if (request.method() != http::verb::get)
    return refuse(405, "Method Not Allowed", "Allow: GET\r\n", "only GET", reply);
  std::string_view target(request.target().data(), request.target().size());
  if (target.substr(0, target.find('?')) != path_) {
    return refuse(404, "Not Found", "", fmt::format("MQTT is at {}", path_), reply);
  }
  const auto value = [&request](http::field name) { return request[name]; };
  if (request.version() < 11 || !http::token_list(value(http::field::connection)).exists("upgrade") ||
      !http::token_list(value(http::field::upgrade)).exists("websocket")) {
    return refuse(426, "Upgrade Required", "Upgrade: websocket\r\n", "this is a WebSocket for MQTT", reply);
  }
  if (value(http::field::sec_websocket_version) != "13") {
    return refuse(426, "Upgrade Required", "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
                  "only version 13", reply);
  }
  const auto key = value(http::field::sec_websocket_key);
  if (key.size() != 24)
    return refuse(400, "Bad Request", "", "Sec-WebSocket-Key is not 16 bytes in base64", reply);
  if (!http::token_list(value(http::field::sec_websocket_protocol)).exists("mqtt")) {
    return refuse(400, "Bad Request", "", "the sub-protocol must be mqtt", reply);
  }
  if (!allow_origin_ && !from_loopback(value(http::field::origin))) {
    return refuse(403, "Forbidden", "", "web pages may not use a listener that asks for no credentials",
                  reply);
  }
  reply +=
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
      "Upgrade\r\nSec-WebSocket-Protocol: mqtt\r\n";
  reply += "Sec-WebSocket-Accept: " + accept_key({key.data(), key.size()}) + "\r\n\r\n";
  open_ = true;
  return true;
}

bool WebSocket::refuse(unsigned status, std::string_view phrase, std::string_view headers, std::string why,
                       std::string& reply) {
  error_ = fmt::format("WebSocket upgrade refused with {}: {}", status, why);
  why += "\n";
  reply += fmt::format(
      "HTTP/1.1 {} {}\r\n{}Content-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
      status, phrase, headers, why.size(), why);
  closed_ = true;
  return false;
}

bool WebSocket::fail(std::uint16_t code, std::string why, std::string& reply) {
  error_ = "WebSocket: " + why;
  close(code, reply);
  return false;
}

void WebSocket::close(std::uint16_t code, std::string& wire) {
  if (!open_ || closed_) return;
  const char payload[2] = {static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
  control_frame(close_op, {payload, 2}, wire);
  closed_ = true;
}

void WebSocket::frame(std::string_view payload, std::string& wire) {
  wire.push_back(static_cast<char>(0x80 | binary));
  const auto size = payload.size();
  if (size < 126) {
    wire.push_back(static_cast<char>(size));
  } else {
    const bool is_short = size <= 0xffff;
    wire.push_back(static_cast<char>(is_short ? 126 : 127));
    for (int shift = is_short ? 8 : 56; shift >= 0; shift -= 8)
      wire.push_back(static_cast<char>(size >> shift & 0xff));
  }
  wire.append(payload);
}

}  // namespace sluice::device
