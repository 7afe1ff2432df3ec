#include "ingest/filters.hpp"

#include <cmath>
#include <cstring>

namespace sluice::ingest {
namespace {

using Kind = FilterOptions::Kind;

bool far_enough(const FilterOptions& options, double last, double now) {
  const auto change = std::abs(now - last);
  return change >= (options.percent ? std::abs(last) * options.deadband / 100 : options.deadband) &&
         change > 0;
}

}  // namespace

Verdict Filters::judge(const Filter& filter, NameId device, std::string_view topic, std::string_view payload,
                       MonoTime now) {
  const auto& options = filter.options;
  has_pending_ = false;
  if (options.kind == Kind::none) return Verdict::pass;
  if (topic.size() > kLongestFilteredTopic) return Verdict::unfiltered;

  pending_ = {};
  pending_.at = now;
  if (options.kind != Kind::sample) {
    const auto value = json_value_at(filter.pointer, payload);
    if (!value || (options.kind == Kind::deadband && !value->number)) return Verdict::unfiltered;
    pending_.hash = value->hash;
    pending_.number = value->number.value_or(0);
  }

  key_.resize(sizeof device);
  std::memcpy(key_.data(), &device, sizeof device);
  key_ += topic;
  has_pending_ = true;
  const auto found = index_.find(key_);
  if (found == index_.end()) return Verdict::pass;
  items_.splice(items_.begin(), items_, found->second);
  const auto& last = found->second->memory;
  const auto age = now - last.at;
  if (options.kind != Kind::sample && options.heartbeat > Duration::zero() && age >= options.heartbeat)
    return Verdict::pass;
  bool worth = false;
  switch (options.kind) {
    case Kind::none:
      worth = true;
      break;
    case Kind::on_change:
      worth = pending_.hash != last.hash;
      break;
    case Kind::deadband:
      worth = far_enough(options, last.number, pending_.number);
      break;
    case Kind::sample:
      worth = age >= options.interval;
      break;
  }
  if (!worth) has_pending_ = false;
  return worth ? Verdict::pass : Verdict::hold;
}

void Filters::passed() {
  if (!has_pending_) return;
  has_pending_ = false;
  if (const auto found = index_.find(key_); found != index_.end()) {
    found->second->memory = pending_;
    return;
  }
  if (items_.size() >= most_) {
    index_.erase(items_.back().key);
    items_.pop_back();
  }
  items_.push_front({key_, pending_});
  index_.emplace(items_.front().key, items_.begin());
}

void Filters::clear() {
  index_.clear();
  items_.clear();
  has_pending_ = false;
}

}  // namespace sluice::ingest
