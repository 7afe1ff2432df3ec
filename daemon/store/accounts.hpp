// The books: accepted = delivered + queued + ledger. The store thread keeps the true copy and writes what
// changed in the same transaction as the change itself; the loop keeps a second copy by applying the same
// Deltas.
#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "store/chunk.hpp"

namespace sluice::store {

// Rows of the table `counter`; documented values, on disk. From `depth` on: depth + QueueKey.
enum class CounterId : std::int64_t {
  accepted = 0,
  delivered = 1,
  next_sequence = 2,
  next_letter = 3,
  letters = 4,
  store_seconds = 5,  // StoreSeconds at the last commit, and then:
  wall_seconds = 6,   // the wall clock; 0: not plausible
  boot_seconds = 7,   // time since boot
  boot = 8,           // the boot (row of `boot`) that this was in
  depth = 16,
};

using LedgerKey = std::pair<NameId, LedgerReason>;

// What one transaction changes.
struct Delta {
  struct Change {
    std::int64_t count = 0, bytes = 0;
    std::int64_t first_ms = 0, last_ms = 0;  // ledger only
  };
  std::int64_t accepted = 0, delivered = 0, letters = 0;
  std::unordered_map<QueueKey, Change> depths;
  std::map<LedgerKey, Change> ledger;

  void queue(QueueKey queue, std::int64_t count, std::int64_t bytes) {
    auto& change = depths[queue];
    change.count += count;
    change.bytes += bytes;
  }
  void ledge(NameId device, LedgerReason reason, std::int64_t count, std::int64_t bytes,
             std::int64_t wall_ms);
  bool empty() const {
    return accepted == 0 && delivered == 0 && letters == 0 && depths.empty() && ledger.empty();
  }
};

struct Depth {
  std::uint64_t count = 0, bytes = 0;
};

class Accounts {
 public:
  void apply(const Delta& delta);

  // What a row would be after the delta.
  Depth depth(QueueKey queue, const Delta* delta = nullptr) const;
  LedgerRow row(const LedgerKey& key, const Delta& delta) const;
  std::uint64_t queued_bytes(const Delta& delta) const;

  bool balanced() const;  // the equation
  std::vector<LaneDepth> depths() const;
  std::vector<LedgerRow> ledger() const;
  std::uint64_t queued(LaneId lane) const;

  Totals totals;
  std::unordered_map<QueueKey, Depth> queues;  // none that is empty
  std::map<LedgerKey, LedgerRow> rows;
};

}  // namespace sluice::store
