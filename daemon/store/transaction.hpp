// The inside of one transaction: what a Job or a chore changes in queue.db, and the Delta that it makes in
// the books. Nothing of it counts until the caller has seen COMMIT succeed. Store thread; throws SqlFailure.
#pragma once

#include <unordered_map>

#include "store/job.hpp"
#include "store/queries.hpp"

namespace sluice::store {

struct ChunkState {
  std::uint32_t count = 0;
  std::uint64_t bytes = 0;
  Marks gone;
  bool stored_marks = false;  // there is a row in chunk_ack
  bool missing = false;       // there is no such chunk
  bool dirty = false;         // marks to be written

  std::uint32_t live() const { return count - gone.count(); }
  // A chunk's bytes shrink in proportion to its records: exact when whole and when empty.
  std::uint64_t live_bytes() const { return count == 0 ? 0 : bytes * live() / count; }
};

// What the store thread remembers between transactions. Bounded; all of it can be read again.
struct ChunkCache {
  std::unordered_map<ChunkId, ChunkState> states;
  std::unordered_map<QueueKey, Sequence> oldest;  // no chunk of this queue is older; a hint
  Sequence next_sequence = 1;
  std::uint64_t next_letter = 1;
};

struct Bounds {
  std::uint64_t max_bytes = 0;
  bool drop_oldest = false;
  std::uint64_t max_dead_letters = 0;
};

class Transaction {
 public:
  Transaction(Queries& sql, const Accounts& accounts, ChunkCache& cache, const Bounds& bounds,
              const Moment& moment)
      : sql_(sql),
        accounts_(accounts),
        cache_(cache),
        bounds_(bounds),
        moment_(moment),
        next_sequence_(cache.next_sequence),
        next_letter_(cache.next_letter) {}

  // A job's parts, in this order: names before what uses them, room before what needs it.
  void write_names(const Job& job);
  void write_states(const Job& job);
  void write_chunks(const Job& job);
  void write_letters(Job& job);
  void write_removals(const Job& job);
  void write_accounts();  // last

  // Chores. True: there is more to do.
  bool drop_lanes(std::size_t chunks);
  void expire(const std::vector<ChunkId>& chunks);

  // After COMMIT: the cache takes over what this transaction knows.
  void committed();
  Delta delta;
  GoneChunks gone;
  std::vector<std::shared_ptr<Chunk>> replayed;

 private:
  ChunkState& state(ChunkId id);
  ChunkPtr read_chunk(ChunkId id);  // null: unreadable or not there
  void insert(Chunk& chunk);
  void end_chunk(ChunkId id, LedgerReason reason);
  void take_away(ChunkId id, ChunkState& state);
  bool mark(ChunkId id, ChunkState& state, std::uint32_t index);
  void make_room(std::uint64_t incoming);
  std::optional<ChunkId> victim();
  std::optional<ChunkId> first_chunk(QueueKey queue, Sequence from, Sequence before);
  void bury(const Record& record, LaneId lane, Priority priority, std::uint64_t bytes,
            std::string_view reason);
  void obey(LetterOrder& order);

  struct Opened {  // the chunk that was decoded last
    ChunkId id = 0;
    ChunkPtr chunk;
    std::vector<std::pair<Record, std::size_t>> records;
  };
  const Opened& opened(ChunkId id);

  Queries& sql_;
  const Accounts& accounts_;
  ChunkCache& cache_;
  const Bounds& bounds_;
  const Moment& moment_;
  Sequence next_sequence_;
  std::uint64_t next_letter_;
  std::unordered_map<ChunkId, ChunkState> touched_;
  Opened opened_;
};

}  // namespace sluice::store
