#include "plugins/sdk/base64.hpp"

#include <array>
#include <cstdint>

namespace sluice::adapter {
namespace {

constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr auto kValues = [] {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < kLetters.size(); ++i) {
    values[static_cast<std::uint8_t>(kLetters[i])] = static_cast<std::int8_t>(i);
  }
  return values;
}();

std::uint32_t octet(std::string_view bytes, std::size_t i) {
  return i < bytes.size() ? static_cast<std::uint8_t>(bytes[i]) : 0U;
}

}  // namespace

std::string base64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::uint32_t group = (octet(bytes, i) << 16) | (octet(bytes, i + 1) << 8) | octet(bytes, i + 2);
    for (int shift = 18; shift >= 0; shift -= 6) out.push_back(kLetters[(group >> shift) & 63]);
  }
  if (bytes.size() % 3 != 0) {
    for (std::size_t i = bytes.size() % 3; i < 3; ++i) out[out.size() - (3 - i)] = '=';
  }
  return out;
}

bool base64_append(std::string_view text, std::string& out) {
  if (text.size() % 4 != 0) return false;
  const std::size_t before = out.size();
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const bool last = i + 4 == text.size();
    const int padding = last && text[i + 3] == '=' ? (text[i + 2] == '=' ? 2 : 1) : 0;
    std::uint32_t group = 0;
    bool good = true;
    for (int k = 0; k < 4; ++k) {
      const int value =
          k >= 4 - padding ? 0 : kValues[static_cast<std::uint8_t>(text[i + static_cast<std::size_t>(k)])];
      good = good && value >= 0;
      group = (group << 6) | static_cast<std::uint32_t>(value & 63);
    }
    if (!good || (padding > 0 && (group & (padding == 1 ? 0xFFU : 0xFFFFU)) != 0)) {
      out.resize(before);
      return false;
    }
    for (int k = 0; k < 3 - padding; ++k) out.push_back(static_cast<char>(group >> (16 - 8 * k)));
  }
  return true;
}

}  // namespace sluice::adapter
