// Whole chunks that leave by policy (displaced, expired, dropped with their lane), and dead letters.
#include <algorithm>

#include "store/disk_chunk.hpp"
#include "store/transaction.hpp"

namespace sluice::store {

ChunkPtr Transaction::read_chunk(ChunkId id) {
  Query row(sql_.chunks.with(id, id));
  return row.step() ? chunk_from(row) : nullptr;
}

const Transaction::Opened& Transaction::opened(ChunkId id) {
  if (opened_.id == id) return opened_;
  opened_ = {id, read_chunk(id), {}};
  if (opened_.chunk) {
    RecordReader reader(*opened_.chunk);
    for (Record record; reader.next(record);) opened_.records.emplace_back(record, reader.last_size());
  }
  return opened_;
}

void Transaction::end_chunk(ChunkId id, LedgerReason reason) {
  auto& s = state(id);
  if (s.missing) return;
  const auto live = s.live();
  delta.queue(queue_of(id), -std::int64_t{live}, -static_cast<std::int64_t>(s.live_bytes()));
  std::uint32_t counted = 0;
  if (reason != LedgerReason::damaged) {
    const auto& open = opened(id);
    for (std::uint32_t i = 0; i < open.records.size() && counted < live; ++i) {
      if (s.gone.marked(i)) continue;
      const auto& [record, size] = open.records[i];
      delta.ledge(record.device, reason, 1, static_cast<std::int64_t>(size), moment_.wall_ms);
      ++counted;
    }
  }
  if (counted < live) {
    delta.ledge(0, LedgerReason::damaged, live - counted, static_cast<std::int64_t>(s.live_bytes()),
                moment_.wall_ms);
  }
  take_away(id, s);
}

std::optional<ChunkId> Transaction::first_chunk(QueueKey queue, Sequence from, Sequence before) {
  if (from >= before) return {};
  Query row(sql_.chunk_ids.with(chunk_id(queue, from), chunk_id(queue, before - 1), 1));
  if (!row.step()) return {};
  return row.number(0);
}

// The oldest chunk of the lowest priority over all lanes. `oldest` holds a lower bound for each queue, so
// that only the queue that looks oldest is asked, and asked again when its bound proves stale.
std::optional<ChunkId> Transaction::victim() {
  unsigned rank = 0;
  bool any = false;
  const auto consider = [&](QueueKey queue) {
    if (accounts_.depth(queue, &delta).count == 0) return;
    any = true;
    rank = std::max(rank, queue & 15U);
  };
  for (const auto& [queue, depth] : accounts_.queues) consider(queue);
  for (const auto& [queue, change] : delta.depths) consider(queue);
  if (!any) return {};
  while (true) {
    std::optional<QueueKey> best;
    const auto compare = [&](QueueKey queue) {
      if ((queue & 15U) != rank || accounts_.depth(queue, &delta).count == 0) return;
      if (!best || cache_.oldest[queue] < cache_.oldest[*best]) best = queue;
    };
    for (const auto& [queue, depth] : accounts_.queues) compare(queue);
    for (const auto& [queue, change] : delta.depths) compare(queue);
    if (!best) return {};
    auto& bound = cache_.oldest[*best];
    const auto found = first_chunk(*best, bound, kMaxSequence + 1);
    if (!found) return {};  // the books say otherwise: damaged; the next start finds out
    if (sequence_of(*found) == bound) return found;
    bound = sequence_of(*found);
  }
}

void Transaction::make_room(std::uint64_t incoming) {
  while (accounts_.queued_bytes(delta) + incoming > bounds_.max_bytes) {
    const auto id = victim();
    if (!id) return;
    end_chunk(*id, LedgerReason::displaced);
  }
}

bool Transaction::drop_lanes(std::size_t chunks) {
  LaneDrop drop;
  {
    Query row(sql_.lane_drops);
    if (!row.step()) return false;
    drop = {static_cast<LaneId>(row.number(0)), static_cast<Sequence>(row.number(1)),
            static_cast<LedgerReason>(row.number(2))};
  }
  for (int p = kHighestPriority; p >= 0; --p) {
    const auto queue = queue_key(drop.lane, static_cast<Priority>(p));
    Sequence from = 0;
    while (const auto id = first_chunk(queue, from, drop.before)) {
      if (chunks-- == 0) return true;
      end_chunk(*id, drop.reason);
      from = sequence_of(*id) + 1;
    }
  }
  sql_.delete_lane_drop.with(drop.lane).run();
  return true;  // perhaps another lane
}

void Transaction::expire(const std::vector<ChunkId>& chunks) {
  for (const ChunkId id : chunks) end_chunk(id, LedgerReason::expired);
}

void Transaction::bury(const Record& r, LaneId lane, Priority priority, std::uint64_t bytes,
                       std::string_view reason) {
  while (accounts_.totals.dead_letters + static_cast<std::uint64_t>(delta.letters) >=
         std::max<std::uint64_t>(1, bounds_.max_dead_letters)) {
    std::int64_t oldest = 0;
    {
      Query row(sql_.oldest_letter);
      if (!row.step()) break;
      oldest = row.number(0);
    }
    sql_.delete_letter.with(oldest).run();
    --delta.letters;
  }
  sql_.put_letter
      .with(next_letter_++, lane, priority, r.device, r.route, r.wall_ms, bytes, r.topic, reason,
            r.properties, r.payload)
      .run();
  ++delta.letters;
  delta.ledge(r.device, LedgerReason::poison, 1, static_cast<std::int64_t>(bytes), moment_.wall_ms);
}

void Transaction::write_letters(Job& job) {
  for (const auto& letter : job.letters) {
    Record record;
    record.device = letter.device;
    record.route = letter.route;
    record.wall_ms = letter.wall_ms;
    record.topic = letter.topic;
    record.payload = letter.payload;
    record.properties = letter.properties;
    const auto bytes = letter.topic.size() + letter.payload.size() + letter.properties.size();
    ++delta.accepted;
    bury(record, letter.lane, letter.priority, bytes, letter.reason);
  }
  for (auto& order : job.orders) obey(order);
}

void Transaction::obey(LetterOrder& order) {
  std::shared_ptr<Chunk> chunk;
  {
    Query row(sql_.letter.with(order.id));
    order.found = row.step();
    if (!order.found) return;
    if (order.replay_as != 0) {
      Append append;
      append.lane = static_cast<LaneId>(row.number(0));
      append.priority = static_cast<Priority>(row.number(1));
      append.device = static_cast<NameId>(row.number(2));
      append.route = static_cast<NameId>(row.number(3));
      append.topic = row.bytes(6);
      append.properties = row.bytes(7);
      append.payload = row.bytes(8);
      chunk = std::make_shared<Chunk>();
      chunk->queue = queue_key(append.lane, append.priority);
      chunk->sequence = order.replay_as;
      add_record(*chunk, append, kNever, row.number(4));
      delta.ledge(append.device, LedgerReason::poison, -1, -row.number(5), moment_.wall_ms);
    }
  }
  if (chunk) {
    insert(*chunk);
    replayed.push_back(std::move(chunk));
  }
  sql_.delete_letter.with(order.id).run();
  --delta.letters;
}

}  // namespace sluice::store
