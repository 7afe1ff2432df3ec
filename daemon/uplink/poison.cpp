#include "uplink/poison.hpp"

#include <algorithm>
#include <utility>

namespace sluice::uplink {
namespace {

constexpr unsigned kSoloDeaths = 2;
constexpr unsigned kConvictionsToBar = 2;
constexpr Duration kBarred = 10min;
constexpr std::size_t kMaxTopics = 1000;

}  // namespace

void Poison::died(Group in_flight) {
  if (in_flight.empty() || after_ == 0) return;
  std::unordered_set<std::uint64_t> again;
  for (const auto& unit : in_flight) {
    for (const auto& key : unit.keys) {
      if (suspects_.contains(key.id)) again.insert(key.id);
    }
  }
  if (again.empty()) {
    deaths_ = 0;
    proof_ = false;
    for (const auto& unit : in_flight) {
      for (const auto& key : unit.keys) again.insert(key.id);
    }
  }
  suspects_ = std::move(again);
  if (++deaths_ < after_) return;
  std::erase_if(in_flight, [this](const Unit& unit) {
    return std::none_of(unit.keys.begin(), unit.keys.end(),
                        [this](auto& key) { return suspects_.contains(key.id); });
  });
  begin_trial(std::move(in_flight));
}

void Poison::begin_trial(Group group) {
  groups_.clear();
  if (group.size() == 1) {
    groups_.push_back(std::move(group));
  } else {
    split(std::move(group), groups_);
  }
}

void Poison::split(Group group, std::deque<Group>& front) {
  const auto half = group.begin() + static_cast<std::ptrdiff_t>(group.size() / 2);
  Group second(std::make_move_iterator(half), std::make_move_iterator(group.end()));
  group.erase(half, group.end());
  front.push_front(std::move(second));
  front.push_front(std::move(group));
}

void Poison::delivered(std::span<const store::RecordKey> keys) {
  if (keys.empty() || (suspects_.empty() && parked_.empty() && groups_.empty())) return;
  proof_ = true;
  forget(keys);
  // The cloud takes others: now it can be known whether the parked ones are at fault.
  if (!on_trial()) retry_parked();
}

void Poison::gone(std::span<const store::RecordKey> keys) { forget(keys); }

void Poison::forget(std::span<const store::RecordKey> keys) {
  for (const auto& key : keys) suspects_.erase(key.id);
  if (!on_trial()) {
    if (suspects_.empty()) deaths_ = 0;
    return;
  }
  std::unordered_set<std::uint64_t> ids;
  for (const auto& key : keys) ids.insert(key.id);
  auto& group = groups_.front();
  for (auto& unit : group)
    std::erase_if(unit.keys, [&](const store::RecordKey& key) { return ids.contains(key.id); });
  std::erase_if(group, [](const Unit& unit) { return unit.keys.empty(); });
}

void Poison::retry_parked() {
  for (auto& unit : parked_) {
    unit.solo_deaths = kSoloDeaths - 1;  // it has died alone already; once more and it is convicted
    groups_.push_back({std::move(unit)});
  }
  parked_.clear();
  parked_ids_.clear();
}

void Poison::group_delivered() {
  groups_.pop_front();
  end_if_over();
}

std::optional<store::RecordKey> Poison::group_died() {
  Group group = std::move(groups_.front());
  groups_.pop_front();
  if (group.empty()) {  // all of it had been acknowledged
    end_if_over();
    return std::nullopt;
  }
  if (!proof_ && !parked_.empty()) {
    // A second, different set of publishes dies and nothing is ever acknowledged: that is the cloud, not
    // they.
    acquit();
    return std::nullopt;
  }
  if (group.size() > 1) {
    split(std::move(group), groups_);
    return std::nullopt;
  }
  Unit unit = std::move(group.front());
  if (++unit.solo_deaths < kSoloDeaths) {
    groups_.push_front({std::move(unit)});
    return std::nullopt;
  }
  if (unit.keys.size() > 1) {  // a batch: one of its halves
    const auto half = unit.keys.begin() + static_cast<std::ptrdiff_t>(unit.keys.size() / 2);
    groups_.push_front({Unit{{half, unit.keys.end()}, 0}});
    groups_.push_front({Unit{{unit.keys.begin(), half}, 0}});
    return std::nullopt;
  }
  if (!proof_) {
    park(std::move(unit));
    end_if_over();
    return std::nullopt;
  }
  const auto culprit = unit.keys.front();
  suspects_.erase(culprit.id);
  end_if_over();
  return culprit;
}

void Poison::park(Unit unit) {
  for (const auto& key : unit.keys) parked_ids_.insert(key.id);
  parked_.push_back(std::move(unit));
}

void Poison::end_if_over() {
  if (on_trial()) return;
  if (proof_ && !parked_.empty()) return retry_parked();
  suspects_.clear();
  deaths_ = 0;
  if (parked_.empty()) proof_ = false;
}

void Poison::acquit() {
  groups_.clear();
  parked_.clear();
  parked_ids_.clear();
  suspects_.clear();
  deaths_ = 0;
  proof_ = false;
}

std::size_t Poison::suspects() const {
  std::size_t n = parked_.size();
  for (const auto& group : groups_) n += group.size();
  return on_trial() ? n : n + suspects_.size();
}

void Poison::convicted_on(std::string_view topic, MonoTime now) {
  if (topics_.size() >= kMaxTopics) topics_.clear();
  auto& entry = topics_[std::string(topic)];
  if (++entry.convictions >= kConvictionsToBar) entry.until = now + kBarred;
}

void Poison::delivered_on(std::string_view topic) {
  if (!topics_.empty()) topics_.erase(std::string(topic));
}

bool Poison::topic_is_barred(std::string_view topic, MonoTime now) {
  if (topics_.empty()) return false;
  const auto it = topics_.find(std::string(topic));
  if (it == topics_.end() || it->second.convictions < kConvictionsToBar) return false;
  if (now < it->second.until) return true;
  it->second.convictions = kConvictionsToBar - 1;  // one more proves it again
  return false;
}

}  // namespace sluice::uplink
