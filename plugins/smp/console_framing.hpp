// SMP over a serial console: a message with length and CRC-16/XMODEM, in base64, cut in lines that begin with
// 06 09 (first) or 04 14 (more) and end with a newline. Other text on the line (logs, a shell's prompt) is
// not ours and passes by. Pure; used by the serial transport and by the simulated device.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::smp {

constexpr std::size_t kMaxLine = 127;      // markers and newline included
constexpr std::size_t kLineText = 124;     // base64 characters of a full line
constexpr std::size_t kLineBytes = 93;     // what these characters hold
constexpr std::size_t kFrameOverhead = 4;  // length and CRC, in the device's buffer beside the message

std::uint16_t crc16_xmodem(std::string_view bytes);

// The lines of one message, each with its markers and newline.
std::vector<std::string> console_lines(std::string_view message);

// Finds messages in whatever a serial line brings. After noise it is back in step with the next first line.
class ConsoleReader {
 public:
  // Appends each whole and sound message that ends in these bytes.
  void feed(std::string_view bytes, std::vector<std::string>& messages);
  // Forgets a half message, for a line that was opened anew.
  void reset();

  struct Counters {
    std::uint64_t messages = 0;
    std::uint64_t noise_lines = 0;    // text that is no frame
    std::uint64_t broken_frames = 0;  // began as a frame and was none: CRC, length, base64, a lost line
  };
  const Counters& counters() const { return counters_; }

 private:
  void line_ends(std::vector<std::string>& messages);
  void take(std::string_view base64, bool first, std::vector<std::string>& messages);
  void give_up();

  std::string line_;
  bool in_frame_ = false;
  std::string frame_;  // decoded so far, length in front
  Counters counters_;
};

}  // namespace sluice::smp
