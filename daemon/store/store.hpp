// What we promised not to lose. One SQLite file (queue.db) holds, in one transaction, everything that one
// acknowledgement depends on: readings for the cloud, the ledger's counts, durable MQTT state.
//
//   loop thread                                     store thread
//   append(), put(), count() ─▶ open batch ──▶ BEGIN … INSERT chunks … COMMIT (synchronous=FULL)
//   on_committed(ticket) ◀──────────────────────────────┘      meanwhile the next batch grows
//
// Group commit without a timer: what arrives while one commit runs goes into the next. All methods on the
// loop thread; every callback is posted to it, never called from inside. No other room includes <sqlite3.h>.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/message.hpp"

namespace boost::asio {
class io_context;
}

namespace sluice::store {

// Seconds on a clock that counts on across restarts and reboots (power-off time is added when the wall clock
// was plausible before and after). Time to live is measured on it.
using StoreSeconds = std::uint32_t;
inline constexpr StoreSeconds kNever = 0;

enum class WhenFull : std::uint8_t {
  drop_oldest,  // the oldest reading of the lowest priority makes room; counted as displaced
  refuse,       // append() answers full
};

struct StoreOptions {
  std::filesystem::path directory;       // queue.db lives here; created 0700 if missing
  std::uint64_t max_bytes = 2ULL << 30;  // payload and record headers of queued readings
  WhenFull when_full = WhenFull::drop_oldest;
  Duration commit_delay{};                   // waits this long for more before a commit; 0: none
  std::size_t memory_tail_bytes = 16 << 20;  // readings just committed, kept so that live reads skip the disk
  std::size_t max_batch_bytes = 4 << 20;     // an open batch above this: pressure() tells listeners to pause
  std::uint64_t reserve_bytes = 8 << 20;     // ballast file, given up when the disk is full
  std::uint64_t max_dead_letters = 10'000;   // the oldest goes first
  std::string vfs;                           // SQLite VFS name; empty: the default (tests)
};

struct Append {
  LaneId lane = kGatewayLane;
  Priority priority = 0;         // 0..9
  NameId device = 0, route = 0;  // from name_id()
  StoreSeconds ttl = kNever;     // seconds from now; kNever: none
  std::string_view topic;        // in the cloud
  std::string_view payload;
  std::string_view properties;  // opaque to the store, travels with the record
};

// Where a record is. Ids rise in the order of commit, over all lanes, and never come again in this file.
struct RecordKey {
  LaneId lane = 0;
  Priority priority = 0;
  std::uint64_t id = 0;
  bool operator==(const RecordKey&) const = default;
};

struct Record {
  RecordKey key;
  NameId device = 0, route = 0;
  StoreSeconds expires = kNever;
  std::int64_t wall_ms = 0;  // when it arrived; corrected if it came before the clock was plausible
  bool wall_is_plausible = true;
  std::string_view topic, payload, properties;  // views into the batch
};

struct Batch {
  std::vector<Record> records;                          // by id
  std::vector<std::shared_ptr<const void>> keep_alive;  // the records' memory
  bool more = false;                                    // there is more in the range
};

// A part of one lane: records with after < id < before.
struct Range {
  LaneId lane = kGatewayLane;
  Priority priority = 0;
  std::uint64_t after = 0;
  std::uint64_t before = UINT64_MAX;
};

struct LedgerRow {
  NameId device = 0;
  LedgerReason reason{};
  std::uint64_t count = 0, bytes = 0;
  std::int64_t first_ms = 0, last_ms = 0;  // wall clock
};

struct DeadLetter {
  std::uint64_t id = 0;
  LaneId lane = 0;
  NameId device = 0;
  std::int64_t wall_ms = 0;
  std::string topic, reason;  // reason in words
  std::string payload;
};

struct LaneDepth {
  LaneId lane = 0;
  Priority priority = 0;
  std::uint64_t count = 0, bytes = 0;
};

// accepted = delivered + queued + sum of the ledger, at every commit.
struct Totals {
  std::uint64_t accepted = 0, delivered = 0, queued = 0, queued_bytes = 0;
  std::uint64_t dead_letters = 0;
};

struct Health {
  bool writable = true;                          // false: nothing is acknowledged now
  std::string trouble;                           // in words, with what to do; empty: none
  std::uint64_t commits = 0, written_bytes = 0;  // to WAL and database, since start
  double commit_ms_p50 = 0, commit_ms_p99 = 0;   // over the last thousand commits
  std::uint64_t tail_hits = 0, disk_reads = 0;
};

// The durable key-value state of other rooms, in the same transactions. Spaces are numbered by their owners:
// 1..15 the MQTT broker's Journal, 16.. the rooms (see docs/architecture.md).
using Space = std::uint8_t;

class Store {
 public:
  virtual ~Store() = default;

