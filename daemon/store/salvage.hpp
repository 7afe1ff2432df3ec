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
  Salvage(Database& to, const RawPages& from, std::int64_t now_ms) : to_(to), rows_(from), now_ms_(now_ms) {}

  // Everything, table by table. `roots`: where the tables begin, by name.
  void run(const std::map<std::string, PageNumber>& roots, FailPoints& failpoints);
  std::uint64_t saved() const { return accounts_.totals.queued; }
  std::uint64_t lost() const { return lost_; }

 private:
  void chunks(const RawRow& row);
  void counters(const RawRow& row);
  void acks(const RawRow& row);
  void write_books();

  Database& to_;
  RawRows rows_;
  std::int64_t now_ms_;
  FailPoints* failpoints_ = nullptr;
  Accounts accounts_;
  std::map<std::int64_t, std::int64_t> counters_;  // by CounterId
  std::uint64_t queued_before_ = 0;
  Sequence newest_ = 0;
  std::uint64_t lost_ = 0;
};

}  // namespace sluice::store
