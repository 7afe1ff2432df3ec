// What we have published on the site's broker a moment ago, so that it is not taken for a reading when our
// own subscriptions bring it back (MQTT 5 brokers do not send it: No Local). Bounded. Used by SiteDriver.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <string_view>

#include "core/clock.hpp"

namespace sluice::site {

class Echoes {
 public:
  explicit Echoes(const Clock& clock) : clock_(clock) {}

  void said(std::string_view topic, std::string_view payload) {
    if (all_.size() >= kMost) all_.pop_front();
    all_.push_back({std::string(topic), std::hash<std::string_view>{}(payload), clock_.now()});
  }
  // True, and forgotten, if it was us.
  bool came_back(std::string_view topic, std::string_view payload) {
    while (!all_.empty() && clock_.now() - all_.front().when > kRemembered) all_.pop_front();
    if (all_.empty()) return false;
    const auto hash = std::hash<std::string_view>{}(payload);
    for (auto it = all_.begin(); it != all_.end(); ++it) {
      if (it->payload != hash || it->topic != topic) continue;
      all_.erase(it);
      return true;
    }
    return false;
  }

 private:
  struct Said {
    std::string topic;
    std::size_t payload;
    MonoTime when;
  };
  static constexpr std::size_t kMost = 256;
  static constexpr Duration kRemembered = std::chrono::seconds(30);
  const Clock& clock_;
  std::deque<Said> all_;
};

}  // namespace sluice::site
