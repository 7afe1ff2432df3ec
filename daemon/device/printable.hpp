// A peer's words, fit for a log line.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace sluice::device {

// At most `most` bytes, never ending within a UTF-8 character; control characters are shown as ?.
inline std::string printable(std::string_view text, std::size_t most) {
  auto end = std::min(text.size(), most);
  while (end > 0 && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80) --end;
  std::string out(text.substr(0, end));
  std::ranges::replace_if(out, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return out;
}

}  // namespace sluice::device
