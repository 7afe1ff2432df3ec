// Topic names and filters (4.7): the rules and the match. No recursion; at most kMaxLevels levels.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace sluice::mqtt {

inline constexpr std::size_t kMaxLevels = 200;

// The levels of a topic or filter, one after the other; an empty text has one empty level. The text must
// outlive it.
class Levels {
 public:
  explicit Levels(std::string_view text) : rest_(text) {}
  // False when there is none left.
  bool next(std::string_view& level) {
    if (done_) return false;
    const auto slash = rest_.find('/');
    level = rest_.substr(0, slash);
    done_ = slash == std::string_view::npos;
    if (!done_) rest_.remove_prefix(slash + 1);
    return true;
  }

 private:
  std::string_view rest_;
  bool done_ = false;
};

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
