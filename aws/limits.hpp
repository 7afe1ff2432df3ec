// AWS IoT Core's limits that a publisher must keep, and the check for them.
// Source: "AWS IoT Core endpoints and quotas", message broker and protocol limits.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::aws {

inline constexpr std::size_t kMaxPayload = 128 * 1024;  // bytes
inline constexpr std::size_t kMaxTopicBytes = 256;      // without $aws/rules/NAME/
inline constexpr std::size_t kMaxTopicSlashes = 7;      // without $aws/rules/NAME/
inline constexpr std::size_t kMaxClientIdBytes = 128;
inline constexpr std::size_t kMeteringUnit = 5 * 1024;  // bytes billed as one message

// `$aws/rules/NAME/` of a Basic Ingest topic does not count; what does.
std::string_view counted_part(std::string_view topic);

// Why AWS would not take this publish, in words; nothing if it would.
std::optional<std::string> publish_problem(std::string_view topic, std::size_t payload_size);

}  // namespace sluice::aws
