// Opening queue.db: pragmas, schema, what it remembers. Bounded by the number of lanes and devices, never by
// the queue.
#include <fmt/format.h>
#include <sys/stat.h>

#include <random>

#include "store/migrations.hpp"
#include "store/writer.hpp"

namespace sluice::store {
namespace {

constexpr std::size_t kMostBoots = 256;

std::string fresh_instance() {
  std::random_device random;
  return fmt::format("{:08x}", random());
}

int count_wal(void* pages, sqlite3*, const char*, int in_wal) {
  *static_cast<int*>(pages) = in_wal;
  return SQLITE_OK;
}

void load_books(Database& db, Remembered& out, ChunkCache& cache) {
  auto& totals = out.accounts.totals;
  std::int64_t boot = 0;
  Statement counters(db, "SELECT id,value,bytes FROM counter");
  while (counters.step()) {
    const auto value = static_cast<std::uint64_t>(counters.number(1));
    switch (static_cast<CounterId>(counters.number(0))) {
      case CounterId::accepted:
        totals.accepted = value;
        break;
      case CounterId::delivered:
        totals.delivered = value;
        break;
      case CounterId::next_sequence:
        cache.next_sequence = std::max<Sequence>(1, value);
        break;
      case CounterId::next_letter:
        cache.next_letter = std::max<std::uint64_t>(1, value);
        break;
      case CounterId::letters:
        totals.dead_letters = value;
        break;
      case CounterId::store_seconds:
        out.store_seconds = static_cast<StoreSeconds>(value);
        break;
      case CounterId::wall_seconds:
        out.wall_seconds = counters.number(1);
        break;
      case CounterId::boot_seconds:
        out.boot_seconds = counters.number(1);
        break;
      case CounterId::boot:
        boot = counters.number(1);
        break;
      default: {
        const auto queue =
            static_cast<QueueKey>(counters.number(0) - static_cast<std::int64_t>(CounterId::depth));
        const auto bytes = static_cast<std::uint64_t>(counters.number(2));
        out.accounts.queues[queue] = {value, bytes};
        totals.queued += value;
        totals.queued_bytes += bytes;
      }
    }
  }
  Statement ledger(db, "SELECT device,reason,count,bytes,first_ms,last_ms FROM ledger");
  while (ledger.step()) {
    LedgerRow row{static_cast<NameId>(ledger.number(0)),
                  static_cast<LedgerReason>(ledger.number(1)),
                  static_cast<std::uint64_t>(ledger.number(2)),
                  static_cast<std::uint64_t>(ledger.number(3)),
                  ledger.number(4),
                  ledger.number(5)};
    out.accounts.rows[{row.device, row.reason}] = row;
  }
  out.next_sequence = cache.next_sequence;
  out.same_boot = boot != 0 && boot == out.boot;
}

void load_names(Database& db, Remembered& out) {
  Statement names(db, "SELECT id,text FROM name ORDER BY id");
  while (names.step())
    out.names.emplace_back(static_cast<NameId>(names.number(0)), std::string(names.bytes(1)));
  Statement drops(db, "SELECT lane,before_sequence,reason FROM lane_drop");
  while (drops.step()) {
    out.lane_drops.push_back({static_cast<LaneId>(drops.number(0)), static_cast<Sequence>(drops.number(1)),
                              static_cast<LedgerReason>(drops.number(2))});
  }
}

void load_boots(Database& db, Remembered& out, std::string_view boot_id) {
  Statement select(db, "SELECT id,boot_id,offset_ms FROM boot ORDER BY id");
  while (select.step()) {
    BootRow row{static_cast<std::uint32_t>(select.number(0)), std::string(select.bytes(1)), {}};
    if (!select.null(2)) row.offset_ms = select.number(2);
    if (row.boot_id == boot_id) out.boot = row.id;
    out.boots.push_back(std::move(row));
  }
  if (out.boot != 0) return;
  out.boot = out.boots.empty() ? 1 : out.boots.back().id + 1;
  Statement(db, "INSERT INTO boot(id,boot_id) VALUES(?,?)").with(out.boot, boot_id).run();
  out.boots.push_back({out.boot, std::string(boot_id), {}});
  if (out.boots.size() > kMostBoots) {
    Statement(db, "DELETE FROM boot WHERE id<?").with(out.boots[out.boots.size() - kMostBoots].id).run();
  }
}

}  // namespace

result<Remembered> Writer::open(std::string_view boot_id) {
  try {
    db_ = Database(options_.file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs_.name());
    ::chmod(options_.file.c_str(), 0600);
    sqlite3_busy_timeout(db_.raw(), 1000);
    // Debian's SQLite overwrites deleted content with zeros unless told not to: twice the wear of the flash.
    // EXCLUSIVE before WAL: the wal-index stays in our memory, nobody else can write or checkpoint (SQLite
    // below 3.51.3 can lose a WAL frame when two connections do), and no -shm file is left behind by a kill.
    db_.exec(
        "PRAGMA locking_mode=EXCLUSIVE; PRAGMA page_size=4096; PRAGMA auto_vacuum=INCREMENTAL;"
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;"
        "PRAGMA journal_size_limit=8388608; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-3072;"
        "PRAGMA cell_size_check=ON; PRAGMA trusted_schema=OFF; PRAGMA secure_delete=OFF");
    if (auto migrated = migrate(db_, queue_migrations(), options_.file, failpoints_); !migrated)
      return migrated.error();
    Remembered out;
    db_.exec("BEGIN IMMEDIATE");
    load_boots(db_, out, boot_id);
    load_books(db_, out, cache_);
    load_names(db_, out);
    out.instance = db_.text("SELECT value FROM meta WHERE key='instance'");
    if (out.instance.size() != 8) {
      out.instance = fresh_instance();
      Statement(db_, "REPLACE INTO meta(key,value) VALUES('instance',?)")
          .with(std::string_view(out.instance))
          .run();
    }
    db_.exec("COMMIT");
    sqlite3_wal_hook(db_.raw(), count_wal, &wal_pages_);
    sql_ = std::make_unique<Queries>(db_);
    accounts_ = out.accounts;
    ballast_.ensure();
    return out;
  } catch (const SqlFailure& failure) {
    rollback();
    return to_error(failure, options_.file);
  }
}

}  // namespace sluice::store
