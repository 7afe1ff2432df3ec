// The new queue.db that a salvage fills: readings first, then the books, so that the equation holds again.
#pragma once

#include <map>

#include "core/failpoint.hpp"
#include "store/accounts.hpp"
#include "store/marks.hpp"
#include "store/raw_rows.hpp"
#include "store/sqlite.hpp"

namespace sluice::store {

class Salvage {
 public:
  Salvage(Database& to, const RawPages& from, std::int64_t now_ms)
      : to_(to),
        rows_(from),
        now_ms_(now_ms),
        insert_chunk_(
            to,
            "INSERT OR IGNORE INTO chunk(id,count,bytes,min_expiry,max_expiry,wall_ms,boot,crc,data) "
            "VALUES(?,?,?,?,?,?,?,?,?)"),
        insert_name_(to, "INSERT OR IGNORE INTO name(id,text,crc) VALUES(?,?,?)"),
        insert_state_(to, "INSERT OR IGNORE INTO state(space,key,value,crc) VALUES(?,?,?,?)") {}

  // Everything, table by table. `roots`: where the tables begin, by name.
  void run(const std::map<std::string, PageNumber>& roots, FailPoints& failpoints);
  std::uint64_t saved() const { return accounts_.totals.queued; }
  std::uint64_t lost() const { return lost_; }

 private:
  void known_by_checksum(const RawRow& row);
  void chunks(const RawRow& row);
  void counters(const RawRow& row);
  void acks(const RawRow& row);
  void write_books();

  Database& to_;
  RawRows rows_;
  std::int64_t now_ms_;
  Statement insert_chunk_, insert_name_, insert_state_;
  FailPoints* failpoints_ = nullptr;
  Accounts accounts_;
  std::map<std::int64_t, std::int64_t> counters_;  // by CounterId
  std::uint64_t queued_before_ = 0;
  Sequence newest_ = 0;
  std::uint64_t lost_ = 0;
};

}  // namespace sluice::store
