#include "tests/support/memory_store.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <utility>

namespace sluice::test {

using namespace store;

namespace {
std::int64_t wall_ms(const Clock& clock) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(clock.wall().time_since_epoch()).count();
}
}  // namespace

MemoryStore::MemoryStore(boost::asio::io_context& loop, Clock& clock, StoreOptions options)
    : loop_(loop), clock_(clock), options_(std::move(options)), lazy_(clock) {}

MemoryStore::~MemoryStore() = default;

void MemoryStore::post(std::function<void()> fn) {
  boost::asio::post(loop_, [alive = std::weak_ptr<bool>(alive_), run = std::move(fn)] {
    if (!alive.expired()) run();
  });
}

void MemoryStore::tell_relieved() {
  post([this] {
    if (on_relieved_) on_relieved_();
  });
}

void MemoryStore::soon() {
  dirty_ = true;
  if (!by_itself_ || flush_posted_) return;
  flush_posted_ = true;
  post([this] {
    flush_posted_ = false;
    commit();
  });
}

void MemoryStore::later() {
  if (by_itself_ && !lazy_.pending()) lazy_.start(250ms, [this] { commit(); });
}

void MemoryStore::change(Change fn, bool eager) {
  open_.push_back(std::move(fn));
  eager ? soon() : later();
}

void MemoryStore::commit() {
  if (failed_ || (refusing_ && refusing_->code != errc::full)) return;
  lazy_.cancel();
  if (open_.empty() && !dirty_) return;
  const bool pressed = pressure();
  for (auto& fn : std::exchange(open_, {})) fn();
  make_room();
  hidden_.clear();
  dirty_ = false;
  open_bytes_ = open_records_ = 0;
  ++committed_;
  auto lanes = std::exchange(lanes_, {});
  std::sort(lanes.begin(), lanes.end());
  lanes.erase(std::unique(lanes.begin(), lanes.end()), lanes.end());
  post([this, ticket = committed_, lanes = std::move(lanes)] {
    if (on_committed_) on_committed_(ticket, lanes);
  });
  if (pressed && !pressure()) tell_relieved();
}

void MemoryStore::make_room() {
  if (options_.when_full != WhenFull::drop_oldest) return;
  while (totals_.queued_bytes > options_.max_bytes && queue_.size() > 1) {
    const auto first = std::min_element(queue_.begin(), queue_.end(), [](const auto& a, const auto& b) {
      return std::pair(-a.first.rank, a.first.id) < std::pair(-b.first.rank, b.first.id);
    });
    const RecordKey key{first->first.lane, static_cast<Priority>(9 - first->first.rank), first->first.id};
    std::shared_ptr<const Held> held;
    take(key, &held);
    ledge(held->device, LedgerReason::displaced, held->size(), 1);
  }
}

void MemoryStore::refuse_writes(Error error) { refusing_ = std::move(error); }

void MemoryStore::accept_writes() {
  refusing_.reset();
  if (dirty_) soon();
  tell_relieved();
}

void MemoryStore::fail(Error error) {
  if (std::exchange(failed_, true)) return;
  refusing_ = error;
  post([this, error] {
    if (on_failed_) on_failed_(error);
  });
}

void MemoryStore::press(bool on) {
  if (std::exchange(pressed_, on) && !on) tell_relieved();
}

void MemoryStore::lose_uncommitted() {
  open_.clear();
  lanes_.clear();
  hidden_.clear();
  dirty_ = false;
  open_bytes_ = open_records_ = 0;
  lazy_.cancel();
}

NameId MemoryStore::name_id(std::string_view name) {
  const auto [it, fresh] = names_.try_emplace(std::string(name), static_cast<NameId>(name_texts_.size()));
  if (fresh) name_texts_.emplace_back(name);
  return it->second;
}

std::string MemoryStore::name(NameId id) const {
  return id < name_texts_.size() ? name_texts_[id] : std::string();
}

MemoryStore::Held MemoryStore::hold(const Append& a) const {
  Held held;
  held.lane = a.lane;
  held.priority = a.priority;
  held.device = a.device;
  held.route = a.route;
  held.expires = a.ttl == kNever ? kNever : now() + a.ttl;
  held.plausible = clock_.wall_is_plausible();
  held.wall_ms = wall_ms(clock_);
  held.topic = a.topic;
  held.payload = a.payload;
  held.properties = a.properties;
  return held;
}

result<Ticket> MemoryStore::append(const Append& a) {
  if (closed_) return Error{errc::closed, "the store is closed"};
  if (refusing_) return *refusing_;
  if (a.priority > kHighestPriority) return Error{errc::invalid_argument, "priority above 9"};
  Held held = hold(a);
  if (options_.when_full == WhenFull::refuse &&
      totals_.queued_bytes + open_bytes_ + held.size() > options_.max_bytes) {
    return Error{errc::full,
                 "the store holds store.max bytes; readings are refused until the cloud takes some"};
  }
  open_bytes_ += held.size();
  ++open_records_;
  lanes_.push_back(a.lane);
  change(
      [this, h = std::move(held)] {
        ++totals_.accepted;
        enqueue(h);
      },
      true);
  return committed_ + 1;
}

void MemoryStore::enqueue(Held held) {
  ++totals_.queued;
  totals_.queued_bytes += held.size();
  const Place at{held.lane, 9 - held.priority, next_id_++};
  queue_.emplace(at, std::make_shared<const Held>(std::move(held)));
}

