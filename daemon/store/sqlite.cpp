#include "store/sqlite.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace sluice::store {

bool is_full(const SqlFailure& f) {
  return (f.code & 0xFF) == SQLITE_FULL ||
         ((f.code & 0xFF) == SQLITE_IOERR && (f.system == ENOSPC || f.system == EDQUOT));
}
bool is_corrupt(const SqlFailure& f) {
  return (f.code & 0xFF) == SQLITE_CORRUPT || (f.code & 0xFF) == SQLITE_NOTADB;
}
bool is_out_of_memory(const SqlFailure& f) {
  return (f.code & 0xFF) == SQLITE_NOMEM || f.code == SQLITE_IOERR_NOMEM;
}

Error to_error(const SqlFailure& f, const std::filesystem::path& file) {
  const std::string why = f.system != 0 ? fmt::format("{} ({})", f.text, std::strerror(f.system)) : f.text;
  if (is_full(f))
    return {errc::disk_full,
            fmt::format("no space left for {}: free some or enlarge the disk", file.string())};
  if (f.code == SQLITE_IOERR_FSYNC || f.code == SQLITE_IOERR_DIR_FSYNC) {
    return {errc::sync_failed,
            fmt::format("fsync of {} failed: {}; what is on the disk is unknown, check the disk "
                        "(dmesg, smartctl) and start again",
                        file.string(), why)};
  }
  if (is_corrupt(f)) return {errc::corrupt, fmt::format("{} is damaged: {}", file.string(), why)};
  return {errc::io, fmt::format("{}: {} (SQLite code {})", file.string(), why, f.code)};
}

Database::Database(const std::filesystem::path& file, int flags, const char* vfs) {
  const int rc =
      sqlite3_open_v2(file.c_str(), &db_, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, vfs);
  if (rc == SQLITE_OK) return;
  const SqlFailure failure{rc, db_ != nullptr ? sqlite3_system_errno(db_) : 0,
                           db_ != nullptr ? sqlite3_errmsg(db_) : sqlite3_errstr(rc)};
  close();
  throw failure;
}

void Database::fail(int code) const {
  // sqlite3_system_errno keeps an old value when the last failure had none of its own.
  const int base = code & 0xFF;
  const int system =
      base == SQLITE_IOERR || base == SQLITE_CANTOPEN || base == SQLITE_FULL ? sqlite3_system_errno(db_) : 0;
  throw SqlFailure{code, system, sqlite3_errmsg(db_)};
}

void Database::exec(const char* sql) {
  const int rc = sqlite3_exec(db_, sql, nullptr, nullptr, nullptr);
  if (rc != SQLITE_OK) fail(rc);
}

std::int64_t Database::number(const char* sql) {
  Statement statement(*this, sql);
  return statement.step() ? statement.number(0) : 0;
}

std::string Database::text(const char* sql) {
  Statement statement(*this, sql);
  return statement.step() ? std::string(statement.bytes(0)) : std::string();
}

void Database::close() {
  if (db_ != nullptr) sqlite3_close_v2(std::exchange(db_, nullptr));
}

Statement::Statement(Database& db, const char* sql) {
  const int rc = sqlite3_prepare_v3(db.raw(), sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt_, nullptr);
  if (rc != SQLITE_OK) db.fail(rc);
}

void Statement::check(int code) const {
  if (code == SQLITE_OK) return;
  sqlite3* db = sqlite3_db_handle(stmt_);
  const int base = code & 0xFF;
  const int system =
      base == SQLITE_IOERR || base == SQLITE_CANTOPEN || base == SQLITE_FULL ? sqlite3_system_errno(db) : 0;
  SqlFailure failure{code, system, sqlite3_errmsg(db)};
  sqlite3_reset(stmt_);
  throw failure;
}

bool Statement::step() {
  const int rc = sqlite3_step(stmt_);
  if (rc == SQLITE_ROW) return true;
  if (rc != SQLITE_DONE) check(rc);
  return false;
}

void Statement::run() {
  while (step()) {
  }
  sqlite3_reset(stmt_);
}

void Statement::reset() { sqlite3_reset(stmt_); }

std::string_view Statement::bytes(int column) const {
  const void* data = sqlite3_column_blob(stmt_, column);
  return {static_cast<const char*>(data), static_cast<std::size_t>(sqlite3_column_bytes(stmt_, column))};
}

void Statement::bind(int i, std::string_view blob) {
  // A null pointer would bind NULL.
  check(sqlite3_bind_blob64(stmt_, i, blob.data() != nullptr ? blob.data() : "", blob.size(), SQLITE_STATIC));
}

std::string engine_version() { return std::string("SQLite ") + sqlite3_libversion(); }

}  // namespace sluice::store
