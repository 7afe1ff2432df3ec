#include "device/listener.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "device/bind.hpp"
#include "device/links.hpp"

namespace sluice::device {
namespace {

constexpr int kAcceptsPerTurn = 64;  // others get their turn, too
constexpr Duration kScarcityWait = 250ms;
constexpr unsigned kUserTimeoutMs = 60'000;  // unacknowledged bytes for this long: the peer is gone (F13)

const char* scheme(ListenerOptions::Kind kind) {
  switch (kind) {
    case ListenerOptions::Kind::mqtt:
      return "mqtt";
    case ListenerOptions::Kind::mqtts:
      return "mqtts";
    case ListenerOptions::Kind::ws:
      return "ws";
    case ListenerOptions::Kind::wss:
      return "wss";
    case ListenerOptions::Kind::unix_socket:
      return "unix";
  }
  return "mqtt";
}

void tune(int fd) {
  const int on = 1, idle = 60, interval = 15, count = 4;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &kUserTimeoutMs, sizeof kUserTimeoutMs);
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

}  // namespace

Listener::Listener(boost::asio::io_context& loop, Clock& clock, Log log, Links& links,
                   ListenerOptions options)
    : loop_(loop),
      clock_(clock),
      log_(std::move(log)),
      links_(links),
      options_(std::move(options)),
      descriptor_(loop),
      retry_(clock) {}

Listener::~Listener() { close(); }

std::string Listener::name() const {
  if (!options_.text.empty()) return options_.text;
  if (options_.kind == ListenerOptions::Kind::unix_socket) return "unix://" + options_.address;
  return fmt::format("{}://{}:{}", scheme(options_.kind), options_.address, options_.port);
}

const char* Listener::transport() const {
  switch (options_.kind) {
    case ListenerOptions::Kind::mqtt:
      return "tcp";
    case ListenerOptions::Kind::mqtts:
      return "tls";
    case ListenerOptions::Kind::ws:
      return "ws";
    case ListenerOptions::Kind::wss:
      return "wss";
    case ListenerOptions::Kind::unix_socket:
      return "unix";
  }
  return "tcp";
}

bool Listener::uses_tls() const {
  return options_.kind == ListenerOptions::Kind::mqtts || options_.kind == ListenerOptions::Kind::wss;
}
bool Listener::uses_websocket() const {
  return options_.kind == ListenerOptions::Kind::ws || options_.kind == ListenerOptions::Kind::wss;
}

bool Listener::same_place(const ListenerOptions& a, const ListenerOptions& b) {
  return a.kind == b.kind && a.address == b.address && a.port == b.port && a.path == b.path;
}

std::string Listener::trouble() const {
  if (!reload_trouble_.empty()) return reload_trouble_;
  if (!scarcity_.empty()) return scarcity_;
  return tls_ ? tls_->trouble() : std::string();
}

result<void> Listener::open() {
  if (auto loaded = reload_tls(true); !loaded) return loaded.error();
  auto fd = options_.kind == ListenerOptions::Kind::unix_socket ? bind_unix(options_, name())
                                                                : bind_inet(options_, name());
  if (!fd) return fd.error();
  port_ = bound_port(*fd);
  descriptor_.assign(*fd);
  return {};
}

void Listener::start() {
  log_.info("listening on {}{}", name(),
            options_.port == 0 && port_ != 0 ? fmt::format(" (port {})", port_) : "");
  wait();
}

void Listener::close() {
  retry_.cancel();
  if (!descriptor_.is_open()) return;
  boost::system::error_code ignored;
  descriptor_.close(ignored);
  if (options_.kind == ListenerOptions::Kind::unix_socket) ::unlink(options_.address.c_str());
}

result<void> Listener::reload_tls(bool anyway) {
  if (!uses_tls() || (!anyway && tls_ && !tls_->files_changed())) return {};
  auto loaded = TlsContext::load(options_, clock_);
  if (!loaded) {
    const auto text = fmt::format("listener {}: {}", name(), loaded.error().text);
    // Said once per new trouble, not at every look.
    if (tls_ && reload_trouble_ != text) log_.error("{}; the old certificate stays in use", text);
    reload_trouble_ = text;
    return Error{loaded.error().code, text};
  }
  if (tls_) log_.info("listener {}: new certificate loaded", name());
  reload_trouble_.clear();
  tls_ = *loaded;
  if (!tls_->trouble().empty()) log_.warn("listener {}: {}", name(), tls_->trouble());
  return {};
}

result<void> Listener::change(ListenerOptions options) {
  std::swap(options_, options);
  auto loaded = reload_tls(true);
  if (!loaded) std::swap(options_, options);
  return loaded;
}

void Listener::wait() {
  if (!descriptor_.is_open()) return;
  descriptor_.async_wait(Descriptor::wait_read, [self = shared_from_this()](boost::system::error_code ec) {
    if (!ec) self->accept_some();
  });
}

void Listener::room_again() {
  if (!waiting_for_room_) return;
  waiting_for_room_ = false;
  retry_.cancel();
  wait();
}

void Listener::pause(Duration delay) {
  waiting_for_room_ = true;
  retry_.start(delay, [this] { room_again(); });
}

void Listener::accept_some() {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    if (!descriptor_.is_open()) return;
    if (uses_tls() && links_.handshakes_full()) return pause(1s);
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    const int fd = ::accept4(descriptor_.native_handle(), reinterpret_cast<sockaddr*>(&from), &size,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      scarcity_.clear();
      told_scarcity_ = false;
      adopt(fd, from);
      continue;
    }
    switch (errno) {
      case EAGAIN:
        return wait();
      case EMFILE:
      case ENFILE:
      case ENOMEM:
      case ENOBUFS:
        scarcity_ = fmt::format(
            "listener {}: cannot accept: {}; those who are connected stay; raise LimitNOFILE or MemoryMax "
            "of the unit if this lasts",
            name(), std::generic_category().message(errno));
        if (!told_scarcity_) log_.error("{}", scarcity_);
        told_scarcity_ = true;
        return pause(kScarcityWait);
      default:
        break;  // the peer has gone before we came to it (4.2 of accept(2)): the next one
    }
  }
  wait();
}

void Listener::adopt(int fd, const sockaddr_storage& from) {
  ++accepted;
  if (links_.full()) {
    ++turned_away;
    ::close(fd);
    return;
  }
  if (from.ss_family != AF_UNIX) tune(fd);
  links_.adopt(fd, shared_from_this(), Peer::of(from, fd));
}

}  // namespace sluice::device
