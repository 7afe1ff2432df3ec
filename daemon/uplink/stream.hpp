// A reader of one range of a lane's records (what is live, or the backlog) in the order in which they go to
// the cloud: priority 9 first, then by age. Reads ahead of the lane, bounded in bytes. Used by Lane; loop
// thread.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "core/message.hpp"
#include "store/store.hpp"
#include "uplink/batcher.hpp"

namespace sluice::uplink {

using PriorityMask = std::uint16_t;  // bit p: priority p

class Stream {
 public:
  // `wake` is called on the loop when a read that next() waits for has ended.
  Stream(store::Store& store, std::function<void()> wake) : store_(store), wake_(std::move(wake)) {}
  ~Stream() { close(); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Records with after < id < before; only of these priorities.
  void open(LaneId lane, std::uint64_t after, std::uint64_t before, PriorityMask priorities,
            std::size_t read_bytes);
  void close();
  bool is_open() const { return generation_ != nullptr; }
  // There may be new records.
  void touch(PriorityMask priorities);
  // The next record, or nothing: there is none, or a read is under way.
  std::optional<Drawn> next();
  // Nothing is buffered, being read, or known to be there.
  bool dry() const;

 private:
  struct Queue {
    std::deque<Drawn> records;
    std::size_t bytes = 0;
    std::uint64_t after = 0;
    bool maybe_more = false, reading = false, touched = false;
  };

  void read(Priority priority);
  void took(Priority priority, result<store::Batch> batch);

  store::Store& store_;
  std::function<void()> wake_;
  std::array<Queue, kHighestPriority + 1> queues_;
  std::shared_ptr<int> generation_;  // reads of an earlier range find it gone
  LaneId lane_ = 0;
  std::uint64_t before_ = UINT64_MAX;
  std::size_t read_bytes_ = 0;
};

}  // namespace sluice::uplink
