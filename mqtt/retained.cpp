#include "mqtt/retained.hpp"

#include "mqtt/topic.hpp"

namespace sluice::mqtt {

bool Retained::set(MessageRef message) {
  const std::string_view topic = message->part(StoredMessage::topic);
  const auto it = topics_.find(topic);
  const std::size_t before = it == topics_.end() ? 0 : it->second->size();
  if (it == topics_.end() && topics_.size() >= maximum_topics_) return false;
  if (bytes_ - before + message->size() > maximum_bytes_) return false;
  bytes_ = bytes_ - before + message->size();
  if (message->expiry != kNoExpiry) ++expiring_;
  if (it == topics_.end()) {
    topics_.emplace(topic, std::move(message));
  } else {
    if (it->second->expiry != kNoExpiry) --expiring_;
    it->second = std::move(message);
  }
  return true;
}

bool Retained::erase(std::string_view topic) {
  const auto it = topics_.find(topic);
  if (it == topics_.end()) return false;
  bytes_ -= it->second->size();
  if (it->second->expiry != kNoExpiry) --expiring_;
  topics_.erase(it);
  return true;
}

MessageRef Retained::next(std::string_view filter, std::string_view after) const {
  const auto wildcard = filter.find_first_of("+#");
  if (wildcard == std::string_view::npos) {
    if (!after.empty()) return {};
    const auto it = topics_.find(filter);
    return it == topics_.end() ? MessageRef() : it->second;
  }
  const std::string_view prefix = filter.substr(0, wildcard);
  // `a/b/#` also matches `a/b`, which sorts before everything that begins with `a/b/`.
  if (filter[wildcard] == '#' && hash_matches_parent_ && !prefix.empty()) {
    const std::string_view parent = prefix.substr(0, prefix.size() - 1);
    if (after.empty()) {
      if (const auto it = topics_.find(parent); it != topics_.end()) return it->second;
    }
  }
  auto it = after.empty() || after < prefix ? topics_.lower_bound(prefix) : topics_.upper_bound(after);
  for (; it != topics_.end() && std::string_view(it->first).starts_with(prefix); ++it) {
    if (topic_matches(filter, it->first, hash_matches_parent_)) return it->second;
  }
  return {};
}

void Retained::expire(Milliseconds now, const std::function<void(std::string_view)>& gone) {
  if (expiring_ == 0) return;
  for (auto it = topics_.begin(); it != topics_.end();) {
    if (!it->second->expired(now)) {
      ++it;
      continue;
    }
    gone(it->first);
    bytes_ -= it->second->size();
    --expiring_;
    it = topics_.erase(it);
  }
}

}  // namespace sluice::mqtt
