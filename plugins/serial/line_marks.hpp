// What a terminal device says about its bytes with PARMRK (termios(3)): 0xFF 0x00 X is a byte X with a parity
// or framing error (X 0: or a break), 0xFF 0xFF one byte 0xFF. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::serial {

class LineMarks {
 public:
  // Calls good(bytes) for what is sound and broken() where something was not, in their order.
  template <typename Good, typename Broken>
  void feed(std::string_view bytes, Good&& good, Broken&& broken) {
    clean_.clear();
    const auto flush = [&] {
      if (!clean_.empty()) good(std::string_view(clean_));
      clean_.clear();
    };
    for (const char byte : bytes) {
      switch (state_) {
        case State::plain:
          if (byte == '\xff') {
            state_ = State::mark;
          } else {
            clean_ += byte;
          }
          break;
        case State::mark:
          if (byte == '\0') {
            state_ = State::error;
          } else {
            clean_ += byte;  // 0xFF doubled; anything else is not sent by a terminal device
            state_ = State::plain;
          }
          break;
        case State::error:
          ++errors;
          flush();
          broken();
          state_ = State::plain;
          break;
      }
    }
    flush();
  }
  // The line was opened anew: half a mark went with the old one.
  void reset() { state_ = State::plain; }
  std::uint64_t errors = 0;

 private:
  enum class State : std::uint8_t { plain, mark, error } state_ = State::plain;
  std::string clean_;
};

}  // namespace sluice::serial
