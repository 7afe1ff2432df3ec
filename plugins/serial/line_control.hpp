// What the kernel knows of a line beside its bytes: have they left, break, and what is dropped before a
// close. Used by Port; a pty has none of it, so tests give their own.
#pragma once

#include <cstdint>
#include <functional>

namespace sluice::serial {

struct LineControl {
  enum class Sent : std::uint8_t {
    no,        // bytes wait in the kernel, or are known to be in the hardware
    to_chip,   // none waits in the kernel; what the hardware still holds it does not tell
    entirely,  // the last bit is on the wire
  };
  std::function<Sent(int fd)> sent;
  std::function<void(int fd, bool on)> set_break;
  // Unsent bytes: else close() waits for a line that flow control holds (closing_wait, 30 s), and the loop
  // with it.
  std::function<void(int fd)> discard;
};

LineControl kernel_line_control();

}  // namespace sluice::serial
