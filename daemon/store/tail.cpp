#include "store/tail.hpp"

#include <algorithm>

namespace sluice::store {
namespace {

auto find(const std::deque<ChunkPtr>& chunks, Sequence sequence) {
  return std::lower_bound(chunks.begin(), chunks.end(), sequence,
                          [](const ChunkPtr& c, Sequence s) { return c->sequence < s; });
}

}  // namespace

void Tail::add(ChunkPtr chunk) {
  bytes_ += cost(*chunk);
  order_.push_back(chunk->id());
  auto& line = lines_.try_emplace(chunk->queue, Line{opened_at_ - 1, {}}).first->second;
  line.chunks.push_back(std::move(chunk));
  trim();
}

void Tail::trim() {
  while (bytes_ > most_bytes_ && !order_.empty()) {
    const ChunkId id = order_.front();
    order_.pop_front();
    auto& line = lines_.at(queue_of(id));
    const Sequence sequence = sequence_of(id);
    if (line.chunks.empty() || line.chunks.front()->sequence != sequence) {  // removed before
      --gone_in_order_;
      continue;
    }
    bytes_ -= cost(*line.chunks.front());
    line.chunks.pop_front();
    line.floor = std::max(line.floor, sequence);
  }
}

void Tail::remove(ChunkId id) {
  const auto it = lines_.find(queue_of(id));
  if (it == lines_.end()) return;
  auto& chunks = it->second.chunks;
  const auto at = find(chunks, sequence_of(id));
  if (at == chunks.end() || (*at)->sequence != sequence_of(id)) return;
  bytes_ -= cost(**at);
  chunks.erase(at);
  ++gone_in_order_;
  if (gone_in_order_ > 1024 && gone_in_order_ > order_.size() / 2) {
    std::erase_if(order_, [this](ChunkId old) {
      const auto& line = lines_.at(queue_of(old)).chunks;
      const auto found = find(line, sequence_of(old));
      return found == line.end() || (*found)->sequence != sequence_of(old);
    });
    gone_in_order_ = 0;
  }
}

const std::deque<ChunkPtr>* Tail::above(QueueKey queue, std::uint64_t after) const {
  static const std::deque<ChunkPtr> kNone;
  const auto it = lines_.find(queue);
  const Sequence floor = it == lines_.end() ? opened_at_ - 1 : it->second.floor;
  const Sequence first = (after >> kIndexBits) + (index_of(after) == kMaxRecords - 1 ? 1 : 0);
  if (first <= floor) return nullptr;
  return it == lines_.end() ? &kNone : &it->second.chunks;
}

}  // namespace sluice::store
