#include "plugins/modbus/unit_state.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "plugins/modbus/value.hpp"

namespace sluice::modbus {
namespace {

// Registers that the unit refuses, and that cannot be read in another way, are asked for ever more rarely.
constexpr Duration kRefusedFirst = 10s, kRefusedMost = 10min;

bool is_silence(const Response& response) {
  return response.outcome == Outcome::silent || response.outcome == Outcome::garbled ||
         (response.outcome == Outcome::exception &&
          (response.exception == kGatewayPath || response.exception == kGatewayTarget));
}

}  // namespace

UnitState::UnitState(UnitSettings settings, const RegisterMap& map, MonoTime now)
    : settings_(std::move(settings)),
      map_(map),
      states_(map.points.size()),
      published_(map.points.size()),
      retry_at_(now) {
  for (const auto& cycle : map_.cycles) cycles_.push_back({&cycle, now, {}, false});
  for (auto& cycle : cycles_) plan(cycle);
}

void UnitState::plan(Cycle& cycle) {
  std::vector<std::size_t> wanted;
  for (const auto& part : cycle.settings->parts)
    wanted.insert(wanted.end(), part.points.begin(), part.points.end());
  cycle.slots.clear();
  for (auto& read : coalesce(map_.points, wanted, settings_.merge))
    cycle.slots.push_back({std::move(read), 0, {}});
}

MonoTime UnitState::due() const {
  if (active_ != nullptr) return active_->due;
  auto first = MonoTime::max();
  for (const auto& cycle : cycles_) first = std::min(first, cycle.due);
  return online_ ? first : std::max(first, retry_at_);
}

Request UnitState::next(MonoTime now) {
  if (active_ == nullptr) {
    begin(*std::min_element(cycles_.begin(), cycles_.end(),
                            [](const Cycle& a, const Cycle& b) { return a.due < b.due; }),
          now);
  }
  const auto& read = active_->slots[slot_].read;
  return {settings_.unit,
          read.table,
          static_cast<std::uint16_t>(read.address),
          static_cast<std::uint16_t>(read.count),
          {},
          settings_.timeout};
}

void UnitState::begin(Cycle& cycle, MonoTime now) {
  if (std::exchange(cycle.plan_anew, false)) plan(cycle);
  active_ = &cycle;
  any_answer_ = false;
  if (now - cycle.due > cycle.settings->every) ++counts_.late;
  // All were refused and none is to be tried again yet: the one that is nearest is, so that a unit is seen.
  const auto open = [now](const Slot& slot) { return slot.not_before <= now; };
  auto at = std::find_if(cycle.slots.begin(), cycle.slots.end(), open);
  if (at == cycle.slots.end()) {
    at = std::min_element(cycle.slots.begin(), cycle.slots.end(),
                          [](const Slot& a, const Slot& b) { return a.not_before < b.not_before; });
  }
  slot_ = static_cast<std::size_t>(at - cycle.slots.begin());
}

std::vector<Report> UnitState::take(const Response& response, MonoTime now) {
  if (active_ == nullptr) return {};
  if (is_silence(response)) return silent(response.text, now);
  answered(now);
  auto& slot = active_->slots[slot_];
  if (response.outcome == Outcome::ok) {
    any_answer_ = true;
    slot.refused = 0;
    for (const auto point : slot.read.points) {
      const auto& row = map_.points[point];
      learn(point, std::span(response.values).subspan(row.address - slot.read.address, row.size), now);
    }
    return advance(now);
  }
  // It may be the addresses between that it does not have, or the length that it does not take.
  if (response.exception == kIllegalAddress || response.exception == kIllegalValue) {
    auto parts = split(map_.points, slot.read);
    if (!parts.empty()) {
      ++counts_.splits;
      const auto at = active_->slots.erase(active_->slots.begin() + static_cast<std::ptrdiff_t>(slot_));
      std::vector<Slot> slots;
      slots.reserve(parts.size());
      for (auto& part : parts) slots.push_back({std::move(part), 0, {}});
      active_->slots.insert(at, std::make_move_iterator(slots.begin()), std::make_move_iterator(slots.end()));
      return {};
    }
  }
  refused(response, now);
  return advance(now);
}

void UnitState::refused(const Response& response, MonoTime now) {
  auto& slot = active_->slots[slot_];
  spoil(slot.read.points, response.text, now);
  // A unit that is busy is not wrong about its registers.
  if (response.exception > kIllegalValue) return;
  const auto wait = kRefusedFirst * (1 << std::min(slot.refused, 10U));
  slot.not_before = now + std::min<Duration>(wait, kRefusedMost);
  ++slot.refused;
}

std::vector<Report> UnitState::advance(MonoTime now) {
  do {
    ++slot_;
  } while (slot_ < active_->slots.size() && active_->slots[slot_].not_before > now);
  return slot_ < active_->slots.size() ? std::vector<Report>{} : finish(now);
}

std::vector<Report> UnitState::finish(MonoTime now) {
  auto& cycle = *std::exchange(active_, nullptr);
  ++counts_.cycles;
  // From when it was due, so that a slow bus does not make it slower; what was missed is not made up for.
  cycle.due = std::max(cycle.due + cycle.settings->every, now);
  std::vector<Report> reports;
  for (const auto& part : cycle.settings->parts) {
    const bool always = any_answer_ && !map_.groups[part.group].on_change;
    if (always || changed(part.points)) reports.push_back(report(part.group, part.points));
  }
  return reports;
}

std::vector<Report> UnitState::silent(const std::string& why, MonoTime now) {
  active_ = nullptr;
  online_ = false;
  auto shortest = Duration::max();
  for (const auto& cycle : cycles_) shortest = std::min(shortest, cycle.settings->every);
  // Never sooner than an answer that is late could still come.
  const auto wait = std::max(shortest, settings_.timeout) * (1LL << std::min(failures_, 16U));
  ++failures_;
  retry_at_ = now + std::min<Duration>(wait, std::max(settings_.most_apart, settings_.timeout));
  return spoil_all(why, now);
}

void UnitState::answered(MonoTime now) {
  failures_ = 0;
  if (std::exchange(online_, true)) return;
  // It may be another one now, or it has started anew: what it refused is forgotten, and all is due.
  for (auto& cycle : cycles_) {
    cycle.plan_anew = true;
    if (&cycle != active_) cycle.due = now;
  }
}

std::vector<Report> UnitState::heard(const Response& response, MonoTime now) {
  if (is_silence(response)) return silent(response.text, now);
  answered(now);
  return {};
}

std::vector<Report> UnitState::line_lost(const std::string& why, MonoTime now) {
  active_ = nullptr;
  for (auto& cycle : cycles_) cycle.due = now;
  retry_at_ = now;
  return spoil_all(why, now);
}

void UnitState::learn(std::size_t point, std::span<const std::uint16_t> raw, MonoTime now) {
  auto decoded = decode(map_.points[point], raw);
  auto& state = states_[point];
  state.quality = decoded.good() ? Quality::good : Quality::bad;
  state.value = std::move(decoded.value);
  state.reason = std::move(decoded.reason);
  state.known = state.quality == Quality::good;
  state.read_at = now;
}

void UnitState::spoil(const std::vector<std::size_t>& points, const std::string& why, MonoTime now) {
  for (const auto point : points) {
    auto& state = states_[point];
    const bool usable = state.known && now - state.read_at <= settings_.stale_after;
    state.quality = usable ? Quality::stale : Quality::bad;
    state.reason = why;
    if (usable) continue;
    state.known = false;
    state.value = nullptr;
  }
}

std::vector<Report> UnitState::spoil_all(const std::string& why, MonoTime now) {
  std::vector<Report> reports;
  for (std::size_t group = 0; group < map_.groups.size(); ++group) {
    const auto& points = map_.groups[group].points;
    spoil(points, why, now);
    if (changed(points)) reports.push_back(report(group, points));
  }
  return reports;
}

bool UnitState::changed(const std::vector<std::size_t>& points) const {
  return std::any_of(points.begin(), points.end(),
                     [this](std::size_t point) { return !(states_[point] == published_[point]); });
}

Report UnitState::report(std::size_t group, std::vector<std::size_t> points) {
  for (const auto point : points) published_[point] = states_[point];
  return {group, std::move(points)};
}

}  // namespace sluice::modbus
