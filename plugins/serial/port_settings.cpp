// How a terminal device is told its settings. Apart from port.cpp because the kernel's termios2 (any baud
// rate) and libc's termios cannot be included together.
#include "plugins/serial/port_settings.hpp"

#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <fmt/format.h>
#include <linux/serial.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace sluice::serial {
namespace {

std::string words(int error) { return std::generic_category().message(error); }

Error refused(const PortOptions& options, const std::string& what) {
  return {errc::io, fmt::format("{}: {}", options.path, what)};
}

unsigned data_bits(unsigned bits) { return bits == 5 ? CS5 : bits == 6 ? CS6 : bits == 7 ? CS7 : CS8; }

// A pty has no bits to set; its other end speaks bytes.
bool is_pseudo_terminal(int fd) {
  struct stat info{};
  return ::fstat(fd, &info) == 0 && major(info.st_rdev) >= 136 && major(info.st_rdev) <= 143;
}

result<void> set_rs485(int fd, const PortOptions& options) {
  serial_rs485 mode{};
  mode.flags = SER_RS485_ENABLED | (options.rts_on_send ? SER_RS485_RTS_ON_SEND : SER_RS485_RTS_AFTER_SEND);
  mode.delay_rts_before_send = options.rs485_before_ms;
  mode.delay_rts_after_send = options.rs485_after_ms;
  if (::ioctl(fd, TIOCSRS485, &mode) == 0) return {};
  return refused(
      options,
      fmt::format("its driver knows no RS-485 ({}); many adapters switch by themselves: leave rs485 out",
                  words(errno)));
}

}  // namespace

result<void> set_up(int fd, const PortOptions& options) {
  termios2 line{};
  if (::ioctl(fd, TCGETS2, &line) != 0) return refused(options, "is no serial line: " + words(errno));
  line.c_iflag = IGNBRK;
  line.c_oflag = 0;
  line.c_lflag = 0;
  line.c_cflag =
      CREAD | CLOCAL | BOTHER | data_bits(options.data_bits) | (options.stop_bits == 2 ? CSTOPB : 0U);
  if (options.parity != PortOptions::Parity::none) {
    line.c_cflag |= PARENB | (options.parity == PortOptions::Parity::odd ? PARODD : 0U);
    line.c_iflag = INPCK | PARMRK;  // what is broken is marked, a break too
  }
  if (options.flow == PortOptions::Flow::hardware) line.c_cflag |= CRTSCTS;
  if (options.flow == PortOptions::Flow::software) line.c_iflag |= IXON | IXOFF;
  line.c_cc[VMIN] = 1;
  line.c_cc[VTIME] = 0;
  line.c_ispeed = line.c_ospeed = options.baud;
  if (::ioctl(fd, TCSETS2, &line) != 0)
    return refused(options, "does not take its settings: " + words(errno));
  // The kernel takes what the device can do, and says so only when asked.
  termios2 now{};
  if (::ioctl(fd, TCGETS2, &now) != 0) return refused(options, "does not tell its settings: " + words(errno));
  const auto off =
      std::abs(static_cast<std::int64_t>(now.c_ospeed) - static_cast<std::int64_t>(options.baud));
  if (off * 100 > std::int64_t{options.baud} * 3)
    return refused(options, fmt::format("cannot do {} baud (the nearest is {})", options.baud, now.c_ospeed));
  if (!is_pseudo_terminal(fd) && (now.c_cflag & (CSIZE | PARENB | PARODD | CSTOPB)) !=
                                     (line.c_cflag & (CSIZE | PARENB | PARODD | CSTOPB)))
    return refused(options, "cannot do these data bits, parity or stop bits");
  if (::ioctl(fd, TIOCEXCL) != 0) return refused(options, "cannot be had alone: " + words(errno));
  (void)::ioctl(fd, TCFLSH, TCIOFLUSH);  // what was left from before
  return options.rs485 ? set_rs485(fd, options) : result<void>{};
}

}  // namespace sluice::serial
