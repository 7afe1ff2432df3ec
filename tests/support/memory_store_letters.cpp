// The dead letters of the store in memory.
#include <algorithm>
#include <utility>

#include "tests/support/memory_store.hpp"

namespace sluice::test {

using namespace store;

result<Ticket> MemoryStore::append_dead_letter(const Append& a, std::string_view reason) {
  if (closed_) return Error{errc::closed, "the store is closed"};
  if (refusing_) return *refusing_;
  change(
      [this, held = hold(a), why = std::string(reason)] {
        ++totals_.accepted;
        bury(held, why);
      },
      true);
  return committed_ + 1;
}

void MemoryStore::bury(Held held, std::string reason) {
  ledge(held.device, LedgerReason::poison, held.size(), 1);
  letters_.emplace(next_letter_++, Letter{std::move(reason), std::move(held)});
  while (letters_.size() > options_.max_dead_letters) letters_.erase(letters_.begin());
  totals_.dead_letters = letters_.size();
}

void MemoryStore::dead_letters(std::uint64_t after_id, std::size_t limit,
                               std::function<void(result<std::vector<DeadLetter>>)> done) {
  std::vector<DeadLetter> list;
  for (auto it = letters_.upper_bound(after_id); it != letters_.end() && list.size() < limit; ++it) {
    const auto& r = it->second.record;
    list.push_back({it->first, r.lane, r.device, r.wall_ms, r.topic, it->second.reason, r.payload});
  }
  post([done = std::move(done), list = std::move(list)] { done(list); });
}

void MemoryStore::replay_dead_letter(std::uint64_t id, std::function<void(result<void>)> done) {
  change(
      [this, id, done = std::move(done)] {
        const auto it = letters_.find(id);
        if (it == letters_.end()) {
          return post([done, id] { done(Error{errc::not_found, "no dead letter " + std::to_string(id)}); });
        }
        Held held = it->second.record;
        held.expires = kNever;
        auto& row = ledger_[{held.device, LedgerReason::poison}];
        row.count -= std::min<std::uint64_t>(1, row.count);
        row.bytes -= std::min(held.size(), row.bytes);
        letters_.erase(it);
        totals_.dead_letters = letters_.size();
        lanes_.push_back(held.lane);
        enqueue(std::move(held));
        post([done] { done({}); });
      },
      true);
}

void MemoryStore::delete_dead_letter(std::uint64_t id, std::function<void(result<void>)> done) {
  change(
      [this, id, done = std::move(done)] {
        const bool found = letters_.erase(id) > 0;
        totals_.dead_letters = letters_.size();
        post([done, id, found] {
          if (found) return done({});
          done(Error{errc::not_found, "no dead letter " + std::to_string(id)});
        });
      },
      true);
}

void MemoryStore::set_aside(const RecordKey& key, std::string_view reason) {
  if (!hidden_.emplace(place(key), true).second) return;
  change(
      [this, key, why = std::string(reason)] {
        std::shared_ptr<const Held> held;
        if (take(key, &held)) bury(*held, why);
      },
      false);
}

}  // namespace sluice::test
