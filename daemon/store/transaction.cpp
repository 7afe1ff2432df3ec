#include "store/transaction.hpp"

#include <algorithm>

#include "store/crc32c.hpp"

namespace sluice::store {

void Transaction::write_names(const Job& job) {
  for (const auto& [id, text] : job.names) {
    sql_.put_name.with(id, std::string_view(text), row_crc(kNameSpace, std::to_string(id), text)).run();
  }
  if (moment_.boot_offset_ms) sql_.put_boot_offset.with(*moment_.boot_offset_ms, moment_.boot).run();
}

void Transaction::write_states(const Job& job) {
  for (const auto& change : job.states) {
    if (change.value) {
      sql_.put_state
          .with(change.space, std::string_view(change.key), std::string_view(*change.value),
                row_crc(change.space, change.key, *change.value))
          .run();
    } else {
      sql_.delete_state.with(change.space, std::string_view(change.key)).run();
    }
  }
}

void Transaction::insert(Chunk& chunk) {
  chunk.crc = chunk.checksum();
  sql_.insert_chunk
      .with(chunk.id(), chunk.count, chunk.data.size(), chunk.min_expiry, chunk.max_expiry, chunk.wall_ms,
            chunk.boot, chunk.crc, chunk.data.view())
      .run();
  delta.queue(chunk.queue, chunk.count, static_cast<std::int64_t>(chunk.data.size()));
  auto& fresh = touched_[chunk.id()];
  fresh.count = chunk.count;
  fresh.bytes = chunk.data.size();
}

void Transaction::write_chunks(const Job& job) {
  if (bounds_.drop_oldest) make_room(job.bytes);
  for (const auto& chunk : job.chunks) {
    insert(*chunk);
    delta.accepted += chunk->count;
  }
  next_sequence_ = std::max(next_sequence_, job.next_sequence);
  // Only a batch larger than the whole store loses something of itself.
  if (bounds_.drop_oldest && job.bytes > bounds_.max_bytes) make_room(0);
  delta.accepted += job.counted.accepted;
  for (const auto& [key, change] : job.counted.ledger) {
    auto& sum = delta.ledger[key];
    if (sum.first_ms == 0) sum.first_ms = change.first_ms;
    sum.last_ms = std::max(sum.last_ms, change.last_ms);
    sum.count += change.count;
    sum.bytes += change.bytes;
  }
}

ChunkState& Transaction::state(ChunkId id) {
  const auto [it, fresh] = touched_.try_emplace(id);
  if (!fresh) return it->second;
  if (const auto known = cache_.states.find(id); known != cache_.states.end())
    return it->second = known->second;
  Query row(sql_.chunk_head.with(id));
  if (row.step()) {
    it->second.count = static_cast<std::uint32_t>(row.number(0));
    it->second.bytes = static_cast<std::uint64_t>(row.number(1));
    it->second.stored_marks = !row.null(2);
    it->second.gone = Marks(row.bytes(2));
  } else {
    it->second.missing = true;
    gone.push_back(id);  // so that the loop forgets it too
  }
  return it->second;
}

bool Transaction::mark(ChunkId id, ChunkState& s, std::uint32_t index) {
  if (s.missing || index >= s.count) return false;
  const auto before = s.live_bytes();
  if (!s.gone.mark(index)) return false;
  s.dirty = true;
  delta.queue(queue_of(id), -1, -static_cast<std::int64_t>(before - s.live_bytes()));
  return true;
}

void Transaction::take_away(ChunkId id, ChunkState& s) {
  sql_.delete_chunk.with(id).run();
  if (s.stored_marks) sql_.delete_ack.with(id).run();
  s.missing = true;
  s.dirty = false;
  gone.push_back(id);
}

void Transaction::write_removals(const Job& job) {
  for (const ChunkId id : job.damaged) end_chunk(id, LedgerReason::damaged);
  ChunkState* s = nullptr;
  ChunkId last = 0;
  for (const auto& removal : job.removals) {
    if (s == nullptr || removal.chunk != last) s = &state(last = removal.chunk);
    if (!mark(last, *s, removal.index)) continue;
    if (removal.reason == LedgerReason{}) {
      ++delta.delivered;
      continue;
    }
    const auto& open = opened(removal.chunk);
    if (removal.index < open.records.size()) {
      const auto& [record, size] = open.records[removal.index];
      delta.ledge(record.device, removal.reason, 1, static_cast<std::int64_t>(size), moment_.wall_ms);
    } else {
      delta.ledge(0, LedgerReason::damaged, 1, 0, moment_.wall_ms);
    }
  }
  for (const auto& aside : job.set_asides) {
    auto& chunk_state = state(aside.chunk);
    if (!mark(aside.chunk, chunk_state, aside.index)) continue;
    const auto& open = opened(aside.chunk);
    if (aside.index < open.records.size()) {
      const auto& [record, size] = open.records[aside.index];
      bury(record, lane_of(queue_of(aside.chunk)), priority_of(queue_of(aside.chunk)), size, aside.reason);
    } else {
      delta.ledge(0, LedgerReason::damaged, 1, 0, moment_.wall_ms);
    }
  }
  for (const auto& drop : job.lane_drops) {
    sql_.put_lane_drop.with(drop.lane, drop.before, static_cast<int>(drop.reason)).run();
  }
  for (auto& [id, touched] : touched_) {
    if (!touched.dirty) continue;
    if (touched.live() == 0) {
      take_away(id, touched);
    } else {
      sql_.put_ack.with(id, touched.gone.bytes()).run();
      touched.stored_marks = true;
      touched.dirty = false;
    }
  }
}

void Transaction::write_accounts() {
  const auto put = [this](CounterId id, std::uint64_t value) {
    sql_.put_counter.with(static_cast<std::int64_t>(id), value, 0).run();
  };
  if (delta.accepted != 0)
    put(CounterId::accepted, accounts_.totals.accepted + static_cast<std::uint64_t>(delta.accepted));
  if (delta.delivered != 0)
    put(CounterId::delivered, accounts_.totals.delivered + static_cast<std::uint64_t>(delta.delivered));
  if (delta.letters != 0)
    put(CounterId::letters, accounts_.totals.dead_letters + static_cast<std::uint64_t>(delta.letters));
  if (next_sequence_ != cache_.next_sequence) put(CounterId::next_sequence, next_sequence_);
  if (next_letter_ != cache_.next_letter) put(CounterId::next_letter, next_letter_);
  put(CounterId::store_seconds, moment_.now);
  put(CounterId::wall_seconds, static_cast<std::uint64_t>(moment_.wall_seconds));
  put(CounterId::boot_seconds, static_cast<std::uint64_t>(moment_.boot_seconds));
  put(CounterId::boot, moment_.boot);
  for (const auto& [queue, change] : delta.depths) {
    const auto depth = accounts_.depth(queue, &delta);
    const auto id = static_cast<std::int64_t>(CounterId::depth) + queue;
    if (depth.count == 0) {
      sql_.delete_counter.with(id).run();
    } else {
      sql_.put_counter.with(id, depth.count, depth.bytes).run();
    }
  }
  for (const auto& [key, change] : delta.ledger) {
    const auto row = accounts_.row(key, delta);
    if (row.count == 0) {
      sql_.delete_ledger.with(key.first, static_cast<int>(key.second)).run();
    } else {
      sql_.put_ledger
          .with(key.first, static_cast<int>(key.second), row.count, row.bytes, row.first_ms, row.last_ms)
          .run();
    }
  }
}

void Transaction::committed() {
  constexpr std::size_t kMostStates = 8192;
  cache_.next_sequence = next_sequence_;
  cache_.next_letter = next_letter_;
  if (cache_.states.size() > kMostStates) cache_.states.clear();
  for (auto& [id, touched] : touched_) {
    if (touched.missing) {
      cache_.states.erase(id);
    } else {
      cache_.states[id] = std::move(touched);
    }
  }
}

}  // namespace sluice::store