  // The number of a name (device, route); made on first use and durable before anything that uses it.
  virtual NameId name_id(std::string_view name) = 0;
  virtual std::string name(NameId id) const = 0;

  // Takes a reading into the open batch. The reading is safe at on_committed(>= ticket).
  // Errors: full (policy refuse), invalid_argument, io/disk_full/sync_failed (see health()): nothing was
  // taken.
  virtual result<Ticket> append(const Append& append) = 0;
  // A reading that was accepted and ended here by policy, without being stored: counts in accepted and in the
  // ledger.
  virtual void count(NameId device, LedgerReason reason, std::uint64_t bytes, std::uint64_t n = 1) = 0;
  // A reading that was accepted and can never be delivered: a dead letter and a ledger row (poison).
  virtual result<Ticket> append_dead_letter(const Append& append, std::string_view reason) = 0;

  virtual void put(Space space, std::string_view key, std::string_view value) = 0;
  virtual void erase(Space space, std::string_view key) = 0;
  // The ticket of the open batch if it has anything in it, of the last batch otherwise.
  virtual Ticket ticket() const = 0;
  virtual Ticket committed() const = 0;
  // All of a space, as committed; blocks. For start-up.
  virtual result<void> scan(Space space,
                            const std::function<void(std::string_view key, std::string_view value)>& fn) = 0;

  // One reader per cursor: up to max_bytes (at least one record if there is one). Expired records are left
  // out and counted. `done` comes on the loop; errors: closed, io, corrupt (the damaged chunk is then set
  // aside and counted; reading goes on).
  virtual void read(const Range& range, std::size_t max_bytes, std::function<void(result<Batch>)> done) = 0;
  // The cloud has acknowledged these. Written lazily (with the next commit, at most 250 ms later): after a
  // crash they may be delivered again.
  virtual void delivered(std::span<const RecordKey> keys) = 0;
  // These leave by a policy; counted.
  virtual void drop(std::span<const RecordKey> keys, LedgerReason reason) = 0;
  // This one becomes a dead letter (and counts as poison).
  virtual void set_aside(const RecordKey& key, std::string_view reason) = 0;
  // Everything of a lane moves to another (a device lost or gained its identity), or is dropped.
  virtual void drop_lane(LaneId lane, LedgerReason reason) = 0;

  virtual void dead_letters(std::uint64_t after_id, std::size_t limit,
                            std::function<void(result<std::vector<DeadLetter>>)> done) = 0;
  // Back into its lane's queue, behind everything; its ledger row shrinks by one.
  virtual void replay_dead_letter(std::uint64_t id, std::function<void(result<void>)> done) = 0;
  virtual void delete_dead_letter(std::uint64_t id, std::function<void(result<void>)> done) = 0;

  virtual Totals totals() const = 0;  // as of the last commit
  virtual std::vector<LaneDepth> depths() const = 0;
  virtual std::uint64_t queued(LaneId lane) const = 0;
  virtual std::vector<LedgerRow> ledger() const = 0;
  virtual Health health() const = 0;
  virtual std::uint64_t next_id() const = 0;  // every record committed later has an id >= this
  virtual StoreSeconds now() const = 0;
  virtual std::string instance() const = 0;  // 8 hex digits made with the file: record ids are unique with it
  // True while the open batch is above max_batch_bytes: stop reading from devices.
  virtual bool pressure() const = 0;

  // One subscriber each; set before the loop runs.
  using OnCommitted = std::function<void(Ticket ticket, std::span<const LaneId> lanes_with_new_records)>;
  virtual void on_committed(OnCommitted fn) = 0;
  // The store is dead (fsync failed): the process must end with the documented exit code; systemd starts it
  // anew.
  virtual void on_failed(std::function<void(const Error&)> fn) = 0;
  // pressure() has ended, or writable has become true again.
  virtual void on_relieved(std::function<void()> fn) = 0;

  // Commits what is open, checkpoints, closes; blocks. Destruction does it too.
  virtual void close() = 0;
};

// What open() had to do, for the log and the status.
struct Opening {
  std::unique_ptr<Store> store;
  std::string
      trouble;  // e.g. "queue.db was damaged: set aside as …, 41,022 readings salvaged, 3 lost"; empty: none
};

// Opens or makes the store; migrates; sets a damaged file aside and salvages it. Errors: io (path and owner
// in the text), newer_schema, disk_full.
result<Opening> open_store(const StoreOptions& options, boost::asio::io_context& loop, Clock& clock, Log log);

// "SQLite 3.40.1"; for --version.
std::string engine_version();

}  // namespace sluice::store
