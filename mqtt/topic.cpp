#include "mqtt/topic.hpp"

#include <algorithm>

namespace sluice::mqtt {
namespace {

constexpr std::string_view kShare = "$share/";

// A text shorter than the bound cannot have more levels than it.
bool few_levels(std::string_view text) {
  return text.size() < kMaxLevels ||
         static_cast<std::size_t>(std::count(text.begin(), text.end(), '/')) < kMaxLevels;
}

bool valid_plain_filter(std::string_view filter) {
  if (filter.empty() || filter.size() > 0xffff || !few_levels(filter)) return false;
  for (std::size_t i = 0; i < filter.size(); ++i) {
    const char c = filter[i];
    if (c == 0) return false;
    if (c != '+' && c != '#') continue;
    const bool last = i + 1 == filter.size();
    if (i > 0 && filter[i - 1] != '/') return false;
    if (!last && (c == '#' || filter[i + 1] != '/')) return false;
  }
  return true;
}

}  // namespace

bool valid_topic_name(std::string_view topic) {
  // No branch inside: vector code.
  unsigned char bad = 0;
  for (char c : topic) bad |= static_cast<unsigned char>((c == 0) | (c == '+') | (c == '#'));
  return bad == 0 && !topic.empty() && topic.size() <= 0xffff && few_levels(topic);
}

bool valid_topic_filter(std::string_view filter) {
  if (filter.size() > 0xffff) return false;
  if (!filter.starts_with(kShare)) return valid_plain_filter(filter);
  return split_shared(filter).has_value();
}

std::optional<SharedFilter> split_shared(std::string_view filter) {
  if (!filter.starts_with(kShare)) return std::nullopt;
  filter.remove_prefix(kShare.size());
  const std::size_t slash = filter.find('/');
  if (slash == 0 || slash == std::string_view::npos) return std::nullopt;
  const SharedFilter parts{filter.substr(0, slash), filter.substr(slash + 1)};
  if (!valid_topic_name(parts.share_name) || !valid_plain_filter(parts.filter)) return std::nullopt;
  return parts;
}

bool topic_matches(std::string_view filter, std::string_view topic, bool hash_matches_parent) {
  if (filter.empty() || topic.empty()) return false;
  if (topic[0] == '$' && (filter[0] == '+' || filter[0] == '#')) return false;
  std::size_t f = 0;
  std::size_t t = 0;
  for (;;) {  // f and t stand at the start of a level
    if (f < filter.size() && filter[f] == '#') return true;
    if (f < filter.size() && filter[f] == '+') {
      ++f;
      t = std::min(topic.find('/', t), topic.size());
    } else {
      for (; f < filter.size() && filter[f] != '/'; ++f, ++t) {
        if (t >= topic.size() || topic[t] != filter[f]) return false;
      }
    }
    if (t == topic.size()) {
      return f == filter.size() || (hash_matches_parent && filter.substr(f) == "/#");
    }
    if (f == filter.size() || topic[t] != '/') return false;
    ++f;
    ++t;
  }
}

}  // namespace sluice::mqtt
