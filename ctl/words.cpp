#include "words.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <ctime>

namespace sluice::ctl {

std::string in_words(std::uint64_t count) {
  auto text = std::to_string(count);
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3) {
    text.insert(static_cast<std::size_t>(at), 1, ',');
  }
  return text;
}

std::string bytes_in_words(std::uint64_t bytes) {
  constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  if (unit == 0) return fmt::format("{} B", bytes);
  return fmt::format("{:.{}f} {}", value, value < 10 ? 1 : 0, kUnits.at(unit));
}

std::string rate_in_words(double per_second) {
  if (per_second >= 1000) return in_words(static_cast<std::uint64_t>(std::llround(per_second))) + "/s";
  return fmt::format("{:.{}f}/s", per_second, per_second < 10 && per_second > 0 ? 1 : 0);
}

std::string duration_in_words(double seconds) {
  if (!(seconds >= 0)) return "-";
  if (seconds < 60) return fmt::format("{:.0f} s", std::floor(seconds));
  if (seconds < 2 * 3600) return fmt::format("{:.0f} min", std::floor(seconds / 60));
  if (seconds < 72.0 * 3600) return fmt::format("{:.0f} h", std::floor(seconds / 3600));
  if (seconds < 2.0 * 365 * 86400) return fmt::format("{:.0f} days", std::floor(seconds / 86400));
  return "years";
}

std::string ago_in_words(std::int64_t wall_ms, WallTime now) {
  if (wall_ms <= 0) return "-";
  const auto now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  if (now_ms - wall_ms < 1000) return "now";
  return duration_in_words(static_cast<double>(now_ms - wall_ms) / 1000) + " ago";
}

std::string time_in_words(std::int64_t wall_ms) {
  if (wall_ms <= 0) return "-";
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(static_cast<std::time_t>(wall_ms / 1000)));
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t size = lead < 0x80           ? 1
                             : (lead >> 5) == 0x06 ? 2
                             : (lead >> 4) == 0x0e ? 3
                             : (lead >> 3) == 0x1e ? 4
                                                   : 0;
    bool good = size > 0 && i + size <= text.size() && lead >= 0x20 && lead != 0x7f;
    for (std::size_t k = 1; good && k < size; ++k)
      good = (static_cast<unsigned char>(text[i + k]) & 0xc0) == 0x80;
    // U+0080..U+009F are control characters too.
    if (good && size == 2 && lead == 0xc2 && static_cast<unsigned char>(text[i + 1]) < 0xa0) good = false;
    if (good) {
      out.append(text.substr(i, size));
      i += size;
    } else {
      out += '?';
      ++i;
    }
  }
  return out;
}

}  // namespace sluice::ctl