void MemoryStore::ledge(NameId device, LedgerReason reason, std::uint64_t bytes, std::uint64_t n) {
  const auto wall = wall_ms(clock_);
  auto& row = ledger_[{device, reason}];
  if (row.count == 0) row.first_ms = wall;
  row.device = device;
  row.reason = reason;
  row.count += n;
  row.bytes += bytes;
  row.last_ms = wall;
}

void MemoryStore::count(NameId device, LedgerReason reason, std::uint64_t bytes, std::uint64_t n) {
  change(
      [=, this] {
        totals_.accepted += n;
        ledge(device, reason, bytes, n);
      },
      true);
}

void MemoryStore::put(Space space, std::string_view key, std::string_view value) {
  change([this, at = std::pair(space, std::string(key)), v = std::string(value)] { state_[at] = v; }, true);
}

void MemoryStore::erase(Space space, std::string_view key) {
  change([this, at = std::pair(space, std::string(key))] { state_.erase(at); }, true);
}

Ticket MemoryStore::ticket() const { return dirty_ ? committed_ + 1 : committed_; }

result<void> MemoryStore::scan(Space space,
                               const std::function<void(std::string_view, std::string_view)>& fn) {
  for (const auto& [at, value] : state_) {
    if (at.first == space) fn(at.second, value);
  }
  return {};
}

void MemoryStore::read(const Range& range, std::size_t max_bytes, std::function<void(result<Batch>)> done) {
  Batch batch;
  std::size_t bytes = 0;
  std::vector<RecordKey> expired;
  auto it = queue_.upper_bound({range.lane, 9 - range.priority, range.after});
  for (; it != queue_.end(); ++it) {
    const auto& [at, held] = *it;
    if (at.lane != range.lane || at.rank != 9 - range.priority || at.id >= range.before) break;
    if (hidden_.contains(at)) continue;
    const RecordKey key{at.lane, range.priority, at.id};
    if (held->expires != kNever && held->expires <= now()) {
      expired.push_back(key);
      continue;
    }
    if (!batch.records.empty() && bytes + held->size() > max_bytes) {
      batch.more = true;
      break;
    }
    bytes += held->size();
    batch.records.push_back({key, held->device, held->route, held->expires, held->wall_ms, held->plausible,
                             held->topic, held->payload, held->properties});
    batch.keep_alive.push_back(held);
  }
  drop(expired, LedgerReason::expired);
  const bool closed = closed_;
  post([done = std::move(done), b = std::make_shared<Batch>(std::move(batch)), closed] {
    if (closed) return done(Error{errc::closed, "the store is closed"});
    done(std::move(*b));
  });
}

bool MemoryStore::take(const RecordKey& key, std::shared_ptr<const Held>* out) {
  const auto it = queue_.find(place(key));
  if (it == queue_.end()) return false;
  --totals_.queued;
  totals_.queued_bytes -= it->second->size();
  if (out) *out = it->second;
  queue_.erase(it);
  return true;
}

void MemoryStore::delivered(std::span<const RecordKey> keys) {
  for (const auto& key : keys) {
    if (!hidden_.emplace(place(key), true).second) continue;
    change(
        [this, key] {
          if (take(key)) ++totals_.delivered;
        },
        false);
  }
}

void MemoryStore::drop(std::span<const RecordKey> keys, LedgerReason reason) {
  for (const auto& key : keys) {
    if (!hidden_.emplace(place(key), true).second) continue;
    change(
        [this, key, reason] {
          std::shared_ptr<const Held> held;
          if (take(key, &held)) ledge(held->device, reason, held->size(), 1);
        },
        false);
  }
}

void MemoryStore::drop_lane(LaneId lane, LedgerReason reason) {
  for (auto it = queue_.lower_bound({lane, 0, 0}); it != queue_.end() && it->first.lane == lane; ++it) {
    hidden_.emplace(it->first, true);
  }
  change(
      [this, lane, reason] {
        auto it = queue_.lower_bound({lane, 0, 0});
        while (it != queue_.end() && it->first.lane == lane) {
          const RecordKey key{lane, static_cast<Priority>(9 - it->first.rank), it->first.id};
          ++it;
          std::shared_ptr<const Held> held;
          if (take(key, &held)) ledge(held->device, reason, held->size(), 1);
        }
      },
      false);
}

std::vector<LaneDepth> MemoryStore::depths() const {
  std::vector<LaneDepth> list;
  for (const auto& [at, held] : queue_) {
    const auto priority = static_cast<Priority>(9 - at.rank);
    if (list.empty() || list.back().lane != at.lane || list.back().priority != priority) {
      list.push_back({at.lane, priority, 0, 0});
    }
    ++list.back().count;
    list.back().bytes += held->size();
  }
  return list;
}

std::uint64_t MemoryStore::queued(LaneId lane) const {
  std::uint64_t n = 0;
  for (const auto& depth : depths()) n += depth.lane == lane ? depth.count : 0;
  return n;
}

std::vector<LedgerRow> MemoryStore::ledger() const {
  std::vector<LedgerRow> rows;
  for (const auto& [at, row] : ledger_) {
    if (row.count > 0) rows.push_back(row);
  }
  return rows;
}

Health MemoryStore::health() const {
  Health health;
  health.writable = !refusing_ && !failed_;
  if (refusing_) health.trouble = refusing_->text;
  health.commits = committed_;
  return health;
}

StoreSeconds MemoryStore::now() const {
  return static_cast<StoreSeconds>(
      std::chrono::duration_cast<std::chrono::seconds>(clock_.now().time_since_epoch()).count());
}

bool MemoryStore::pressure() const { return pressed_ || open_bytes_ > options_.max_batch_bytes; }

void MemoryStore::close() {
  if (std::exchange(closed_, true)) return;
  commit();
}

}  // namespace sluice::test
