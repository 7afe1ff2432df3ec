// AWS's two spellings of a moment: 20150830T123600Z in signatures, 2015-08-30T12:36:00Z in answers.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::aws {

std::string amz_time(std::chrono::sys_seconds time);  // 20150830T123600Z
std::optional<std::chrono::sys_seconds> parse_amz_time(std::string_view text);
std::string iso_time(std::chrono::sys_seconds time);                            // 2015-08-30T12:36:00Z
std::optional<std::chrono::sys_seconds> parse_iso_time(std::string_view text);  // fractions are dropped

}  // namespace sluice::aws
