#include "mqtt/codec.hpp"

namespace sluice::mqtt {
namespace {

// The length of the well-formed sequence of two to four bytes at the front, or 0 (Unicode table 3-7).
std::size_t sequence_length(const unsigned char* at, std::size_t left) {
  const auto tail = [&](std::size_t i) { return i < left && (at[i] & 0xc0) == 0x80; };
  const unsigned char lead = at[0];
  if (lead >= 0xc2 && lead <= 0xdf) return tail(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    if (!tail(1) || !tail(2)) return 0;
    if (lead == 0xe0 && at[1] < 0xa0) return 0;   // overlong
    if (lead == 0xed && at[1] >= 0xa0) return 0;  // surrogate
    return 3;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    if (!tail(1) || !tail(2) || !tail(3)) return 0;
    if (lead == 0xf0 && at[1] < 0x90) return 0;   // overlong
    if (lead == 0xf4 && at[1] >= 0x90) return 0;  // beyond U+10FFFF
    return 4;
  }
  return 0;
}

bool valid(std::string_view text, bool zero_allowed) {
  // No branch inside: the compiler makes vector code of it. Nearly all text is ASCII and ends here.
  unsigned char all = 0;
  unsigned char zero = 0;
  for (char c : text) {
    all |= static_cast<unsigned char>(c);
    zero |= static_cast<unsigned char>(c == 0);
  }
  if (zero != 0 && !zero_allowed) return false;
  if (all < 0x80) return true;

  const auto* at = reinterpret_cast<const unsigned char*>(text.data());
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = at[i] < 0x80 ? 1 : sequence_length(at + i, text.size() - i);
    if (length == 0) return false;
    i += length;
  }
  return true;
}

}  // namespace

bool valid_utf8(std::string_view text) { return valid(text, false); }

bool valid_utf8_payload(std::string_view payload) { return valid(payload, true); }

}  // namespace sluice::mqtt
