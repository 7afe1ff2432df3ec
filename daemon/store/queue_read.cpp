// Reading: from the tail in memory when it has the whole of what is asked for, from the disk otherwise. What
// has gone since, and what has expired, is left out here, on the loop, where the newest is known.
#include <algorithm>
#include <utility>

#include "store/queue_store.hpp"

namespace sluice::store {

void QueueStore::read(const Range& range, std::size_t max_bytes, std::function<void(result<Batch>)> done) {
  serve({range, max_bytes, std::move(done)});
}

void QueueStore::serve(Pending p) {
  if (closed_) return post([done = std::move(p.done)] { done(Error{errc::closed, "the store is closed"}); });
  const auto queue = queue_key(p.range.lane, p.range.priority);
  if (const auto it = dropped_before_.find(p.range.lane); it != dropped_before_.end()) {
    p.range.after = std::max(p.range.after, record_id(it->second, 0) - 1);
  }
  if (accounts_.depth(queue).count == 0 || p.range.before <= p.range.after + 1)
    return finish_read(std::move(p), {}, {});

  Batch batch;
  std::size_t bytes = 0;
  std::uint64_t seen = p.range.after;
  std::vector<RecordKey> expired;
  if (const auto* chunks = tail_.above(queue, p.range.after)) {
    ++tail_hits_;
    auto at = std::lower_bound(chunks->begin(), chunks->end(), p.range.after >> kIndexBits,
                               [](const ChunkPtr& c, Sequence s) { return c->sequence < s; });
    for (; at != chunks->end() && !batch.more; ++at)
      batch.more = !collect(*at, p, batch, bytes, seen, expired);
    return finish_read(std::move(p), std::move(batch), expired);
  }
  // A reader that takes less than a chunk at a time gets the rest of it from memory.
  const ChunkId wanted = chunk_id(queue, p.range.after >> kIndexBits);
  const auto kept = std::find_if(read_last_.begin(), read_last_.end(),
                                 [&](const ChunkPtr& c) { return c->id() == wanted; });
  if (kept != read_last_.end() && index_of(p.range.after) != kMaxRecords - 1) {
    collect(*kept, p, batch, bytes, seen, expired);
    if (!batch.records.empty()) {
      batch.more = true;  // perhaps only in the next chunk; an empty batch will tell
      return finish_read(std::move(p), std::move(batch), expired);
    }
    drop(expired, LedgerReason::expired);
    p.range.after = std::max(p.range.after, record_id(p.range.after >> kIndexBits, kMaxRecords - 1));
    return serve(std::move(p));
  }
  ++disk_reads_;
  const Sequence from = (p.range.after >> kIndexBits) + (index_of(p.range.after) == kMaxRecords - 1 ? 1 : 0);
  const Sequence to = std::min(kMaxSequence, (p.range.before - 1) >> kIndexBits);
  auto shared = std::make_shared<Pending>(std::move(p));
  worker_.read([this, queue, from, to, shared]() -> Worker::Reply {
    auto found = std::make_shared<DiskRead>();
    if (file_->closing) {
      found->error = Error{errc::closed, "the store is closed"};
    } else {
      *found = file_->writer.read(queue, from, to, std::max<std::size_t>(shared->max_bytes, 1));
    }
    return [this, shared, found] { serve_disk(std::move(*shared), std::move(*found)); };
  });
}

void QueueStore::serve_disk(Pending p, DiskRead found) {
  if (found.error) {
    if (found.error->code == errc::corrupt) die(*found.error);
    return p.done(*found.error);
  }
  for (const ChunkId id : found.damaged) {
    if (!damaged_.insert(id).second) continue;
    log_.error("chunk {:#x} of queue.db fails its checksum: its readings are lost and counted as damaged",
               id);
    open_.job().damaged.push_back(id);
    later();
  }
  Batch batch;
  std::size_t bytes = 0;
  std::uint64_t seen = p.range.after;
  std::vector<RecordKey> expired;
  for (auto& piece : found.pieces) {
    if (!piece.gone.empty()) gone_.try_emplace(piece.chunk->id(), std::move(piece.gone));
    if (!collect(piece.chunk, p, batch, bytes, seen, expired)) {
      batch.more = true;
      remember_read(piece.chunk);
      break;
    }
  }
  batch.more = batch.more || found.more;
  if (batch.records.empty() && batch.more) {
    drop(expired, LedgerReason::expired);
    p.range.after = seen;
    return serve(std::move(p));
  }
  auto done = std::move(p.done);
  drop(expired, LedgerReason::expired);
  done(std::move(batch));
}

bool QueueStore::collect(const ChunkPtr& chunk, const Pending& p, Batch& batch, std::size_t& bytes,
                         std::uint64_t& seen, std::vector<RecordKey>& expired) {
  const auto marks = gone_.find(chunk->id());
  const StoreSeconds now = chunk->min_expiry == kNever ? kNever : time_.now();
  RecordReader reader(*chunk);
  const auto before = batch.records.size();
  bool room = true;
  for (Record record; reader.next(record);) {
    const auto id = record.key.id;
    if (id <= p.range.after) continue;
    if (id >= p.range.before) break;
    if (marks != gone_.end() && marks->second.marked(index_of(id))) {
      seen = id;
      continue;
    }
    if (record.expires != kNever && record.expires <= now) {
      expired.push_back(record.key);
      seen = id;
      continue;
    }
    const auto size = reader.last_size();
    if (!batch.records.empty() && bytes + size > p.max_bytes) {
      room = false;
      break;
    }
    bytes += size;
    seen = id;
    time_.correct(chunk->boot, record.wall_ms, record.wall_is_plausible);
    batch.records.push_back(record);
  }
  if (room && chunk->sequence < p.range.before >> kIndexBits)
    seen = record_id(chunk->sequence, kMaxRecords - 1);
  if (batch.records.size() != before) batch.keep_alive.push_back(chunk);
  return room;
}

void QueueStore::finish_read(Pending p, Batch batch, const std::vector<RecordKey>& expired) {
  drop(expired, LedgerReason::expired);
  post([done = std::move(p.done), b = std::make_shared<Batch>(std::move(batch))] { done(std::move(*b)); });
}

void QueueStore::remember_read(const ChunkPtr& chunk) {
  constexpr std::size_t kMost = 16;
  if (std::find(read_last_.begin(), read_last_.end(), chunk) != read_last_.end()) return;
  read_last_.push_back(chunk);
  if (read_last_.size() > kMost) read_last_.pop_front();
}

}  // namespace sluice::store
