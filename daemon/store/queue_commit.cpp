// The life of a commit on the loop: handed over, finished, or stalled by a full disk and tried again, or the
// end.
#include <algorithm>
#include <iterator>
#include <utility>

#include "store/queue_store.hpp"

namespace sluice::store {
namespace {

constexpr Duration kLazy = 250ms;  // acknowledgements of the cloud wait this long for company
constexpr std::size_t kLatencies = 1000;

template <typename T>
void move_behind(std::vector<T>& to, std::vector<T>& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  from.clear();
}

}  // namespace

void QueueStore::soon() {
  if (in_flight_ || hand_over_posted_ || failed_)
    return;  // the end of the running commit takes the batch along
  if (options_.commit_delay > Duration::zero()) {
    if (!delay_timer_.pending()) delay_timer_.start(options_.commit_delay, [this] { hand_over(); });
    return;
  }
  hand_over_posted_ = true;  // posted: everything of this turn of the loop goes along
  post([this] {
    hand_over_posted_ = false;
    hand_over();
  });
}

void QueueStore::later() {
  open_.job().lazy = true;
  if (!lazy_timer_.pending()) lazy_timer_.start(kLazy, [this] { hand_over(); });
}

void QueueStore::hand_over() {
  if (in_flight_ || failed_ || open_.empty()) return;
  delay_timer_.cancel();
  lazy_timer_.cancel();
  was_pressed_ = was_pressed_ || pressure();
  in_flight_ = open_.take(next_ticket_++, next_sequence_);
  next_sequence_ = in_flight_->next_sequence;
  submit();
}

void QueueStore::submit() {
  busy_ = true;
  submitted_ = clock_.now();
  const auto offset = in_flight_->moment.boot_offset_ms;  // of the try before
  in_flight_->moment = time_.moment();
  in_flight_->moment.boot_offset_ms = offset ? offset : time_.take_boot_offset();
  worker_.commit([this, job = in_flight_]() -> Worker::Reply {
    auto outcome = std::make_shared<Outcome>(file_->writer.commit(*job));
    const bool more = outcome->kind == Outcome::Kind::committed;
    file_->failpoints.hit("before-post");
    // The devices get their acknowledgements while the WAL is moved into the file.
    worker_.reply([this, outcome, ticket = job->ticket] { finish(std::move(*outcome), ticket); });
    if (!more) return {};
    auto checkpoint = std::make_shared<Outcome>(file_->writer.checkpoint_if_due());
    if (checkpoint->kind != Outcome::Kind::dead) return {};  // full: the next commit will say so
    return [this, checkpoint] { die(checkpoint->error); };
  });
}

void QueueStore::took_effect(Outcome& outcome) {
  accounts_.apply(outcome.delta);
  for (const ChunkId id : outcome.gone) {
    tail_.remove(id);
    gone_.erase(id);
    damaged_.erase(id);
    std::erase_if(read_last_, [id](const ChunkPtr& chunk) { return chunk->id() == id; });
  }
}

void QueueStore::finish(Outcome outcome, Ticket ticket) {
  busy_ = false;
  if (outcome.kind == Outcome::Kind::dead) return die(outcome.error);
  took_effect(outcome);
  if (outcome.kind == Outcome::Kind::stalled) return stall(outcome.error);

  const auto job = std::exchange(in_flight_, nullptr);
  const std::unordered_set<ChunkId> ended(outcome.gone.begin(), outcome.gone.end());
  // Of what was added, not of how the depths changed: the same commit may have forgotten more than it
  // brought.
  std::vector<LaneId> lanes;
  for (auto& chunk : job->chunks) {
    lanes.push_back(lane_of(chunk->queue));
    if (!ended.contains(chunk->id())) tail_.add(std::move(chunk));
  }
  for (auto& chunk : outcome.added) {
    lanes.push_back(lane_of(chunk->queue));
    tail_.add(chunk);
  }
  committed_ = ticket;
  ++commits_;
  last_commit_ = clock_.now();
  const auto ms = std::chrono::duration<float, std::milli>(last_commit_ - submitted_).count();
  if (latencies_.size() < kLatencies) {
    latencies_.push_back(ms);
  } else {
    latencies_[commits_ % kLatencies] = ms;
  }

  if (outcome.low_space) {
    if (!std::exchange(low_space_, true)) {
      stall({errc::disk_full,
             fmt::format("the disk of {} is full: readings are refused until there is room for the {} "
                         "byte reserve again; free some space or enlarge the disk",
                         options_.directory.string(), options_.reserve_bytes)});
    }
  } else if (stalled_) {
    relieve();
  }
  if (open_.job().eager && options_.commit_delay <= Duration::zero()) hand_over();
  if (open_.job().eager) soon();
  if (open_.job().lazy) later();  // its timer may have run out meanwhile
  if (!chores_timer_.pending()) plan_chores(1s);

  std::sort(lanes.begin(), lanes.end());
  lanes.erase(std::unique(lanes.begin(), lanes.end()), lanes.end());
  const auto tell = [this, ticket, lanes = std::move(lanes), job] {
    if (on_committed_) on_committed_(ticket, lanes);
    answer_orders(*job);
    if (was_pressed_ && !pressure()) {
      was_pressed_ = false;
      if (on_relieved_) on_relieved_();
    }
  };
  settling_ ? post(tell) : tell();
}

void QueueStore::answer_orders(Job& job) {
  for (auto& order : job.orders) {
    if (!order.done) continue;
    if (order.found) {
      order.done({});
    } else {
      order.done(Error{errc::not_found, fmt::format("there is no dead letter {}", order.id)});
    }
  }
}

// The commit found no room. The batch stays in memory and is tried again; readings are refused meanwhile, so
// it does not grow. What the cloud acknowledges goes along, because that makes room.
void QueueStore::stall(const Error& error) {
  if (!stalled_) log_.error("{}", error.text);
  stalled_ = error;
  if (!retry_timer_.pending() && !closed_) retry_timer_.start(retry_backoff_.next(), [this] { retry(); });
}

void QueueStore::absorb(Job& into, Job& from) {
  move_behind(into.removals, from.removals);
  move_behind(into.damaged, from.damaged);
  move_behind(into.lane_drops, from.lane_drops);
}

void QueueStore::retry() {
  if (failed_ || closed_) return;
  if (in_flight_) {
    // Busy: it is another one, on its way; its end decides.
    if (busy_) return retry_timer_.start(retry_backoff_.next(), [this] { retry(); });
    absorb(*in_flight_, open_.job());
    return submit();
  }
  worker_.commit([this]() -> Worker::Reply {
    const bool room = file_->writer.has_room();
    return [this, room] {
      if (room) return relieve();
      if (stalled_) stall(Error(*stalled_));
    };
  });
}

void QueueStore::relieve() {
  low_space_ = false;
  if (!stalled_) return;
  stalled_.reset();
  retry_timer_.cancel();
  retry_backoff_.reset();
  log_.info("there is room on the disk again; readings are taken");
  post([this] {
    if (on_relieved_) on_relieved_();
  });
}

void QueueStore::die(const Error& error) {
  if (failed_) return;
  failed_ = error;
  log_.error("the store has failed and acknowledges nothing any more: {}", error.text);
  post([this, error] {
    if (on_failed_) on_failed_(error);
  });
}

void QueueStore::plan_chores(Duration in) {
  if (!closed_ && !failed_) chores_timer_.start(in, [this] { chores(); });
}

void QueueStore::chores() {
  if (closed_ || failed_) return;
  const bool idle = clock_.now() - last_commit_ >= 1s;
  worker_.commit([this, moment = time_.moment(), idle]() -> Worker::Reply {
    auto outcome = std::make_shared<Outcome>(file_->writer.chores(moment, idle));
    return [this, outcome, idle] {
      took_effect(*outcome);
      if (outcome->kind == Outcome::Kind::dead) return die(outcome->error);
      if (outcome->more) return plan_chores(10ms);
      // Readings that wait may expire, and a busy file is looked at when it has come to rest.
      if (accounts_.totals.queued > 0 || !idle) plan_chores(idle ? 30s : 1s);
    };
  });
}

void QueueStore::close() {
  if (closed_) return;
  closed_ = true;
  settling_ = true;
  file_->closing = true;
  worker_.settle();
  // The batch in flight, then the open one, which may hold the last acknowledgements. A full disk gets one
  // more chance.
  for (int i = 0; i < 4 && !failed_; ++i) {
    // The end of one commit hands the next batch over by itself: a job that is under way must not go twice.
    if (!in_flight_) {
      hand_over();
    } else if (!busy_) {
      submit();
    }
    worker_.settle();
  }
  for (auto* timer : {&delay_timer_, &lazy_timer_, &retry_timer_, &chores_timer_}) timer->cancel();
  worker_.call([this] { file_->writer.close(); });
}

}  // namespace sluice::store
