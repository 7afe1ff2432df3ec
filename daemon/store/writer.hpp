// The store thread's side: owns queue.db, turns Jobs into transactions, reads ranges, does the chores.
// Everything is called on one thread (open() before that thread starts). Never throws; a dead Outcome is
// final.
#pragma once

#include <memory>

#include "core/failpoint.hpp"
#include "store/ballast.hpp"
#include "store/counting_vfs.hpp"
#include "store/transaction.hpp"

namespace sluice::store {

struct WriterOptions {
  std::filesystem::path file;  // queue.db
  Bounds bounds;
  std::uint64_t reserve_bytes = 0;
  std::string vfs;
};

struct BootRow {
  std::uint32_t id = 0;
  std::string boot_id;
  std::optional<std::int64_t> offset_ms;
};

// What the file remembers; read once at start.
struct Remembered {
  Accounts accounts;
  Sequence next_sequence = 1;
  std::vector<std::pair<NameId, std::string>> names;
  std::vector<LaneDrop> lane_drops;
  std::vector<BootRow> boots;
  std::uint32_t boot = 0;  // this boot's row, made if needed
  std::string instance;
  StoreSeconds store_seconds = 0;
  std::int64_t wall_seconds = 0, boot_seconds = 0;
  bool same_boot = false;  // boot_seconds counts in the boot that runs now
};

// The walk over all chunks that finds expired ones, a few hundred at a time. It only reads; it starts again
// when something in the queue can have expired since.
struct Sweep {
  ChunkId cursor = 0;
  StoreSeconds due = 1;           // kNever: nothing in the queue expires
  StoreSeconds soonest = kNever;  // of what this walk has seen
};

class Writer {
 public:
  Writer(WriterOptions options, FailPoints& failpoints);
  ~Writer();

  // Opens or makes the file and brings it to the newest schema. Errors: corrupt, io, newer_schema, disk_full.
  result<Remembered> open(std::string_view boot_id);
  Outcome commit(Job& job);
  DiskRead read(QueueKey queue, Sequence from, Sequence to, std::size_t max_bytes);
  Outcome chores(const Moment& moment, bool idle);
  // After a commit was reported: moves the WAL into the file when it has grown.
  Outcome checkpoint_if_due();
  // Tries to get the ballast back; true: there is room again.
  bool has_room();
  result<void> scan(Space space, const std::function<void(std::string_view, std::string_view)>& fn);
  result<std::vector<DeadLetter>> dead_letters(std::uint64_t after_id, std::size_t limit);
  void close();

  std::uint64_t written_bytes() const { return vfs_.written(); }  // any thread

 private:
  void apply(Transaction& transaction, Job& job, bool with_appends);
  Outcome run(Job& job, bool with_appends);
  template <typename Body>
  Outcome transact(const Moment& moment, Body body);
  // The next few chunks; those that have expired. True: the walk goes on.
  bool sweep(StoreSeconds now, std::vector<ChunkId>& expired);
  void rest(bool idle, bool& more);
  void rollback();
  Outcome failed(const SqlFailure& failure);
  void step_through(const char* failpoint);

  WriterOptions options_;
  FailPoints& failpoints_;
  CountingVfs vfs_;
  Ballast ballast_;
  Database db_;
  std::unique_ptr<Queries> sql_;
  Accounts accounts_;
  ChunkCache cache_;
  Sweep sweep_;
  int wal_pages_ = 0;
  bool dead_ = false;
};

}  // namespace sluice::store
