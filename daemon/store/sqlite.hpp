// SQLite in the few words that this room needs. Calls throw SqlFailure; the rooms' own functions (Writer,
// open_store, Registry) catch it and answer with an Error, so it never leaves the store's .cpp files. One
// thread at a time.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "core/error.hpp"

namespace sluice::store {

struct SqlFailure {
  int code = 0;    // extended result code
  int system = 0;  // errno, where the VFS knows it
  std::string text;
};

bool is_full(const SqlFailure& failure);  // no space; the same may work later
bool is_corrupt(const SqlFailure& failure);
bool is_out_of_memory(const SqlFailure& failure);
// In words, with the file.
Error to_error(const SqlFailure& failure, const std::filesystem::path& file);

class Database {
 public:
  Database() = default;
  Database(const std::filesystem::path& file, int flags, const char* vfs);  // SQLITE_OPEN_…
  ~Database() { close(); }
  Database(Database&& other) noexcept : db_(std::exchange(other.db_, nullptr)) {}
  Database& operator=(Database&& other) noexcept {
    std::swap(db_, other.db_);
    return *this;
  }

  void exec(const char* sql);
  void exec(const std::string& sql) { exec(sql.c_str()); }
  std::int64_t number(const char* sql);  // the first column of the first row; 0 if none
  std::string text(const char* sql);
  void close();  // all statements must be gone
  [[noreturn]] void fail(int code) const;
  sqlite3* raw() const { return db_; }
  explicit operator bool() const { return db_ != nullptr; }

 private:
  sqlite3* db_ = nullptr;
};

class Statement {
 public:
  Statement() = default;
  Statement(Database& db, const char* sql);
  ~Statement() { sqlite3_finalize(stmt_); }
  Statement(Statement&& other) noexcept : stmt_(std::exchange(other.stmt_, nullptr)) {}
  Statement& operator=(Statement&& other) noexcept {
    std::swap(stmt_, other.stmt_);
    return *this;
  }

  // Binds from the first parameter on. Text and blobs must stay until the statement is reset.
  template <typename... A>
  Statement& with(const A&... values) {
    int i = 0;
    (bind(++i, values), ...);
    return *this;
  }
  template <typename T>
  void set(int parameter, const T& value) {
    bind(parameter, value);
  }
  bool step();  // true: a row
  void run();   // to the end, then reset
  void reset();
  std::int64_t number(int column) const { return sqlite3_column_int64(stmt_, column); }
  bool null(int column) const { return sqlite3_column_type(stmt_, column) == SQLITE_NULL; }
  std::string_view bytes(int column) const;  // until the next step or reset

 private:
  template <typename T>
    requires std::is_integral_v<T>
  void bind(int i, T value) {
    check(sqlite3_bind_int64(stmt_, i, static_cast<sqlite3_int64>(value)));
  }
  void bind(int i, std::string_view blob);
  void check(int code) const;

  sqlite3_stmt* stmt_ = nullptr;
};

// Resets a statement when the scope ends, however it ends.
class Query {
 public:
  explicit Query(Statement& statement) : statement_(statement) {}
  ~Query() { statement_.reset(); }
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  bool step() { return statement_.step(); }
  std::int64_t number(int column) const { return statement_.number(column); }
  std::string_view bytes(int column) const { return statement_.bytes(column); }
  bool null(int column) const { return statement_.null(column); }

 private:
  Statement& statement_;
};

}  // namespace sluice::store
