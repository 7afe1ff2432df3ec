#include "store/accounts.hpp"

#include <algorithm>

namespace sluice::store {
namespace {

std::uint64_t plus(std::uint64_t value, std::int64_t change) {
  const auto sum = static_cast<std::int64_t>(value) + change;
  return sum < 0 ? 0 : static_cast<std::uint64_t>(sum);
}

LedgerRow sum(LedgerRow row, const LedgerKey& key, const Delta::Change& change) {
  row.device = key.first;
  row.reason = key.second;
  if (row.count == 0) row.first_ms = change.first_ms;
  if (change.count > 0) row.last_ms = std::max(row.last_ms, change.last_ms);
  row.count = plus(row.count, change.count);
  row.bytes = plus(row.bytes, change.bytes);
  return row;
}

}  // namespace

void Delta::ledge(NameId device, LedgerReason reason, std::int64_t count, std::int64_t bytes,
                  std::int64_t wall_ms) {
  auto& change = ledger[{device, reason}];
  if (change.first_ms == 0) change.first_ms = wall_ms;
  change.last_ms = wall_ms;
  change.count += count;
  change.bytes += bytes;
}

Depth Accounts::depth(QueueKey queue, const Delta* delta) const {
  Depth depth;
  if (const auto it = queues.find(queue); it != queues.end()) depth = it->second;
  if (delta == nullptr) return depth;
  if (const auto it = delta->depths.find(queue); it != delta->depths.end()) {
    depth.count = plus(depth.count, it->second.count);
    depth.bytes = plus(depth.bytes, it->second.bytes);
  }
  return depth;
}

LedgerRow Accounts::row(const LedgerKey& key, const Delta& delta) const {
  LedgerRow row;
  if (const auto it = rows.find(key); it != rows.end()) row = it->second;
  if (const auto it = delta.ledger.find(key); it != delta.ledger.end()) row = sum(row, key, it->second);
  return row;
}

std::uint64_t Accounts::queued_bytes(const Delta& delta) const {
  std::int64_t change = 0;
  for (const auto& [queue, d] : delta.depths) change += d.bytes;
  return plus(totals.queued_bytes, change);
}

void Accounts::apply(const Delta& delta) {
  totals.accepted = plus(totals.accepted, delta.accepted);
  totals.delivered = plus(totals.delivered, delta.delivered);
  totals.dead_letters = plus(totals.dead_letters, delta.letters);
  for (const auto& [queue, change] : delta.depths) {
    totals.queued = plus(totals.queued, change.count);
    totals.queued_bytes = plus(totals.queued_bytes, change.bytes);
    auto& depth = queues[queue];
    depth.count = plus(depth.count, change.count);
    depth.bytes = plus(depth.bytes, change.bytes);
    if (depth.count == 0) queues.erase(queue);
  }
  for (const auto& [key, change] : delta.ledger) {
    auto& row = rows[key];
    row = sum(row, key, change);
    if (row.count == 0) rows.erase(key);
  }
}

bool Accounts::balanced() const {
  std::uint64_t sum_of_ledger = 0, queued = 0;
  for (const auto& [key, row] : rows) sum_of_ledger += row.count;
  for (const auto& [queue, depth] : queues) queued += depth.count;
  return queued == totals.queued && totals.accepted == totals.delivered + totals.queued + sum_of_ledger;
}

std::vector<LaneDepth> Accounts::depths() const {
  std::vector<LaneDepth> list;
  list.reserve(queues.size());
  for (const auto& [queue, depth] : queues)
    list.push_back({lane_of(queue), priority_of(queue), depth.count, depth.bytes});
  std::sort(list.begin(), list.end(), [](const LaneDepth& a, const LaneDepth& b) {
    return queue_key(a.lane, a.priority) < queue_key(b.lane, b.priority);
  });
  return list;
}

std::vector<LedgerRow> Accounts::ledger() const {
  std::vector<LedgerRow> list;
  list.reserve(rows.size());
  for (const auto& [key, row] : rows) list.push_back(row);
  return list;
}

std::uint64_t Accounts::queued(LaneId lane) const {
  std::uint64_t n = 0;
  for (Priority p = 0; p <= kHighestPriority; ++p) n += depth(queue_key(lane, p)).count;
  return n;
}

}  // namespace sluice::store
