// Readings travel to the disk in chunks: the records of one commit for one lane and priority, encoded one
// behind the other, are one row of the table `chunk`. Its rowid carries lane, priority and age, so that the
// order of sending is a range of the primary key and needs no index.
//
//   rowid   lane:18 | 9 - priority:4 | sequence:41        record id = sequence << 12 | index in the chunk
//   record  device route expires wall-delta(ms, zigzag) |topic| |payload| |properties| (varints) then the
//   bytes
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "store/store.hpp"

namespace sluice::store {

using ChunkId = std::int64_t;    // rowid
using Sequence = std::uint64_t;  // of a chunk, rising over all lanes, from 1
using QueueKey = std::uint32_t;  // lane << 4 | 9 - priority: one queue; the order of keys is that of sending

inline constexpr unsigned kSequenceBits = 41, kIndexBits = 12;
inline constexpr Sequence kMaxSequence = (Sequence{1} << kSequenceBits) - 1;
inline constexpr std::uint32_t kMaxRecords = 1U << kIndexBits;  // in a chunk
inline constexpr LaneId kMaxLane = (1U << 18) - 1;
inline constexpr std::size_t kChunkBytes = 48 * 1024;  // a chunk this large is sealed
inline constexpr std::size_t kMaxRecordBytes = 16U << 20;

inline QueueKey queue_key(LaneId lane, Priority priority) { return lane << 4 | (9U - priority); }
inline LaneId lane_of(QueueKey queue) { return queue >> 4; }
inline Priority priority_of(QueueKey queue) { return static_cast<Priority>(9U - (queue & 15U)); }
inline ChunkId chunk_id(QueueKey queue, Sequence sequence) {
  return static_cast<ChunkId>(std::uint64_t{queue} << kSequenceBits | sequence);
}
inline QueueKey queue_of(ChunkId id) {
  return static_cast<QueueKey>(static_cast<std::uint64_t>(id) >> kSequenceBits);
}
inline Sequence sequence_of(ChunkId id) { return static_cast<Sequence>(id) & kMaxSequence; }
inline ChunkId chunk_of(const RecordKey& key) {
  return chunk_id(queue_key(key.lane, key.priority), key.id >> kIndexBits);
}
inline std::uint32_t index_of(std::uint64_t record_id) { return record_id & (kMaxRecords - 1); }
inline std::uint64_t record_id(Sequence sequence, std::uint32_t index) {
  return sequence << kIndexBits | index;
}

// Growing bytes without std::string's zeroing.
class Buffer {
 public:
  char* grow(std::size_t by);  // room for `by` more; where to write
  void advance_to(const char* end) { size_ = static_cast<std::size_t>(end - data_.get()); }
  void assign(std::string_view bytes);
  void shrink();  // gives back more than a quarter of slack
  std::string_view view() const { return {data_.get(), size_}; }
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }

 private:
  struct Free {
    void operator()(char* p) const { std::free(p); }
  };
  std::unique_ptr<char, Free> data_;
  std::size_t size_ = 0, capacity_ = 0;
};

struct Chunk {
  QueueKey queue = 0;
  Sequence sequence = 0;
  std::uint32_t count = 0;
  StoreSeconds min_expiry = kNever;  // the earliest of its records; kNever: none expires
  StoreSeconds max_expiry = kNever;  // the latest; kNever: some record never expires
  std::int64_t wall_ms = 0;          // base of the records' stamps; since boot when boot != 0
  std::uint32_t boot = 0;            // 0: the wall clock was known; else the row of `boot` to correct with
  std::uint32_t crc = 0;
  Buffer data;

  ChunkId id() const { return chunk_id(queue, sequence); }
  std::uint32_t checksum() const;  // over everything above but crc
};
using ChunkPtr = std::shared_ptr<const Chunk>;

// Encodes one record behind the others.
void add_record(Chunk& chunk, const Append& append, StoreSeconds expires, std::int64_t wall_ms);

// Walks a chunk's records in order.
class RecordReader {
 public:
  explicit RecordReader(const Chunk& chunk)
      : chunk_(chunk), at_(chunk.data.view().data()), end_(at_ + chunk.data.size()) {}
  // False at the end or where the bytes make no sense. `record`'s views point into the chunk; wall_ms is the
  // chunk's (uncorrected).
  bool next(Record& record);
  std::size_t last_size() const { return last_size_; }  // encoded bytes of the record that next() gave
  bool whole() const { return at_ == end_ && index_ == chunk_.count; }

 private:
  const Chunk& chunk_;
  const char* at_;
  const char* end_;
  std::uint32_t index_ = 0;
  std::size_t last_size_ = 0;
};

}  // namespace sluice::store
