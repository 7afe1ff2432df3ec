// The retained message of each topic (3.3.1.3), in the order of topics, so that a filter looks only at topics
// that begin as it does. Bounded in topics and bytes. Used by the engine.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "mqtt/stored_message.hpp"

namespace sluice::mqtt {

class Retained {
 public:
  Retained(std::size_t maximum_topics, std::size_t maximum_bytes, bool hash_matches_parent)
      : maximum_topics_(maximum_topics),
        maximum_bytes_(maximum_bytes),
        hash_matches_parent_(hash_matches_parent) {}

  // False: full; what the topic had before stays.
  bool set(MessageRef message);
  // False: there was none.
  bool erase(std::string_view topic);
  // The next message for the filter whose topic comes after `after` (empty: from the first), or nothing. One
  // step at a time, because the caller's callbacks may change the store in between.
  MessageRef next(std::string_view filter, std::string_view after) const;
  // Takes out what has expired and tells the topics.
  void expire(Milliseconds now, const std::function<void(std::string_view topic)>& gone);

  std::size_t size() const { return topics_.size(); }
  std::size_t bytes() const { return bytes_; }

 private:
  std::size_t maximum_topics_, maximum_bytes_;
  bool hash_matches_parent_;
  std::map<std::string, MessageRef, std::less<>> topics_;
  std::size_t bytes_ = 0;
  std::size_t expiring_ = 0;
};

}  // namespace sluice::mqtt
