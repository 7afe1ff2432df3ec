#include "device/peer.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace sluice::device {

Peer Peer::of(const sockaddr_storage& from, int fd) {
  Peer peer;
  if (from.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &from, sizeof v4);
    peer.kind = Kind::v4;
    std::memcpy(peer.address.data(), &v4.sin_addr, 4);
    peer.port = ntohs(v4.sin_port);
  } else if (from.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &from, sizeof v6);
    peer.port = ntohs(v6.sin6_port);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {  // a dual-stack listener shows IPv4 peers so
      peer.kind = Kind::v4;
      std::memcpy(peer.address.data(), v6.sin6_addr.s6_addr + 12, 4);
    } else {
      peer.kind = Kind::v6;
      std::memcpy(peer.address.data(), &v6.sin6_addr, 16);
    }
  } else {
    ucred who{};
    socklen_t size = sizeof who;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0) peer.pid = who.pid;
  }
  return peer;
}

bool Peer::is_local() const {
  if (kind == Kind::unix_socket) return true;
  if (kind == Kind::v4) return address[0] == 127;
  return std::all_of(address.begin(), address.end() - 1, [](auto b) { return b == 0; }) && address[15] == 1;
}

std::string Peer::text() const {
  char buffer[INET6_ADDRSTRLEN] = {};
  if (kind == Kind::unix_socket) return fmt::format("unix pid {}", pid);
  ::inet_ntop(kind == Kind::v4 ? AF_INET : AF_INET6, address.data(), buffer, sizeof buffer);
  return kind == Kind::v4 ? fmt::format("{}:{}", buffer, port) : fmt::format("[{}]:{}", buffer, port);
}

std::string Peer::source() const {
  char buffer[INET6_ADDRSTRLEN] = {};
  if (kind == Kind::unix_socket) return "unix";
  auto prefix = address;
  if (kind == Kind::v6) std::fill(prefix.begin() + 8, prefix.end(), std::uint8_t{0});
  ::inet_ntop(kind == Kind::v4 ? AF_INET : AF_INET6, prefix.data(), buffer, sizeof buffer);
  return buffer;
}

}  // namespace sluice::device
