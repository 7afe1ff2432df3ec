// Who is at the other end of a connection, as the operating system tells.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <array>
#include <cstdint>
#include <string>

namespace sluice::device {

struct Peer {
  enum class Kind : std::uint8_t { unix_socket, v4, v6 };
  Kind kind = Kind::unix_socket;
  std::array<std::uint8_t, 16> address{};  // IPv4: the first four bytes
  std::uint16_t port = 0;
  pid_t pid = 0;  // Unix socket

  static Peer of(const sockaddr_storage& from, int fd);
  // On this machine: a Unix socket or a loopback address.
  bool is_local() const;
  // For logs: `192.0.2.1:40112`, `[2001:db8::1]:40112`, `unix pid 4711`.
  std::string text() const;
  // One name per party that can be throttled: an IPv4 address, an IPv6 /64, or `unix`.
  std::string source() const;
};

}  // namespace sluice::device
