// The terminal for as long as something is shown live: other screen, no cursor, keys unbuffered, Ctrl-C and
// SIGTERM as events; all of it undone on destruction. Used by top.
#pragma once

#include <termios.h>

#include <optional>
#include <string_view>

namespace sluice::ctl {

class Terminal {
 public:
  // full_screen: false leaves the screen alone (plain output) and only turns the signals into events.
  explicit Terminal(bool full_screen);
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  // Can the output be redrawn in place?
  static bool can_redraw();
  // Replaces what is shown; lines beyond the screen's height are cut.
  void show(std::string_view text);
  // Waits; true if the user (q, Ctrl-C) or a SIGTERM wants the end.
  bool wait_ms(int ms);

  struct Size {
    int columns = 80, rows = 24;
  };
  static Size size();

 private:
  bool full_screen_;
  int signals_ = -1, timer_ = -1;
  bool input_ended_ = false;
  std::optional<termios> before_;
};

}  // namespace sluice::ctl
