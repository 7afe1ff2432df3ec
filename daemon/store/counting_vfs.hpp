// A VFS over another one that counts what is written and synced, for the wear of flash storage (Health) and
// the bench. One per open database, registered under a name of its own and taken back with it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

namespace sluice::store {

class CountingVfs {
 public:
  // `base`: a registered VFS; empty: SQLite's default.
  explicit CountingVfs(const std::string& base);
  ~CountingVfs();
  CountingVfs(const CountingVfs&) = delete;
  CountingVfs& operator=(const CountingVfs&) = delete;

  const char* name() const;  // for sqlite3_open_v2
  std::uint64_t written() const { return written_.load(std::memory_order_relaxed); }
  std::uint64_t syncs() const { return syncs_.load(std::memory_order_relaxed); }

  struct Shim;

 private:
  std::atomic<std::uint64_t> written_ = 0, syncs_ = 0;
  std::unique_ptr<Shim> shim_;
};

}  // namespace sluice::store
