#include "terminal.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace sluice::ctl {
namespace {

// Alternate screen, cursor off; and back.
constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l", kLeave = "\x1b[?25h\x1b[?1049l";

void put(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

}  // namespace

bool Terminal::can_redraw() {
  const auto* term = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) == 1 && term != nullptr && *term != '\0' && std::string_view(term) != "dumb";
}

Terminal::Size Terminal::size() {
  winsize window{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0 || window.ws_row == 0) return {};
  return {window.ws_col, window.ws_row};
}

Terminal::Terminal(bool full_screen) : full_screen_(full_screen) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&set, signal);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  signals_ = ::signalfd(-1, &set, SFD_CLOEXEC);
  timer_ = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
  if (!full_screen_) return;
  termios now{};
  if (::isatty(STDIN_FILENO) == 1 && ::tcgetattr(STDIN_FILENO, &now) == 0) {
    before_ = now;
    now.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &now);
  }
  put(kEnter);
}

Terminal::~Terminal() {
  if (full_screen_) put(kLeave);
  if (before_) ::tcsetattr(STDIN_FILENO, TCSANOW, &*before_);
  for (const int fd : {signals_, timer_}) {
    if (fd >= 0) ::close(fd);
  }
}

void Terminal::show(std::string_view text) {
  // Home, then each line cleared to its end, then the rest of the screen: no flicker.
  std::string frame = "\x1b[H";
  int rows = size().rows;
  while (!text.empty() && rows-- > 0) {
    const auto end = text.find('\n');
    frame.append(text.substr(0, end)).append("\x1b[K");
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!text.empty() && rows > 0) frame += "\r\n";
  }
  put(frame + "\x1b[J");
}

bool Terminal::wait_ms(int ms) {
  const itimerspec once{{}, {ms / 1000, (ms % 1000) * 1'000'000L}};
  ::timerfd_settime(timer_, 0, &once, nullptr);
  for (;;) {
    // Without a terminal of our own the input belongs to somebody else.
    const bool keys = before_.has_value() && !input_ended_;
    pollfd waiting[] = {{signals_, POLLIN, 0}, {timer_, POLLIN, 0}, {keys ? STDIN_FILENO : -1, POLLIN, 0}};
    if (::poll(waiting, 3, -1) < 0) return errno != EINTR;
    if (waiting[0].revents != 0) return true;
    if (waiting[1].revents != 0) return false;
    char key = 0;
    if (::read(STDIN_FILENO, &key, 1) != 1) {
      input_ended_ = true;
    } else if (key == 'q' || key == 'Q') {
      return true;
    }
  }
}

}  // namespace sluice::ctl
