// What a device may say and hear: the filters of its product with {device} and {product} filled in, and the
// questions asked of them. Immutable once made; the device room shares one per device among its connections.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "core/options.hpp"

namespace sluice::device {

// [A-Za-z0-9:_-]{1,128}: AWS's rule for thing names. Without + # / so that it can stand in a filter (bug
// class 9).
bool valid_device_id(std::string_view id);

// True if every topic that `requested` matches is matched by `allowed`, too. Errs on the side of false.
bool filter_covers(std::string_view allowed, std::string_view requested);

class Access {
 public:
  // Errors: invalid_argument if a value or an expanded filter is not fit for a filter.
  static result<Access> make(const ProductOptions& product, std::string_view device);

  bool may_publish(std::string_view topic) const;
  // Shared subscriptions ($share/group/filter) are judged by their inner filter.
  bool may_subscribe(std::string_view filter) const;
  // What may be subscribed may be received.
  bool may_receive(std::string_view topic) const;

 private:
  std::vector<std::string> publish_, subscribe_;
};

// The last topics that were allowed: the hot path is a comparison. One per connection.
class AllowedTopics {
 public:
  bool has(std::string_view topic) const {
    for (const auto& known : topics_) {
      if (known == topic && !topic.empty()) return true;
    }
    return false;
  }
  void add(std::string_view topic) {
    if (topic.size() > kLongest) return;
    topics_[next_].assign(topic);
    next_ = (next_ + 1) % topics_.size();
  }
  void clear() { topics_ = {}; }

 private:
  static constexpr std::size_t kLongest = 256;  // memory per connection stays small
  std::array<std::string, 4> topics_;
  std::size_t next_ = 0;
};

}  // namespace sluice::device
