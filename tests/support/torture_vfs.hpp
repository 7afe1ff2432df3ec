// A disk for SQLite that loses power on request, after the idea of SQLite's own crash tests: what is written
// is held back until it is synced; at the k-th sync the power fails and each sector that was not synced is
// kept, lost or garbled. Files live in memory. Also says "no space" and fails fsync. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

namespace sluice::test {

class TortureVfs {
 public:
  explicit TortureVfs(std::string name);  // StoreOptions::vfs
  ~TortureVfs();
  TortureVfs(const TortureVfs&) = delete;
  TortureVfs& operator=(const TortureVfs&) = delete;

  const std::string& name() const { return name_; }
  // The power fails at the nth sync from now (1: the next). `seed` decides what becomes of each sector.
  void crash_at_sync(std::uint64_t nth, std::uint64_t seed);
  bool crashed() const;
  // The power is back: the files hold what the crash left.
  void reboot();
  std::uint64_t syncs() const;

  std::atomic<bool> full = false;       // writes that make a file longer answer ENOSPC
  std::atomic<bool> fail_sync = false;  // fsync answers EIO, and forgets what it did not write

  // For files that a test damages.
  std::string content(const std::string& path) const;

  struct Disk;

 private:
  std::string name_;
  std::unique_ptr<Disk> disk_;
};

}  // namespace sluice::test
