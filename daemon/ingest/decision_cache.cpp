#include "ingest/decision_cache.hpp"

#include <functional>

namespace sluice::ingest {

const Decision& DecisionCache::get(const RouteTable& table, const DeviceRef& device, std::string_view topic) {
  constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15ULL;
  if (topic.size() > kLongestCachedTopic) {
    ++misses_;
    table.decide(device, topic, long_);
    return long_;
  }
  const auto hash = (std::hash<std::string_view>{}(topic) ^ (device.name * kGolden)) * kGolden;
  auto& set = sets_[static_cast<std::size_t>(hash >> 32) % sets_.size()];
  if (!set) set = std::make_unique<std::array<Entry, 2>>();
  Entry *a = &(*set)[0], *b = &(*set)[1];
  if (!holds(*a, device, topic)) {
    if (holds(*b, device, topic)) {
      std::swap(a, b);
    } else {
      ++misses_;
      if (a->newer && a->generation == generation_) std::swap(a, b);
      a->generation = generation_;
      a->device = device.name;
      a->topic = topic;
      a->id = device.id;
      a->product = device.product;
      table.decide(device, topic, a->decision);
      a->newer = true;
      b->newer = false;
      return a->decision;
    }
  }
  ++hits_;
  a->newer = true;
  b->newer = false;
  return a->decision;
}

}  // namespace sluice::ingest
