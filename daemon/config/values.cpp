#include "config/values.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

namespace sluice::config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array<Unit, 5> kDurations = {
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};  // in milliseconds
constexpr std::uint64_t kKibi = 1024, kKilo = 1000;
constexpr std::array<Unit, 9> kSizes = {{{"TiB", kKibi* kKibi* kKibi* kKibi},
                                         {"TB", kKilo* kKilo* kKilo* kKilo},
                                         {"GiB", kKibi* kKibi* kKibi},
                                         {"GB", kKilo* kKilo* kKilo},
                                         {"MiB", kKibi* kKibi},
                                         {"MB", kKilo* kKilo},
                                         {"KiB", kKibi},
                                         {"KB", kKilo},
                                         {"B", 1}}};

Error wrong(std::string_view allowed) { return {errc::invalid_argument, std::string(allowed)}; }

template <std::size_t N>
std::optional<std::uint64_t> with_unit(std::string_view text, const std::array<Unit, N>& units, bool bare) {
  std::uint64_t amount = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), amount);
  if (error != std::errc{}) return std::nullopt;
  const auto name = text.substr(static_cast<std::size_t>(end - text.data()));
  if (name.empty() && bare) return amount;
  for (const auto& unit : units) {
    if (unit.name != name) continue;
    if (amount > std::numeric_limits<std::uint64_t>::max() / unit.factor) return std::nullopt;
    return amount * unit.factor;
  }
  return std::nullopt;
}

// The largest unit that leaves a whole number.
template <std::size_t N>
std::string in_units(std::uint64_t value, const std::array<Unit, N>& units, std::string_view smallest) {
  for (const auto& unit : units) {
    if (value != 0 && value % unit.factor == 0) return fmt::format("{}{}", value / unit.factor, unit.name);
  }
  return fmt::format("{}{}", value, smallest);
}

}  // namespace

result<Duration> parse_duration(std::string_view text) {
  const auto ms = with_unit(text, kDurations, false);
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<Duration::rep>::max() / 1'000'000);
  if (!ms || *ms > kMost) return wrong("a whole number with ms, s, m, h or d, as in 500ms, 10s, 7d");
  return Duration(std::chrono::milliseconds(*ms));
}

std::string render_duration(Duration value) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(value).count();
  return in_units(static_cast<std::uint64_t>(ms), kDurations, ms == 0 ? "s" : "ms");
}

result<std::uint64_t> parse_size(std::string_view text) {
  const auto size = with_unit(text, kSizes, true);
  if (!size)
    return wrong("a whole number with B, KB, MB, GB (1000) or KiB, MiB, GiB (1024), as in 5KB, 2GiB");
  return *size;
}

std::string render_size(std::uint64_t value) { return in_units(value, kSizes, "B"); }

result<std::uint64_t> parse_integer(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return wrong("a whole number");
  return value;
}

result<double> parse_number(std::string_view text) {
  double value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value) ||
      std::signbit(value)) {
    return wrong("a number, as in 100 or 0.2");
  }
  return value;
}

std::string render_number(double value) { return fmt::format("{}", value); }

result<bool> parse_boolean(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return wrong("true or false");
}

result<Change> parse_change(std::string_view text) {
  const bool percent = text.ends_with('%');
  const auto amount = parse_number(percent ? text.substr(0, text.size() - 1) : text);
  if (!amount) return wrong("a number, or a percentage, as in 0.5 or 2%");
  return Change{*amount, percent};
}

std::string render_change(const Change& change) {
  return render_number(change.amount) + (change.percent ? "%" : "");
}

}  // namespace sluice::config
