// What a serial line is set to. Used by Port and by the configuration; without Asio, whose headers bring
// libc's termios along.
#pragma once

#include <cstdint>
#include <string>

#include "core/clock.hpp"
#include "core/error.hpp"

namespace sluice::serial {

struct PortOptions {
  enum class Parity : std::uint8_t { none, even, odd };
  enum class Flow : std::uint8_t { none, hardware, software };
  std::string path;
  std::uint32_t baud = 115'200;
  unsigned data_bits = 8, stop_bits = 1;
  Parity parity = Parity::none;
  Flow flow = Flow::none;
  bool rs485 = false, rts_on_send = true;
  std::uint32_t rs485_before_ms = 0, rs485_after_ms = 0;
  Duration break_for{};  // before each write; 0: none
};

// Raw, with these options; errors say which the device does not take. `fd` is an open terminal device.
result<void> set_up(int fd, const PortOptions& options);

}  // namespace sluice::serial
