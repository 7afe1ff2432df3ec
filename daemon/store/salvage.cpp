#include "store/salvage.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "store/crc32c.hpp"
#include "store/damage.hpp"
#include "store/disk_chunk.hpp"
#include "store/migrations.hpp"
#include "store/registry_file.hpp"

namespace sluice::store {
namespace fs = std::filesystem;
namespace {

// Sequences that a lost counter may have given out are not given again.
constexpr Sequence kLeap = 1U << 20;

std::map<std::string, PageNumber> roots_of(Database& db) {
  std::map<std::string, PageNumber> roots;
  Statement select(db, "SELECT name,rootpage FROM sqlite_schema WHERE type='table'");
  while (select.step()) roots[std::string(select.bytes(0))] = static_cast<PageNumber>(select.number(1));
  return roots;
}

// The damaged file's own word where page 1 can be read; a fresh file's otherwise: the same migrations make
// the same roots.
std::map<std::string, PageNumber> find_roots(const RawPages& pages, Database& fresh) {
  auto roots = roots_of(fresh);
  RawRows schema(pages);
  schema.walk(1, [&](const RawRow& row) {
    const auto* type = row.bytes(0);
    const auto* name = row.bytes(1);
    const auto root = row.number(3);
    if (type && name && root && *type == "table" && roots.contains(*name))
      roots[*name] = static_cast<PageNumber>(*root);
  });
  return roots;
}

// A new file beside the old one, with the schema of today.
Database begin(const fs::path& file, std::span<const char* const> migrations, FailPoints& failpoints) {
  const fs::path path = file.string() + ".salvage";
  std::error_code ec;
  fs::remove(path, ec);
  Database db(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  // A file that is not in place yet needs no journal: a kill begins it anew.
  db.exec(
      "PRAGMA page_size=4096; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=OFF; PRAGMA "
      "synchronous=OFF");
  if (auto migrated = migrate(db, migrations, path, failpoints); !migrated)
    throw SqlFailure{SQLITE_ERROR, 0, migrated.error().text};
  return db;
}

// Before the renames that make it the store's file, all of it must be on the disk.
void end(Database& db, const fs::path& file) {
  db.close();
  const int fd = ::open((file.string() + ".salvage").c_str(), O_RDONLY | O_CLOEXEC);
  const bool safe = fd >= 0 && ::fsync(fd) == 0;
  if (fd >= 0) ::close(fd);
  if (!safe) throw SqlFailure{SQLITE_IOERR_FSYNC, errno, "the salvaged file cannot be written"};
}

}  // namespace

// Rows that prove themselves by a checksum, so that they are believed wherever they lie.
void Salvage::known_by_checksum(const RawRow& row) {
  if (row.values.size() == 9) return chunks(row);
  if (row.values.size() == 3) {
    const auto* text = row.bytes(1);
    const auto crc = row.number(2);
    if (!text || !crc || row.rowid <= 0) return;
    if (static_cast<std::uint32_t>(*crc) != row_crc(kNameSpace, std::to_string(row.rowid), *text)) return;
    insert_name_.with(row.rowid, std::string_view(*text), *crc).run();
  } else if (row.values.size() == 4) {
    const auto space = row.number(0), crc = row.number(3);
    const auto *key = row.bytes(1), *value = row.bytes(2);
    if (!space || !crc || !key || !value) return;
    if (static_cast<std::uint32_t>(*crc) != row_crc(static_cast<std::uint32_t>(*space), *key, *value)) return;
    insert_state_.with(*space, std::string_view(*key), std::string_view(*value), *crc).run();
  }
}

void Salvage::chunks(const RawRow& row) {
  Chunk chunk;
  chunk.queue = queue_of(row.rowid);
  chunk.sequence = sequence_of(row.rowid);
  if (row.values.size() != 9 || row.rowid <= 0) return;
  chunk.count = static_cast<std::uint32_t>(row.number(1).value_or(0));
  chunk.min_expiry = static_cast<StoreSeconds>(row.number(3).value_or(0));
  chunk.max_expiry = static_cast<StoreSeconds>(row.number(4).value_or(0));
  chunk.wall_ms = row.number(5).value_or(0);
  chunk.boot = static_cast<std::uint32_t>(row.number(6).value_or(0));
  chunk.crc = static_cast<std::uint32_t>(row.number(7).value_or(0));
  const auto* data = row.bytes(8);
  if (data == nullptr) return;
  chunk.data.assign(*data);
  if (chunk.count == 0 || chunk.crc != chunk.checksum()) return;
  if (failpoints_->hit("in-salvage")) throw SqlFailure{SQLITE_IOERR, 0, "injected"};
  insert_chunk_
      .with(row.rowid, chunk.count, data->size(), chunk.min_expiry, chunk.max_expiry, chunk.wall_ms,
            chunk.boot, chunk.crc, std::string_view(*data))
      .run();
  if (sqlite3_changes(to_.raw()) == 0) return;
  Delta delta;
  delta.queue(chunk.queue, chunk.count, static_cast<std::int64_t>(data->size()));
  accounts_.apply(delta);
  newest_ = std::max(newest_, chunk.sequence);
}

void Salvage::acks(const RawRow& row) {
  const auto* gone = row.bytes(1);
  if (gone == nullptr) return;
  const Marks marks(*gone);
  Statement find(to_, "SELECT count,bytes FROM chunk WHERE id=?");
  if (!find.with(row.rowid).step()) return;
  const auto count = find.number(0), bytes = find.number(1);
  if (marks.empty() || marks.count() >= count ||
      gone->size() > (static_cast<std::size_t>(count) + 63) / 64 * 8)
    return;
  Statement(to_, "INSERT OR IGNORE INTO chunk_ack(id,gone) VALUES(?,?)")
      .with(row.rowid, std::string_view(*gone))
      .run();
  const auto live = count - std::int64_t{marks.count()};
  Delta delta;
  delta.queue(queue_of(row.rowid), -std::int64_t{marks.count()}, -(bytes - bytes * live / count));
  accounts_.apply(delta);
}

void Salvage::counters(const RawRow& row) {
  const auto value = row.number(1);
  if (!value || *value < 0) return;
  if (row.rowid < static_cast<std::int64_t>(CounterId::depth)) {
    counters_[row.rowid] = *value;
  } else {
    queued_before_ += static_cast<std::uint64_t>(*value);
  }
}

void Salvage::run(const std::map<std::string, PageNumber>& roots, FailPoints& failpoints) {
  failpoints_ = &failpoints;
  to_.exec("BEGIN");
  const auto copy = [&](const char* table, const char* sql, std::size_t columns, bool rowid) {
    rows_.walk(roots.at(table), [&](const RawRow& row) {
      if (row.values.size() != columns) return;
      Statement insert(to_, sql);
      for (std::size_t i = 0; i < columns; ++i) {
        const auto& value = row.values[i];
        if (i == 0 && rowid) {
          insert.set(1, row.rowid);
        } else if (value.type == RawValue::Type::integer) {
          insert.set(static_cast<int>(i) + 1, value.integer);
        } else if (value.type == RawValue::Type::bytes) {
          insert.set(static_cast<int>(i) + 1, std::string_view(value.bytes));
        }
      }
      try {
        insert.run();
      } catch (const SqlFailure& failure) {
        if ((failure.code & 0xFF) != SQLITE_CONSTRAINT) throw;  // a row that makes no sense
      }
    });
  };
  rows_.walk(roots.at("counter"), [this](const RawRow& row) { counters(row); });
  copy("meta", "REPLACE INTO meta(key,value) VALUES(CAST(? AS TEXT),?)", 2, false);
  copy("boot", "REPLACE INTO boot(id,boot_id,offset_ms) VALUES(?,?,?)", 3, true);
  copy("lane_drop", "REPLACE INTO lane_drop(lane,before_sequence,reason) VALUES(?,?,?)", 3, true);
  copy("dead_letter", "REPLACE INTO dead_letter VALUES(?,?,?,?,?,?,?,?,?,?,?)", 11, true);
  rows_.walk(roots.at("ledger"), [this](const RawRow& row) {
    if (row.values.size() != 6) return;
    LedgerRow line;
    line.device = static_cast<NameId>(row.number(0).value_or(0));
    line.reason = static_cast<LedgerReason>(row.number(1).value_or(0));
    line.count = static_cast<std::uint64_t>(std::max<std::int64_t>(0, row.number(2).value_or(0)));
    line.bytes = static_cast<std::uint64_t>(std::max<std::int64_t>(0, row.number(3).value_or(0)));
    line.first_ms = row.number(4).value_or(0);
    line.last_ms = row.number(5).value_or(0);
    if (line.count > 0) accounts_.rows[{line.device, line.reason}] = line;
  });
  for (const auto* table : {"name", "state", "chunk"}) {
    rows_.walk(roots.at(table), [this](const RawRow& row) { known_by_checksum(row); });
  }
  std::vector<RawRow> acked;
  rows_.walk(roots.at("chunk_ack"), [&](const RawRow& row) { acked.push_back(row); });
  rows_.sweep([this](const RawRow& row) { known_by_checksum(row); });
  for (const auto& row : acked) acks(row);
  write_books();
  to_.exec("COMMIT");
}

// What was accepted and is in no other account has been lost to the damage. Where the totals themselves
// cannot be believed, they are made to fit what is there.
void Salvage::write_books() {
  std::uint64_t ended = 0;
  for (const auto& [key, row] : accounts_.rows) ended += row.count;
  const auto counter = [this](CounterId id) {
    const auto it = counters_.find(static_cast<std::int64_t>(id));
    return it == counters_.end() ? 0 : static_cast<std::uint64_t>(it->second);
  };
  auto accepted = counter(CounterId::accepted), delivered = counter(CounterId::delivered);
  const auto known = delivered + saved() + ended;
  if (accepted >= known && accepted - known <= std::max(queued_before_, accepted / 2)) {
    lost_ = accepted - known;
  } else {
    lost_ = queued_before_ > saved() ? queued_before_ - saved() : 0;
    accepted = known + lost_;
  }
  if (lost_ > 0) {
    auto& row = accounts_.rows[{0, LedgerReason::damaged}];
    row.device = 0;
    row.reason = LedgerReason::damaged;
    row.count += lost_;
    if (row.first_ms == 0) row.first_ms = now_ms_;
    row.last_ms = now_ms_;
  }
  Statement put(to_, "REPLACE INTO counter(id,value,bytes) VALUES(?,?,?)");
  const auto next = std::max<Sequence>(counter(CounterId::next_sequence), newest_ + 1);
  counters_[static_cast<std::int64_t>(CounterId::next_sequence)] = static_cast<std::int64_t>(next + kLeap);
  counters_[static_cast<std::int64_t>(CounterId::accepted)] = static_cast<std::int64_t>(accepted);
  counters_[static_cast<std::int64_t>(CounterId::delivered)] = static_cast<std::int64_t>(delivered);
  counters_[static_cast<std::int64_t>(CounterId::letters)] = to_.number("SELECT count(*) FROM dead_letter");
  counters_[static_cast<std::int64_t>(CounterId::next_letter)] =
      std::max<std::int64_t>(static_cast<std::int64_t>(counter(CounterId::next_letter)),
                             to_.number("SELECT max(id) FROM dead_letter") + 1);
  for (const auto& [id, value] : counters_) put.with(id, value, 0).run();
  for (const auto& [queue, depth] : accounts_.queues) {
    put.with(static_cast<std::int64_t>(CounterId::depth) + queue, depth.count, depth.bytes).run();
  }
  Statement row_of(to_,
                   "REPLACE INTO ledger(device,reason,count,bytes,first_ms,last_ms) VALUES(?,?,?,?,?,?)");
  for (const auto& [key, row] : accounts_.rows) {
    row_of.with(row.device, static_cast<int>(row.reason), row.count, row.bytes, row.first_ms, row.last_ms)
        .run();
  }
}

result<std::string> salvage_queue(const fs::path& file, const Clock& clock, FailPoints& failpoints) {
  std::string tale;
  try {
    const RawPages pages(file);
    auto db = begin(file, queue_migrations(), failpoints);
    const auto now =
        std::chrono::duration_cast<std::chrono::milliseconds>(clock.wall().time_since_epoch()).count();
    {
      Salvage salvage(db, pages, now);
      salvage.run(find_roots(pages, db), failpoints);
      tale = fmt::format("{} readings salvaged, {} lost", salvage.saved(), salvage.lost());
    }
    end(db, file);
  } catch (const SqlFailure& failure) {
    // No room for a second file, most likely. Better an empty store that works; nothing of the old file is
    // deleted.
    std::error_code ec;
    fs::remove(file.string() + ".salvage", ec);
    tale =
        fmt::format("nothing could be salvaged now ({}); its readings are still in that file", failure.text);
  }
  auto aside = set_aside_file(file, clock);
  if (!aside) return aside.error();
  return fmt::format("{} was damaged: set aside as {}, {}", file.string(), aside->string(), tale);
}

result<std::string> salvage_registry(const fs::path& file, const Clock& clock, FailPoints& failpoints) {
  std::string tale;
  try {
    const RawPages pages(file);
    auto db = begin(file, registry_migrations(), failpoints);
    RawRows rows(pages);
    std::uint64_t saved = 0;
    const auto roots = find_roots(pages, db);
    db.exec("BEGIN");
    const auto keep = [&](const RawRow& row) {
      const auto space = row.number(0), crc = row.number(3);
      const auto *key = row.bytes(1), *value = row.bytes(2);
      if (!space || !crc || !key || !value) return;
      if (static_cast<std::uint32_t>(*crc) != row_crc(static_cast<Space>(*space), *key, *value)) return;
      Statement(db, "INSERT OR IGNORE INTO entry(space,key,value,crc) VALUES(?,?,?,?)")
          .with(*space, std::string_view(*key), std::string_view(*value), *crc)
          .run();
      saved += static_cast<std::uint64_t>(sqlite3_changes(db.raw()));
    };
    rows.walk(roots.at("entry"), keep);
    rows.sweep(keep);
    db.exec("COMMIT");
    end(db, file);
    tale = fmt::format("{} entries salvaged, {} pages unreadable", saved, rows.damaged_pages());
  } catch (const SqlFailure& failure) {
    std::error_code ec;
    fs::remove(file.string() + ".salvage", ec);
    tale = fmt::format("nothing could be salvaged now ({})", failure.text);
  }
  auto aside = set_aside_file(file, clock);
  if (!aside) return aside.error();
  return fmt::format("{} was damaged: set aside as {}, {}", file.string(), aside->string(), tale);
}

}  // namespace sluice::store
