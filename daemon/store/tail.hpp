// The readings committed last, in memory, so that live reads do not touch the disk. Bounded in bytes; the
// oldest go first. Loop thread.
#pragma once

#include <deque>
#include <unordered_map>

#include "store/chunk.hpp"

namespace sluice::store {

class Tail {
 public:
  Tail(std::size_t most_bytes, Sequence opened_at) : most_bytes_(most_bytes), opened_at_(opened_at) {}

  void add(ChunkPtr chunk);
  void remove(ChunkId id);
  // The chunks of the queue that may hold ids above `after`, oldest first; nullptr when the disk has some
  // that the tail has not.
  const std::deque<ChunkPtr>* above(QueueKey queue, std::uint64_t after) const;
  std::size_t bytes() const { return bytes_; }

 private:
  struct Line {
    Sequence floor;               // everything of the queue above this sequence is here
    std::deque<ChunkPtr> chunks;  // by sequence
  };
  static std::size_t cost(const Chunk& chunk) { return chunk.data.capacity() + sizeof(Chunk) + 64; }
  void trim();

  std::size_t most_bytes_;
  Sequence opened_at_;  // every chunk below was there before we were
  std::size_t bytes_ = 0;
  std::unordered_map<QueueKey, Line> lines_;
  std::deque<ChunkId> order_;  // by age, with ids that have gone meanwhile
  std::size_t gone_in_order_ = 0;
};

}  // namespace sluice::store
