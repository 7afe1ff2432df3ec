#include "plugins/serial/line_control.hpp"

#include <sys/ioctl.h>
#include <termios.h>

namespace sluice::serial {
namespace {

LineControl::Sent sent(int fd) {
  int waiting = 0;
  if (::ioctl(fd, TIOCOUTQ, &waiting) == 0 && waiting > 0) return LineControl::Sent::no;
  unsigned state = 0;
  if (::ioctl(fd, TIOCSERGETLSR, &state) != 0) return LineControl::Sent::to_chip;
  return (state & TIOCSER_TEMT) != 0 ? LineControl::Sent::entirely : LineControl::Sent::no;
}

}  // namespace

LineControl kernel_line_control() {
  return {sent, [](int fd, bool on) { (void)::ioctl(fd, on ? TIOCSBRK : TIOCCBRK); },
          [](int fd) { (void)::tcflush(fd, TCOFLUSH); }};
}

}  // namespace sluice::serial
