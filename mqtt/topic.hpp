// Topic names and filters (4.7): the rules and the match. No recursion; at most kMaxLevels levels.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace sluice::mqtt {

inline constexpr std::size_t kMaxLevels = 200;

// 4.7.3: 1..65,535 bytes, no U+0000, no wildcard. UTF-8 is the codec's business.
bool valid_topic_name(std::string_view topic);
// 4.7.1: `+` and `#` only as whole levels, `#` only last. Handles $share/NAME/filter (4.8.2) too.
bool valid_topic_filter(std::string_view filter);

struct SharedFilter {
  std::string_view share_name;  // without `/ + #`, not empty
  std::string_view filter;
};
// The parts of `$share/NAME/filter`, or nothing when the filter is not shared.
std::optional<SharedFilter> split_shared(std::string_view filter);

// True if a publish to topic reaches a subscription to filter. Wildcards at the first level do not match
// topics that begin with `$` (4.7.2). AWS deviates: there `a/#` does not match `a`.
bool topic_matches(std::string_view filter, std::string_view topic, bool hash_matches_parent = true);

}  // namespace sluice::mqtt
