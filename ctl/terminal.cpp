#include "terminal.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
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
  if (signals_ >= 0) ::close(signals_);
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
  // Without a terminal of our own the input belongs to somebody else.
  pollfd waiting[] = {{signals_, POLLIN, 0}, {before_ ? STDIN_FILENO : -1, POLLIN, 0}};
  const int ready = ::poll(waiting, 2, ms);
  if (ready <= 0) return false;
  if (waiting[0].revents != 0) return true;
  char key = 0;
  if (::read(STDIN_FILENO, &key, 1) != 1) {
    before_.reset();  // the input ended
    return false;
  }
  return key == 'q' || key == 'Q' || key == 3;
}

}  // namespace sluice::ctl
