#include <arpa/inet.h>

#include <array>
#include <charconv>

#include "config/reader.hpp"

namespace sluice::config {
namespace {

using Kind = ListenerOptions::Kind;

struct Scheme {
  std::string_view prefix;
  Kind kind;
  std::uint16_t port;
};

constexpr std::array<Scheme, 5> kSchemes = {{{"mqtt://", Kind::mqtt, 1883},
                                             {"mqtts://", Kind::mqtts, 8883},
                                             {"ws://", Kind::ws, 80},
                                             {"wss://", Kind::wss, 443},
                                             {"unix://", Kind::unix_socket, 0}}};
constexpr std::size_t kLongestSocket = 107;  // sockaddr_un

bool is_address(const std::string& host) {
  std::array<unsigned char, 16> ignored{};
  return ::inet_pton(AF_INET, host.c_str(), ignored.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), ignored.data()) == 1;
}

std::string read_socket(std::string_view path, ListenerOptions& listener) {
  if (!path.starts_with('/') || path.size() > kLongestSocket)
    return "unix:///absolute/path of at most 107 bytes";
  listener.address = path;
  return {};
}

std::string read_port(std::string_view text, std::uint16_t& port) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0) return "a port of 1 to 65535";
  return {};
}

}  // namespace

std::string read_listener_url(std::string_view url, ListenerOptions& listener) {
  const Scheme* scheme = nullptr;
  for (const auto& s : kSchemes) {
    if (url.starts_with(s.prefix)) scheme = &s;
  }
  if (scheme == nullptr) return "mqtt://, mqtts://, ws://, wss:// or unix:///";
  listener.kind = scheme->kind;
  auto rest = url.substr(scheme->prefix.size());
  if (listener.kind == Kind::unix_socket) return read_socket(rest, listener);

  if (const auto slash = rest.find('/'); slash != std::string_view::npos) {
    const auto path = rest.substr(slash);
    if (listener.kind != Kind::ws && listener.kind != Kind::wss) {
      if (path != "/") return "no path: only ws:// and wss:// have one";
    } else if (path.find_first_of("?# ") != std::string_view::npos) {
      return "a plain path, without ? and #";
    } else if (path != "/") {
      listener.path = path;
    }
    rest = rest.substr(0, slash);
  }
  if (rest.find('@') != std::string_view::npos) return "no user name in the URL";
  listener.port = scheme->port;
  auto host = rest;
  if (rest.starts_with('[')) {
    const auto end = rest.find(']');
    if (end == std::string_view::npos) return "an IPv6 address in brackets, as in mqtt://[::]:1883";
    host = rest.substr(1, end - 1);
    rest = rest.substr(end + 1);
  } else {
    const auto colon = rest.find(':');
    host = rest.substr(0, colon);
    rest = colon == std::string_view::npos ? std::string_view{} : rest.substr(colon);
    if (rest.find(':', 1) != std::string_view::npos)
      return "an IPv6 address in brackets, as in mqtt://[::]:1883";
  }
  if (!rest.empty()) {
    if (!rest.starts_with(':')) return "an IPv6 address in brackets, as in mqtt://[::]:1883";
    if (auto wrong = read_port(rest.substr(1), listener.port); !wrong.empty()) return wrong;
  }
  listener.address = host == "localhost" ? "127.0.0.1" : std::string(host);
  if (!is_address(listener.address))
    return "an IP address of this machine, 0.0.0.0 or [::] for all, or localhost";
  return {};
}

bool on_loopback(const ListenerOptions& listener) {
  return listener.kind == Kind::unix_socket || listener.address.starts_with("127.") ||
         listener.address == "::1";
}

}  // namespace sluice::config
