#include "store/migrations.hpp"

#include <fmt/format.h>

namespace sluice::store {

result<void> migrate(Database& db, std::span<const char* const> scripts, const std::filesystem::path& file,
                     FailPoints& failpoints) {
  auto version = db.number("PRAGMA user_version");
  const auto newest = static_cast<std::int64_t>(scripts.size());
  if (version > newest) {
    return Error{
        errc::newer_schema,
        fmt::format("{} was written by a newer Sluice (schema {}, this program knows {}): install that "
                    "version again, or move the file away to start empty",
                    file.string(), version, newest)};
  }
  for (; version < newest; ++version) {
    db.exec("BEGIN IMMEDIATE");
    try {
      db.exec(scripts[static_cast<std::size_t>(version)]);
      if (failpoints.hit("in-migration")) throw SqlFailure{SQLITE_IOERR, 0, "injected"};
      db.exec(fmt::format("PRAGMA user_version = {}", version + 1));
      db.exec("COMMIT");
    } catch (const SqlFailure&) {
      sqlite3_exec(db.raw(), "ROLLBACK", nullptr, nullptr, nullptr);
      throw;
    }
  }
  return {};
}

}  // namespace sluice::store
