#include "uplink/stream.hpp"

#include <utility>
#include <vector>

namespace sluice::uplink {

void Stream::open(LaneId lane, std::uint64_t after, std::uint64_t before, PriorityMask priorities,
                  std::size_t read_bytes) {
  close();
  generation_ = std::make_shared<int>(0);
  lane_ = lane;
  before_ = before;
  read_bytes_ = read_bytes;
  for (auto& queue : queues_) queue.after = after;
  touch(priorities);
}

void Stream::close() {
  generation_.reset();
  for (auto& queue : queues_) queue = Queue{};
}

void Stream::touch(PriorityMask priorities) {
  if (!is_open()) return;
  for (std::size_t p = 0; p < queues_.size(); ++p) {
    if ((priorities >> p & 1) == 0) continue;
    queues_[p].maybe_more = true;
    queues_[p].touched = queues_[p].reading;
  }
}

std::optional<Drawn> Stream::next() {
  if (!is_open()) return std::nullopt;
  for (std::size_t i = queues_.size(); i-- > 0;) {
    auto& queue = queues_[i];
    const auto priority = static_cast<Priority>(i);
    if (!queue.records.empty()) {
      auto drawn = std::move(queue.records.front());
      queue.records.pop_front();
      queue.bytes -= drawn.record.payload.size() + drawn.record.topic.size();
      if (queue.maybe_more && !queue.reading && queue.bytes < read_bytes_ / 2) read(priority);
      return drawn;
    }
    // What is lower must wait until it is known that nothing is here.
    if (queue.reading) return std::nullopt;
    if (queue.maybe_more) {
      read(priority);
      return std::nullopt;
    }
  }
  return std::nullopt;
}

void Stream::read(Priority priority) {
  auto& queue = queues_[priority];
  queue.reading = true;
  queue.touched = false;
  store_.read({lane_, priority, queue.after, before_}, read_bytes_,
              [this, priority, alive = std::weak_ptr<int>(generation_)](result<store::Batch> batch) {
                if (!alive.expired()) took(priority, std::move(batch));
              });
}

void Stream::took(Priority priority, result<store::Batch> batch) {
  auto& queue = queues_[priority];
  queue.reading = false;
  if (batch.has_error()) {
    // The store has said what is wrong. The lane touches its streams every few seconds: that is the next try.
    queue.maybe_more = false;
    wake_();
    return;
  }
  // An empty answer that claims more would be asked for again at once, for ever.
  queue.maybe_more = queue.touched || (batch->more && !batch->records.empty());
  if (!batch->records.empty()) {
    const auto keep =
        std::make_shared<const std::vector<std::shared_ptr<const void>>>(std::move(batch->keep_alive));
    for (const auto& record : batch->records) {
      queue.bytes += record.payload.size() + record.topic.size();
      queue.records.push_back({record, keep});
    }
    queue.after = batch->records.back().key.id;
  }
  wake_();
}

bool Stream::dry() const {
  for (const auto& queue : queues_) {
    if (queue.reading || queue.maybe_more || !queue.records.empty()) return false;
  }
  return true;
}

}  // namespace sluice::uplink
