#include "device/bind.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "core/file_owner.hpp"

namespace sluice::device {
namespace {

constexpr int kBacklog = 4096;

Error trouble(const ListenerOptions& options, const std::string& name, int error) {
  auto text = fmt::format("cannot listen on {}: {}", name, std::generic_category().message(error));
  switch (error) {
    case EADDRINUSE:
      text += fmt::format(
          "; another program (or another line of `listen`) has it: see `ss -ltnp 'sport = :{}'`, stop "
          "that program or choose another port",
          options.port);
      return {errc::exists, text};
    case EACCES:
      text += options.port < 1024 && options.port != 0
                  ? "; ports below 1024 need AmbientCapabilities=CAP_NET_BIND_SERVICE in the unit, or choose "
                    "a higher port"
                  : "";
      return {errc::denied, text};
    case EADDRNOTAVAIL:
      text += "; no interface of this machine has that address";
      return {errc::not_found, text};
    default:
      return {errc::io, text};
  }
}

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  bool both_families = false;
};

bool resolve(const ListenerOptions& options, Address& out) {
  std::string host = options.address;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (host == "localhost") host = "127.0.0.1";
  if (host.empty() || host == "*") {
    host = "::";
    out.both_families = true;
  }
  sockaddr_in v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(options.port);
    std::memcpy(&out.storage, &v4, sizeof v4);
    out.size = sizeof v4;
    return true;
  }
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) != 1) return false;
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(options.port);
  std::memcpy(&out.storage, &v6, sizeof v6);
  out.size = sizeof v6;
  return true;
}

}  // namespace

result<int> bind_inet(const ListenerOptions& options, const std::string& name) {
  Address address;
  if (!resolve(options, address)) {
    return Error{
        errc::invalid_argument,
        fmt::format(
            "cannot listen on {}: `{}` is not an IP address; write one of this machine, 0.0.0.0, [::] or "
            "* for all",
            name, options.address)};
  }
  int family = address.storage.ss_family;
  int fd = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 && address.both_families && errno == EAFNOSUPPORT) {  // a kernel without IPv6
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_port = htons(options.port);
    std::memcpy(&address.storage, &any, sizeof any);
    address.size = sizeof any;
    family = AF_INET;
    fd = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  }
  if (fd < 0) return trouble(options, name, errno);
  const int on = 1, v6_only = address.both_families ? 0 : 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (family == AF_INET6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0 ||
      ::listen(fd, kBacklog) != 0) {
    const int error = errno;
    ::close(fd);
    return trouble(options, name, error);
  }
  return fd;
}

result<int> bind_unix(const ListenerOptions& options, const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (options.address.empty() || options.address.size() >= sizeof address.sun_path) {
    return Error{errc::invalid_argument,
                 fmt::format("cannot listen on {}: the path of a Unix socket has 1 to {} bytes", name,
                             sizeof address.sun_path - 1)};
  }
  options.address.copy(address.sun_path, sizeof address.sun_path - 1);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);

  struct stat there{};
  if (::lstat(address.sun_path, &there) == 0) {
    if (!S_ISSOCK(there.st_mode)) {
      return Error{errc::exists,
                   fmt::format("cannot listen on {}: a file that is not a socket is there; remove it", name)};
    }
    const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const bool served = probe >= 0 && (::connect(probe, generic, sizeof address) == 0 || errno == EAGAIN);
    if (probe >= 0) ::close(probe);
    if (served) {
      return Error{
          errc::exists,
          fmt::format("cannot listen on {}: another process serves it; is sluiced running twice?", name)};
    }
    ::unlink(address.sun_path);  // left over from a kill
  }
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return trouble(options, name, errno);
  // The mode is set between bind and listen: nobody can connect before it is right.
  if (::bind(fd, generic, sizeof address) != 0 || ::chmod(address.sun_path, 0660) != 0 ||
      ::listen(fd, kBacklog) != 0) {
    const int error = errno;
    ::close(fd);
    auto said = trouble(options, name, error);
    const auto folder = std::filesystem::path(options.address).parent_path();
    if (error == ENOENT) said.text += fmt::format("; make the folder {}", folder.string());
    if (error == EACCES)
      said.text += fmt::format("; the folder {}: {}", folder.string(), owner_and_mode(folder));
    return said;
  }
  return fd;
}

std::uint16_t bound_port(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return 0;
  if (storage.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
  if (storage.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port);
  return 0;
}

}  // namespace sluice::device
