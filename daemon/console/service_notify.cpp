#include "console/service_notify.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace sluice {
namespace {

std::optional<std::int64_t> number(const char* text) {
  if (text == nullptr) return {};
  std::int64_t value = 0;
  const auto* end = text + std::strlen(text);
  const auto parsed = std::from_chars(text, end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end || value <= 0) return {};
  return value;
}

}  // namespace

ServiceNotify ServiceNotify::from_environment() {
  const char* socket = std::getenv("NOTIFY_SOCKET");
  std::optional<Duration> watchdog;
  const auto for_pid = number(std::getenv("WATCHDOG_PID"));
  if (!for_pid || *for_pid == ::getpid()) {
    if (const auto us = number(std::getenv("WATCHDOG_USEC"))) watchdog = std::chrono::microseconds(*us);
  }
  return {socket == nullptr ? "" : socket, watchdog};
}

ServiceNotify::ServiceNotify(std::string socket, std::optional<Duration> watchdog)
    : socket_(std::move(socket)), watchdog_(watchdog) {
  if (!socket_.empty()) fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

ServiceNotify::ServiceNotify(ServiceNotify&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), socket_(std::move(other.socket_)), watchdog_(other.watchdog_) {}

ServiceNotify::~ServiceNotify() {
  if (fd_ >= 0) ::close(fd_);
}

void ServiceNotify::ready() { send("READY=1"); }
void ServiceNotify::stopping() { send("STOPPING=1"); }
void ServiceNotify::alive() { send("WATCHDOG=1"); }

void ServiceNotify::reloading(MonoTime now) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count();
  send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(us));
}

void ServiceNotify::status(std::string_view text) {
  std::string line = "STATUS=";
  line.append(text.substr(0, 500));
  // A newline would begin another assignment.
  std::replace(line.begin(), line.end(), '\n', ' ');
  send(line);
}

std::optional<Duration> ServiceNotify::alive_interval() const {
  if (!watchdog_ || fd_ < 0) return {};
  return *watchdog_ / 2;
}

void ServiceNotify::send(std::string_view state) {
  if (fd_ < 0) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_.size() >= sizeof(address.sun_path)) return;
  std::memcpy(address.sun_path, socket_.data(), socket_.size());
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  // A lost notification is repeated by the next one; there is nobody to tell.
  [[maybe_unused]] const auto sent = ::sendto(fd_, state.data(), state.size(), MSG_NOSIGNAL,
                                              reinterpret_cast<const sockaddr*>(&address), size);
}

}  // namespace sluice
