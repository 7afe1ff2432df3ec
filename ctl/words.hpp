// Numbers, sizes and times as people say them. Used by everything that sluicectl prints for a person; --json
// never comes through here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/clock.hpp"

namespace sluice::ctl {

std::string in_words(std::uint64_t count);                     // 1,234,567
std::string bytes_in_words(std::uint64_t bytes);               // 1.4 GiB
std::string rate_in_words(double per_second);                  // 12.3/s
std::string duration_in_words(double seconds);                 // 41 h, 3 days, 8 s
std::string ago_in_words(std::int64_t wall_ms, WallTime now);  // 12 min ago; - for 0
std::string time_in_words(std::int64_t wall_ms);               // 2026-11-01 12:00:03 UTC; - for 0

// What devices send may hold terminal control sequences: control characters and bytes that are no UTF-8
// become `?`.
std::string printable(std::string_view text);

}  // namespace sluice::ctl
