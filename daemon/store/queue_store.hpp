// The Store over queue.db, as seen from the loop: the open batch, the tail in memory, what has gone but is
// not yet written. Made by open_store(); nobody else includes this.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "core/backoff.hpp"
#include "store/open_batch.hpp"
#include "store/store_time.hpp"
#include "store/tail.hpp"
#include "store/worker.hpp"
#include "store/writer.hpp"

namespace sluice::store {

// What must outlive the store thread, and be there before it.
struct QueueFile {
  explicit QueueFile(WriterOptions options, FailPoints given)
      : failpoints(std::move(given)), writer(std::move(options), failpoints) {}
  FailPoints failpoints;
  Writer writer;
  std::atomic<bool> closing = false;  // reads that wait are answered at once
  int lock = -1;                      // file descriptor of the directory's lock
};

class QueueStore final : public Store {
 public:
  QueueStore(const StoreOptions& options, std::unique_ptr<QueueFile> file, Remembered remembered,
             boost::asio::io_context& loop, Clock& clock, Log log);
  ~QueueStore() override;

  NameId name_id(std::string_view name) override;
  std::string name(NameId id) const override;
  result<Ticket> append(const Append& append) override;
  void count(NameId device, LedgerReason reason, std::uint64_t bytes, std::uint64_t n) override;
  result<Ticket> append_dead_letter(const Append& append, std::string_view reason) override;
  void put(Space space, std::string_view key, std::string_view value) override;
  void erase(Space space, std::string_view key) override;
  Ticket ticket() const override { return open_.job().eager ? next_ticket_ : next_ticket_ - 1; }
  Ticket committed() const override { return committed_; }
  result<void> scan(Space space, const std::function<void(std::string_view, std::string_view)>& fn) override;
  void read(const Range& range, std::size_t max_bytes, std::function<void(result<Batch>)> done) override;
  void delivered(std::span<const RecordKey> keys) override;
  void drop(std::span<const RecordKey> keys, LedgerReason reason) override;
  void set_aside(const RecordKey& key, std::string_view reason) override;
  void drop_lane(LaneId lane, LedgerReason reason) override;
  void dead_letters(std::uint64_t after_id, std::size_t limit,
                    std::function<void(result<std::vector<DeadLetter>>)> done) override;
  void replay_dead_letter(std::uint64_t id, std::function<void(result<void>)> done) override;
  void delete_dead_letter(std::uint64_t id, std::function<void(result<void>)> done) override;
  Totals totals() const override { return accounts_.totals; }
  std::vector<LaneDepth> depths() const override { return accounts_.depths(); }
  std::uint64_t queued(LaneId lane) const override { return accounts_.queued(lane); }
  std::vector<LedgerRow> ledger() const override { return accounts_.ledger(); }
  Health health() const override;
  std::uint64_t next_id() const override {
    return record_id(in_flight_ ? in_flight_->first_sequence : next_sequence_, 0);
  }
  StoreSeconds now() const override { return time_.now(); }
  std::string instance() const override { return instance_; }
  bool pressure() const override { return open_.job().bytes > options_.max_batch_bytes; }
  void on_committed(OnCommitted fn) override { on_committed_ = std::move(fn); }
  void on_failed(std::function<void(const Error&)> fn) override { on_failed_ = std::move(fn); }
  void on_relieved(std::function<void()> fn) override { on_relieved_ = std::move(fn); }
  void close() override;

 private:
  struct Pending {  // a read
    Range range;
    std::size_t max_bytes = 0;
    std::function<void(result<Batch>)> done;
  };
  using Answer = std::function<void()>;

  // queue_commit.cpp
  void soon();   // a commit is wanted
  void later();  // something may wait for 250 ms
  void hand_over();
  void submit();
  void finish(Outcome outcome, Ticket ticket);
  void took_effect(Outcome& outcome);  // books, tail, marks
  void announce(const Outcome& outcome);
  void stall(const Error& error);
  void retry();
  void relieve();
  void die(const Error& error);
  void answer_orders(Job& job);
  void plan_chores(Duration in);
  void chores();
  void absorb(Job& into, Job& from);
  std::optional<Error> why_not() const;  // appends are refused now

  // queue_read.cpp
  void serve(Pending pending);
  void serve_disk(Pending pending, DiskRead found);
  // False: the batch is full.
  bool collect(const ChunkPtr& chunk, const Pending& pending, Batch& batch, std::size_t& bytes,
               std::uint64_t& seen, std::vector<RecordKey>& expired);
  void finish_read(Pending pending, Batch batch, const std::vector<RecordKey>& expired);
  void remember_read(const ChunkPtr& chunk);

  bool mark_gone(const RecordKey& key);  // false: it was
  void post(Answer fn);

  const StoreOptions options_;
  boost::asio::io_context& loop_;
  Clock& clock_;
  Log log_;
  std::unique_ptr<QueueFile> file_;
  Worker worker_;
  StoreTime time_;

  OpenBatch open_;
  std::shared_ptr<Job> in_flight_;  // handed over, perhaps stalled
  bool busy_ = false;               // the store thread has in_flight_
  bool hand_over_posted_ = false;
  Ticket next_ticket_ = 1, committed_ = 0;
  Sequence next_sequence_;
  Timer delay_timer_, lazy_timer_, retry_timer_, chores_timer_;
  Backoff retry_backoff_;
  MonoTime submitted_{}, last_commit_{};

  Accounts accounts_;
  Tail tail_;
  std::unordered_map<ChunkId, Marks> gone_;  // of chunks that are still there
  std::deque<ChunkPtr> read_last_;           // from the disk, for readers with small batches
  std::unordered_set<ChunkId> damaged_;      // reported, not yet written
  std::unordered_map<LaneId, Sequence> dropped_before_;
  std::deque<std::string> names_;  // by id
  std::unordered_map<std::string_view, NameId> name_ids_;
  std::string instance_;

  std::optional<Error> stalled_, failed_;
  bool low_space_ = false, closed_ = false, settling_ = false, was_pressed_ = false, names_full_ = false;
  std::vector<float> latencies_;  // ms, ring
  std::uint64_t commits_ = 0, tail_hits_ = 0, disk_reads_ = 0;
  OnCommitted on_committed_;
  std::function<void(const Error&)> on_failed_;
  std::function<void()> on_relieved_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace sluice::store
