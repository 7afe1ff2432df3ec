#include "store/open_batch.hpp"

#include <utility>

namespace sluice::store {

Chunk& OpenBatch::chunk_for(QueueKey queue, std::uint32_t boot) {
  Chunk* chunk = last_;
  if (chunk == nullptr || chunk->queue != queue) {
    const auto it = growing_.find(queue);
    chunk = it == growing_.end() ? nullptr : it->second;
  }
  if (chunk != nullptr && chunk->data.size() < kChunkBytes && chunk->count < kMaxRecords &&
      chunk->boot == boot) {
    return *chunk;
  }
  auto fresh = std::make_shared<Chunk>();
  fresh->queue = queue;
  fresh->boot = boot;
  job_->chunks.push_back(fresh);
  growing_[queue] = fresh.get();
  return *fresh;
}

void OpenBatch::add(const Append& append, StoreSeconds expires, std::int64_t stamp_ms, std::uint32_t boot) {
  Chunk& chunk = chunk_for(queue_key(append.lane, append.priority), boot);
  const auto before = chunk.data.size();
  add_record(chunk, append, expires, stamp_ms);
  job_->bytes += chunk.data.size() - before;
  job_->eager = true;
  last_ = &chunk;
}

void OpenBatch::seal() {
  growing_.clear();
  last_ = nullptr;
}

std::shared_ptr<Job> OpenBatch::take(Ticket ticket, Sequence next) {
  auto job = std::exchange(job_, std::make_shared<Job>());
  seal();
  job->ticket = ticket;
  job->first_sequence = next;
  for (auto& chunk : job->chunks) {
    chunk->sequence = next++;
    chunk->data.shrink();
  }
  for (auto& order : job->orders) {
    if (order.replay_as != 0) order.replay_as = next++;
  }
  job->next_sequence = next;
  return job;
}

}  // namespace sluice::store
