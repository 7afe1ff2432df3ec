#include "aws/time_text.hpp"

#include <array>
#include <cstdio>

namespace sluice::aws {
namespace {

struct Fields {
  int year, month, day, hour, minute, second;
};

Fields fields_of(std::chrono::sys_seconds time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return {static_cast<int>(date.year()),
          static_cast<int>(static_cast<unsigned>(date.month())),
          static_cast<int>(static_cast<unsigned>(date.day())),
          static_cast<int>(clock.hours().count()),
          static_cast<int>(clock.minutes().count()),
          static_cast<int>(clock.seconds().count())};
}

std::string printed(std::chrono::sys_seconds time, const char* format) {
  const auto f = fields_of(time);
  std::array<char, 64> text{};
  const int size =
      std::snprintf(text.data(), text.size(), format, f.year, f.month, f.day, f.hour, f.minute, f.second);
  return {text.data(), static_cast<std::size_t>(size)};
}

// `shape` is the text with a 0 for each digit. Reads the digits in order as YYYYMMDDhhmmss.
std::optional<std::chrono::sys_seconds> read(std::string_view text, std::string_view shape) {
  if (text.size() != shape.size()) return std::nullopt;
  std::array<int, 14> digits{};
  std::size_t count = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (shape[i] == '0') {
      if (text[i] < '0' || text[i] > '9') return std::nullopt;
      digits.at(count++) = text[i] - '0';
    } else if (text[i] != shape[i]) {
      return std::nullopt;
    }
  }
  const auto pair = [&digits](std::size_t at) { return digits.at(at) * 10 + digits.at(at + 1); };
  const std::chrono::year_month_day date(std::chrono::year(pair(0) * 100 + pair(2)),
                                         std::chrono::month(static_cast<unsigned>(pair(4))),
                                         std::chrono::day(static_cast<unsigned>(pair(6))));
  if (!date.ok() || pair(8) > 23 || pair(10) > 59 || pair(12) > 60) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(pair(8)) + std::chrono::minutes(pair(10)) +
         std::chrono::seconds(pair(12));
}

}  // namespace

std::string amz_time(std::chrono::sys_seconds time) { return printed(time, "%04d%02d%02dT%02d%02d%02dZ"); }

std::optional<std::chrono::sys_seconds> parse_amz_time(std::string_view text) {
  return read(text, "00000000T000000Z");
}

std::string iso_time(std::chrono::sys_seconds time) {
  return printed(time, "%04d-%02d-%02dT%02d:%02d:%02dZ");
}

std::optional<std::chrono::sys_seconds> parse_iso_time(std::string_view text) {
  constexpr std::string_view kShape = "0000-00-00T00:00:00";
  if (text.size() <= kShape.size()) return std::nullopt;
  auto zone = text.substr(kShape.size());
  if (zone.starts_with('.')) {
    const auto end = zone.find_first_not_of("0123456789", 1);
    zone = end == std::string_view::npos || end == 1 ? std::string_view{} : zone.substr(end);
  }
  if (zone != "Z" && zone != "+00:00") return std::nullopt;
  return read(text.substr(0, kShape.size()), kShape);
}

}  // namespace sluice::aws
