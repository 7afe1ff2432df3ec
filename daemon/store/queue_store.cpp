#include "store/queue_store.hpp"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>

namespace sluice::store {

QueueStore::QueueStore(const StoreOptions& options, std::unique_ptr<QueueFile> file, Remembered remembered,
                       boost::asio::io_context& loop, Clock& clock, Log log)
    : options_(options),
      loop_(loop),
      clock_(clock),
      log_(std::move(log)),
      file_(std::move(file)),
      worker_(loop),
      time_(clock),
      next_sequence_(remembered.next_sequence),
      delay_timer_(clock),
      lazy_timer_(clock),
      retry_timer_(clock),
      chores_timer_(clock),
      retry_backoff_({.first = 1s, .most = 30s, .well_after = 30s}),
      accounts_(std::move(remembered.accounts)),
      tail_(options.memory_tail_bytes, remembered.next_sequence),
      instance_(std::move(remembered.instance)) {
  time_.resume(remembered);
  names_.emplace_back();
  for (auto& [id, text] : remembered.names) {
    if (id > names_.size() + kMaxLane) continue;
    while (names_.size() <= id) names_.emplace_back();
    names_[id] = std::move(text);
    name_ids_.emplace(names_[id], id);
  }
  for (const auto& drop : remembered.lane_drops) dropped_before_[drop.lane] = drop.before;
  if (accounts_.totals.queued > 0 || !dropped_before_.empty()) plan_chores(1s);
}

QueueStore::~QueueStore() {
  close();
  if (file_->lock >= 0) ::close(file_->lock);
}

void QueueStore::post(Answer fn) {
  boost::asio::post(loop_, [alive = std::weak_ptr<bool>(alive_), run = std::move(fn)] {
    if (!alive.expired()) run();
  });
}

NameId QueueStore::name_id(std::string_view name) {
  if (const auto it = name_ids_.find(name); it != name_ids_.end()) return it->second;
  if (name.empty() || names_.size() > kMaxLane) {
    if (!name.empty() && !std::exchange(names_full_, true)) {
      log_.error("the store knows {} names and takes no more: '{}' and later ones are counted without a name",
                 kMaxLane, name);
    }
    return 0;
  }
  const auto id = static_cast<NameId>(names_.size());
  name_ids_.emplace(names_.emplace_back(name), id);
  open_.job().names.emplace_back(id, std::string(name));
  later();
  return id;
}

std::string QueueStore::name(NameId id) const { return id < names_.size() ? names_[id] : std::string(); }

std::optional<Error> QueueStore::why_not() const {
  if (failed_) return failed_;
  if (stalled_) return stalled_;
  if (closed_) return Error{errc::closed, "the store is closed"};
  return {};
}

result<Ticket> QueueStore::append(const Append& a) {
  if (failed_ || stalled_ || closed_) return *why_not();
  const auto bytes = a.topic.size() + a.payload.size() + a.properties.size();
  if (a.priority > kHighestPriority || a.lane > kMaxLane || bytes > kMaxRecordBytes) [[unlikely]] {
    return Error{errc::invalid_argument,
                 fmt::format("a reading with lane {}, priority {} and {} bytes cannot be stored", a.lane,
                             a.priority, bytes)};
  }
  if (options_.when_full == WhenFull::refuse) {
    const auto waiting = open_.job().bytes + (in_flight_ ? in_flight_->bytes : 0);
    if (accounts_.totals.queued_bytes + waiting + bytes > options_.max_bytes) {
      return Error{errc::full,
                   fmt::format("the store holds {} bytes, its limit (store.max): readings are refused until "
                               "the cloud has taken some",
                               accounts_.totals.queued_bytes)};
    }
  }
  if (open_.job().bytes == 0) time_.refresh();
  const auto at = time_.stamp();
  open_.add(a, a.ttl == kNever ? kNever : at.now + a.ttl, at.ms, time_.boot_to_note());
  soon();
  return next_ticket_;
}

void QueueStore::count(NameId device, LedgerReason reason, std::uint64_t bytes, std::uint64_t n) {
  if (closed_) return;
  auto& counted = open_.job().counted;
  counted.accepted += static_cast<std::int64_t>(n);
  counted.ledge(device, reason, static_cast<std::int64_t>(n), static_cast<std::int64_t>(bytes),
                time_.stamp().ms);
  open_.job().eager = true;
  soon();
}

result<Ticket> QueueStore::append_dead_letter(const Append& a, std::string_view reason) {
  if (auto no = why_not()) return *no;
  open_.job().letters.push_back({a.lane, a.priority, a.device, a.route, time_.stamp().ms,
                                 std::string(a.topic), std::string(a.payload), std::string(a.properties),
                                 std::string(reason)});
  open_.job().eager = true;
  soon();
  return next_ticket_;
}

void QueueStore::put(Space space, std::string_view key, std::string_view value) {
  if (closed_) return;
  open_.job().states.push_back({space, std::string(key), std::string(value)});
  open_.job().eager = true;
  soon();
}

void QueueStore::erase(Space space, std::string_view key) {
  if (closed_) return;
  open_.job().states.push_back({space, std::string(key), std::nullopt});
  open_.job().eager = true;
  soon();
}

result<void> QueueStore::scan(Space space,
                              const std::function<void(std::string_view, std::string_view)>& fn) {
  if (closed_) return Error{errc::closed, "the store is closed"};
  result<void> answer;
  worker_.call([&] { answer = file_->writer.scan(space, fn); });
  return answer;
}

bool QueueStore::mark_gone(const RecordKey& key) {
  if (key.id < record_id(1, 0) || key.lane > kMaxLane || key.priority > kHighestPriority) return false;
  return gone_[chunk_of(key)].mark(index_of(key.id));
}

void QueueStore::delivered(std::span<const RecordKey> keys) { drop(keys, LedgerReason{}); }

void QueueStore::drop(std::span<const RecordKey> keys, LedgerReason reason) {
  if (closed_) return;
  auto& removals = open_.job().removals;
  for (const auto& key : keys) {
    if (mark_gone(key))
      removals.push_back({chunk_of(key), static_cast<std::uint16_t>(index_of(key.id)), reason});
  }
  if (!removals.empty()) later();
}

void QueueStore::set_aside(const RecordKey& key, std::string_view reason) {
  if (closed_ || !mark_gone(key)) return;
  open_.job().set_asides.push_back({chunk_of(key), index_of(key.id), std::string(reason)});
  later();
}

void QueueStore::drop_lane(LaneId lane, LedgerReason reason) {
  if (closed_ || lane > kMaxLane) return;
  // Everything up to the batch that is open now: its chunks get their numbers when it is handed over.
  open_.seal();
  const Sequence before = next_sequence_ + open_.job().chunks.size();
  dropped_before_[lane] = before;
  open_.job().lane_drops.push_back({lane, before, reason});
  later();
}

void QueueStore::dead_letters(std::uint64_t after_id, std::size_t limit,
                              std::function<void(result<std::vector<DeadLetter>>)> done) {
  if (closed_) return post([done = std::move(done)] { done(Error{errc::closed, "the store is closed"}); });
  worker_.read([this, after_id, limit, done = std::move(done)]() -> Worker::Reply {
    auto list =
        std::make_shared<result<std::vector<DeadLetter>>>(file_->writer.dead_letters(after_id, limit));
    return [done, list] { done(std::move(*list)); };
  });
}

void QueueStore::replay_dead_letter(std::uint64_t id, std::function<void(result<void>)> done) {
  if (auto no = why_not()) return post([done = std::move(done), no] { done(*no); });
  open_.job().orders.push_back({id, 1, std::move(done), false});
  open_.job().eager = true;
  soon();
}

void QueueStore::delete_dead_letter(std::uint64_t id, std::function<void(result<void>)> done) {
  if (auto no = why_not()) return post([done = std::move(done), no] { done(*no); });
  open_.job().orders.push_back({id, 0, std::move(done), false});
  open_.job().eager = true;
  soon();
}

Health QueueStore::health() const {
  Health h;
  if (const auto no = why_not()) {
    h.writable = false;
    h.trouble = no->text;
  }
  h.commits = commits_;
  h.written_bytes = file_->writer.written_bytes();
  h.tail_hits = tail_hits_;
  h.disk_reads = disk_reads_;
  if (!latencies_.empty()) {
    auto sorted = latencies_;
    std::sort(sorted.begin(), sorted.end());
    h.commit_ms_p50 = static_cast<double>(sorted[sorted.size() / 2]);
    h.commit_ms_p99 = static_cast<double>(sorted[sorted.size() * 99 / 100]);
  }
  return h;
}

}  // namespace sluice::store
