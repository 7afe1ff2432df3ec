// Bytes of SMP messages that an independent implementation reads as we do.
#pragma once

#include <string>
#include <string_view>

#include "plugins/smp/commands.hpp"

namespace sluice::smp {

inline std::string bytes(std::string_view hexadecimal) {
  std::string out;
  std::string digits;
  for (const char c : hexadecimal) {
    if (c == ' ') continue;
    digits.push_back(c);
    if (digits.size() == 2) {
      out.push_back(static_cast<char>(std::stoi(digits, nullptr, 16)));
      digits.clear();
    }
  }
  return out;
}

struct Golden {
  Command command;
  std::uint8_t sequence;
  std::string message;
  std::uint16_t crc;
  std::string base64;
};

inline std::vector<Golden> golden() {
  return {
      {read_image_state(), 0, bytes("08 00 00 01 00 01 00 00 A0"), 0xAF01, "AAsIAAABAAEAAKCvAQ=="},
      {echo("hi"), 1, bytes("0A 00 00 06 00 00 01 00 A1 61 64 62 68 69"), 0xA5AF, "ABAKAAAGAAABAKFhZGJoaaWv"},
      {reset(false), 2, bytes("0A 00 00 01 00 00 02 05 A0"), 0x8E47, "AAsKAAABAAACBaCORw=="},
      {read_params(), 3, bytes("08 00 00 01 00 00 03 06 A0"), 0x2A43, "AAsIAAABAAADBqAqQw=="},
      {confirm_running_image(), 4, bytes("0A 00 00 0A 00 01 04 00 A1 67 63 6F 6E 66 69 72 6D F5"), 0x7128,
       "ABQKAAAKAAEEAKFnY29uZmlybfVxKA=="},
  };
}

}  // namespace sluice::smp
