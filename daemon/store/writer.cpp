#include "store/writer.hpp"

#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include "store/damage.hpp"
#include "store/disk_chunk.hpp"

namespace sluice::store {
namespace {

// Pages of WAL after which it is moved into the database. Larger: fewer double writes in a burst; smaller:
// less disk.
constexpr int kCheckpointPages = 2048;       // 8 MiB
constexpr std::int64_t kVacuumPages = 1024;  // given back in one step; 4 MiB
constexpr std::int64_t kKeptPages = 256;     // free pages that stay for what comes next

}  // namespace

Writer::Writer(WriterOptions options, FailPoints& failpoints)
    : options_(std::move(options)),
      failpoints_(failpoints),
      vfs_(options_.vfs),
      ballast_(options_.file.parent_path() / "reserve", options_.reserve_bytes) {}

Writer::~Writer() {
  sql_.reset();
  db_.close();
}

void Writer::step_through(const char* failpoint) {
  if (failpoints_.hit(failpoint))
    throw SqlFailure{SQLITE_IOERR_WRITE, 0, fmt::format("injected at {}", failpoint)};
}

void Writer::rollback() {
  if (db_ && sqlite3_get_autocommit(db_.raw()) == 0)
    sqlite3_exec(db_.raw(), "ROLLBACK", nullptr, nullptr, nullptr);
}

Outcome Writer::failed(const SqlFailure& failure) {
  Outcome outcome;
  outcome.error = to_error(failure, options_.file);
  if (is_full(failure)) {
    outcome.kind = Outcome::Kind::stalled;
    return outcome;
  }
  outcome.kind = Outcome::Kind::dead;
  dead_ = true;
  if (is_corrupt(failure)) suspect(options_.file);
  return outcome;
}

template <typename Body>
Outcome Writer::transact(const Moment& moment, Body body) {
  Outcome outcome;
  if (dead_) {
    outcome.kind = Outcome::Kind::dead;
    outcome.error = {errc::closed, "the store has failed"};
    return outcome;
  }
  try {
    step_through("before-begin");
    sql_->begin.run();
    Transaction transaction(*sql_, accounts_, cache_, options_.bounds, moment);
    body(transaction, outcome);
    transaction.write_accounts();
    step_through("before-commit");
    sql_->commit.run();
    transaction.committed();
    accounts_.apply(transaction.delta);
    outcome.delta = std::move(transaction.delta);
    outcome.gone = std::move(transaction.gone);
    outcome.added = std::move(transaction.replayed);
    step_through("after-commit");
    return outcome;
  } catch (const SqlFailure& failure) {
    rollback();
    return failed(failure);
  }
}

void Writer::apply(Transaction& transaction, Job& job, bool with_appends) {
  if (with_appends) {
    transaction.write_names(job);
    transaction.write_states(job);
    transaction.write_chunks(job);
    step_through("after-insert");
    transaction.write_letters(job);
  }
  step_through("before-ack-write");
  transaction.write_removals(job);
  step_through("after-ack-write");
}

Outcome Writer::run(Job& job, bool with_appends) {
  for (const auto& chunk : job.chunks) {
    if (chunk->max_expiry != kNever && (sweep_.due == kNever || chunk->max_expiry < sweep_.due))
      sweep_.due = chunk->max_expiry;
  }
  return transact(job.moment, [&](Transaction& t, Outcome&) { apply(t, job, with_appends); });
}

Outcome Writer::commit(Job& job) {
  auto outcome = run(job, true);
  if (outcome.kind == Outcome::Kind::stalled && ballast_.release()) outcome = run(job, true);
  if (outcome.kind != Outcome::Kind::stalled) {
    outcome.low_space = outcome.kind == Outcome::Kind::committed && !ballast_.there() && !ballast_.ensure();
    return outcome;
  }
  // Nothing new fits, but what the cloud has taken can still be forgotten, and that makes room.
  if (job.removals.empty() && job.lane_drops.empty() && job.damaged.empty()) return outcome;
  const auto asides = std::exchange(job.set_asides, {});
  auto removed = run(job, false);
  job.set_asides = asides;
  if (removed.kind == Outcome::Kind::dead) return removed;
  if (removed.kind == Outcome::Kind::stalled) return outcome;
  job.removals.clear();
  job.lane_drops.clear();
  job.damaged.clear();
  removed.kind = Outcome::Kind::stalled;
  removed.error = std::move(outcome.error);
  return removed;
}

DiskRead Writer::read(QueueKey queue, Sequence from, Sequence to, std::size_t max_bytes) {
  DiskRead out;
  if (dead_) {
    out.error = Error{errc::closed, "the store has failed"};
    return out;
  }
  try {
    Query row(sql_->chunks.with(chunk_id(queue, from), chunk_id(queue, to)));
    std::size_t bytes = 0;
    while (row.step()) {
      if (bytes >= max_bytes && !out.pieces.empty()) {
        out.more = true;
        break;
      }
      auto chunk = chunk_from(row);
      if (!chunk) {
        out.damaged.push_back(row.number(0));
        continue;
      }
      bytes += chunk->data.size();
      out.pieces.push_back({std::move(chunk), Marks(row.bytes(8))});
    }
  } catch (const SqlFailure& failure) {
    out.error = failed(failure).error;
    dead_ = dead_ && is_corrupt(failure);  // a read that failed says nothing about what is written
  }
  return out;
}

bool Writer::sweep(StoreSeconds now, std::vector<ChunkId>& expired) {
  constexpr int kChunks = 512;
  if (sweep_.due == kNever || now < sweep_.due) return false;
  Query row(sql_->chunk_ids.with(sweep_.cursor, INT64_MAX, kChunks));
  int seen = 0;
  for (; row.step(); ++seen) {
    const auto id = row.number(0);
    const auto expiry = static_cast<StoreSeconds>(row.number(1));
    sweep_.cursor = id + 1;
    if (expiry == kNever) continue;
    if (expiry <= now) {
      expired.push_back(id);
    } else if (sweep_.soonest == kNever || expiry < sweep_.soonest) {
      sweep_.soonest = expiry;
    }
  }
  if (seen == kChunks) return true;
  constexpr StoreSeconds kPause = 60;
  sweep_ = {0, sweep_.soonest == kNever ? kNever : std::max(sweep_.soonest, now + kPause), kNever};
  return false;
}

// Gives free pages back to the file system and the WAL's to the file: much when nobody waits, a little
// otherwise.
void Writer::rest(bool idle, bool& more) {
  const auto free = db_.number("PRAGMA freelist_count");
  if (free > kKeptPages) {
    db_.exec(fmt::format("PRAGMA incremental_vacuum({})",
                         std::min(free - kKeptPages, idle ? kVacuumPages : kVacuumPages / 4)));
    more = idle;
  }
  if (!idle || more || wal_pages_ == 0) return;
  step_through("before-checkpoint");
  const int rc = sqlite3_wal_checkpoint_v2(db_.raw(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  if (rc != SQLITE_OK && rc != SQLITE_BUSY) db_.fail(rc);
  wal_pages_ = 0;
  sqlite3_db_release_memory(db_.raw());
  ::malloc_trim(0);
}

Outcome Writer::chores(const Moment& moment, bool idle) {
  Outcome outcome;
  if (dead_) return outcome;
  try {
    std::vector<ChunkId> expired;
    bool more = sweep(moment.now, expired);
    bool drops = false;
    if (Query row(sql_->lane_drops); row.step()) drops = true;
    if (drops || !expired.empty()) {
      outcome = transact(moment, [&](Transaction& t, Outcome&) {
        t.expire(expired);
        if (drops) more = t.drop_lanes(64) || more;
      });
      if (outcome.kind != Outcome::Kind::committed) return outcome;
    }
    if (!more) rest(idle, more);
    outcome.more = more;
    return outcome;
  } catch (const SqlFailure& failure) {
    rollback();
    auto bad = failed(failure);
    bad.delta = std::move(outcome.delta);
    bad.gone = std::move(outcome.gone);
    return bad;
  }
}

Outcome Writer::checkpoint_if_due() {
  if (dead_ || wal_pages_ < kCheckpointPages) return {};
  try {
    step_through("before-checkpoint");
    const int rc = sqlite3_wal_checkpoint_v2(db_.raw(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
    if (rc != SQLITE_OK && rc != SQLITE_BUSY) db_.fail(rc);
    wal_pages_ = 0;
    return {};
  } catch (const SqlFailure& failure) {
    return failed(failure);
  }
}

bool Writer::has_room() { return ballast_.there() || ballast_.ensure(); }

result<void> Writer::scan(Space space, const std::function<void(std::string_view, std::string_view)>& fn) {
  try {
    Query row(sql_->scan_state.with(space));
    while (row.step()) fn(row.bytes(0), row.bytes(1));
    return {};
  } catch (const SqlFailure& failure) {
    return failed(failure).error;
  }
}

result<std::vector<DeadLetter>> Writer::dead_letters(std::uint64_t after_id, std::size_t limit) {
  try {
    std::vector<DeadLetter> list;
    Query row(sql_->letters.with(after_id, limit));
    while (row.step()) {
      list.push_back({static_cast<std::uint64_t>(row.number(0)), static_cast<LaneId>(row.number(1)),
                      static_cast<NameId>(row.number(2)), row.number(3), std::string(row.bytes(4)),
                      std::string(row.bytes(5)), std::string(row.bytes(6))});
    }
    return list;
  } catch (const SqlFailure& failure) {
    return failed(failure).error;
  }
}

void Writer::close() {
  if (db_ && !dead_)
    sqlite3_wal_checkpoint_v2(db_.raw(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  sql_.reset();
  db_.close();
  dead_ = true;
}

}  // namespace sluice::store
