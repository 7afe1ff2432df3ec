// The batch that grows on the loop while the last one is being committed: a Job in the making. Appending
// encodes the reading straight into its chunk; that is the only copy made of it.
#pragma once

#include <unordered_map>

#include "store/job.hpp"

namespace sluice::store {

class OpenBatch {
 public:
  // `stamp_ms`, `expires`: as they are to be stored. `boot`: StoreTime::boot_to_note().
  void add(const Append& append, StoreSeconds expires, std::int64_t stamp_ms, std::uint32_t boot);
  // Numbers the chunks from `next` on and gives the batch away; a new one begins.
  std::shared_ptr<Job> take(Ticket ticket, Sequence next);

  // What is added from now on goes into new chunks.
  void seal();

  Job& job() { return *job_; }
  const Job& job() const { return *job_; }
  bool empty() const { return !job_->eager && !job_->lazy; }

 private:
  Chunk& chunk_for(QueueKey queue, std::uint32_t boot);

  std::shared_ptr<Job> job_ = std::make_shared<Job>();
  std::unordered_map<QueueKey, Chunk*> growing_;
  Chunk* last_ = nullptr;  // the chunk of the last append
};

}  // namespace sluice::store
