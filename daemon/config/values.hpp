// How single values are written in the config: `500ms`, `2GiB`, `2%`, `true`. Read and written by the same
// file, so that what is shown can be typed in again. Errors are of the form "…, allowed: …" without the key.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/clock.hpp"
#include "core/error.hpp"

namespace sluice::config {

// A whole number and ms, s, m, h or d.
result<Duration> parse_duration(std::string_view text);
std::string render_duration(Duration value);

// A whole number and B, KB, MB, GB, TB (1000) or KiB, MiB, GiB, TiB (1024); without a unit: bytes.
result<std::uint64_t> parse_size(std::string_view text);
std::string render_size(std::uint64_t value);

result<std::uint64_t> parse_integer(std::string_view text);
// Finite, not negative.
result<double> parse_number(std::string_view text);
std::string render_number(double value);

result<bool> parse_boolean(std::string_view text);

struct Change {
  double amount = 0;
  bool percent = false;
};
// `0.5` or `2%`.
result<Change> parse_change(std::string_view text);
std::string render_change(const Change& change);

}  // namespace sluice::config
