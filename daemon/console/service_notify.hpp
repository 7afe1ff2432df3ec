// Tells systemd how the service is (sd_notify protocol, without libsystemd): a datagram to $NOTIFY_SOCKET.
// Does nothing when not started by systemd. Used by app: ready() once everything listens, alive() from the
// loop after the store has shown that it lives, status() for `systemctl status`, stopping() first thing at
// the end. Never blocks.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/clock.hpp"

namespace sluice {

class ServiceNotify {
 public:
  // Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
  static ServiceNotify from_environment();
  // socket: a path, or `@name` for an abstract socket; empty: says nothing.
  ServiceNotify(std::string socket, std::optional<Duration> watchdog);
  ~ServiceNotify();
  ServiceNotify(ServiceNotify&& other) noexcept;
  ServiceNotify& operator=(ServiceNotify&&) = delete;

  void ready();
  void stopping();
  void reloading(MonoTime now);  // RELOADING=1; follow with ready()
  void alive();                  // WATCHDOG=1
  void status(std::string_view text);

  // How often alive() must be called: half of what systemd allows. Nothing: no watchdog is set.
  std::optional<Duration> alive_interval() const;
  bool connected() const { return fd_ >= 0; }

 private:
  void send(std::string_view state);

  int fd_ = -1;
  std::string socket_;
  std::optional<Duration> watchdog_;
};

}  // namespace sluice
