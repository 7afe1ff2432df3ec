// A Store without a disk, for the tests of other rooms: the test says when a commit happens and when the disk
// is full or dead. tests/contract/store holds it to what the real one does.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "store/store.hpp"

namespace sluice::test {

class MemoryStore final : public store::Store {
 public:
  MemoryStore(boost::asio::io_context& loop, Clock& clock, store::StoreOptions options = {});
  ~MemoryStore() override;

  // What is open becomes durable; on_committed is posted (run or poll the loop to see it).
  void commit();
  // Commits by itself, one loop turn after something was written, as the real one does.
  void commit_by_itself(bool on) { by_itself_ = on; }
  // append() answers this until accept_writes(); health() tells it. errc::disk_full, errc::io.
  void refuse_writes(Error error);
  void accept_writes();  // posts on_relieved
  // As after a failed fsync: nothing is committed any more; posts on_failed.
  void fail(Error error);
  void press(bool on);  // pressure(), whatever is open; off posts on_relieved
  // Everything that is not committed is gone, as after a kill; callbacks stay subscribed.
  void lose_uncommitted();

  NameId name_id(std::string_view name) override;
  std::string name(NameId id) const override;
  result<Ticket> append(const store::Append& append) override;
  void count(NameId device, LedgerReason reason, std::uint64_t bytes, std::uint64_t n = 1) override;
  result<Ticket> append_dead_letter(const store::Append& append, std::string_view reason) override;
  void put(store::Space space, std::string_view key, std::string_view value) override;
  void erase(store::Space space, std::string_view key) override;
  Ticket ticket() const override;
  Ticket committed() const override { return committed_; }
  result<void> scan(store::Space space,
                    const std::function<void(std::string_view, std::string_view)>& fn) override;
  void read(const store::Range& range, std::size_t max_bytes,
            std::function<void(result<store::Batch>)> done) override;
  void delivered(std::span<const store::RecordKey> keys) override;
  void drop(std::span<const store::RecordKey> keys, LedgerReason reason) override;
  void set_aside(const store::RecordKey& key, std::string_view reason) override;
  void drop_lane(LaneId lane, LedgerReason reason) override;
  void dead_letters(std::uint64_t after_id, std::size_t limit,
                    std::function<void(result<std::vector<store::DeadLetter>>)> done) override;
  void replay_dead_letter(std::uint64_t id, std::function<void(result<void>)> done) override;
  void delete_dead_letter(std::uint64_t id, std::function<void(result<void>)> done) override;
  store::Totals totals() const override { return totals_; }
  std::vector<store::LaneDepth> depths() const override;
  std::uint64_t queued(LaneId lane) const override;
  std::vector<store::LedgerRow> ledger() const override;
  store::Health health() const override;
  std::uint64_t next_id() const override { return next_id_; }
  store::StoreSeconds now() const override;
  std::string instance() const override { return "0badcafe"; }
  bool pressure() const override;
  void on_committed(OnCommitted fn) override { on_committed_ = std::move(fn); }
  void on_failed(std::function<void(const Error&)> fn) override { on_failed_ = std::move(fn); }
  void on_relieved(std::function<void()> fn) override { on_relieved_ = std::move(fn); }
  void close() override;

 private:
  struct Held {  // a record
    LaneId lane = 0;
    Priority priority = 0;
    NameId device = 0, route = 0;
    store::StoreSeconds expires = 0;
    std::int64_t wall_ms = 0;
    bool plausible = true;
    std::string topic, payload, properties;
    std::uint64_t size() const { return topic.size() + payload.size() + properties.size() + 12; }
  };
  struct Letter {
    std::string reason;
    Held record;
  };
  struct Place {  // lane, then 9 - priority, then id: the order of reading
    LaneId lane = 0;
    int rank = 0;
    std::uint64_t id = 0;
    auto operator<=>(const Place&) const = default;
  };
  using Queue = std::map<Place, std::shared_ptr<const Held>>;
  using Change = std::function<void()>;

  static Place place(const store::RecordKey& key) { return {key.lane, 9 - key.priority, key.id}; }
  Held hold(const store::Append& append) const;
  void soon();   // something that must be durable was written
  void later();  // something that may wait 250 ms
  void change(Change fn, bool eager);
  void enqueue(Held held);
  void make_room();
  void ledge(NameId device, LedgerReason reason, std::uint64_t bytes, std::uint64_t n);
  // Takes a record out of the queue at the commit; false: it had gone already.
  bool take(const store::RecordKey& key, std::shared_ptr<const Held>* out = nullptr);
  void bury(Held held, std::string reason);
  void post(std::function<void()> fn);
  void tell_relieved();

  boost::asio::io_context& loop_;
  Clock& clock_;
  store::StoreOptions options_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

  std::map<std::string, NameId, std::less<>> names_;
  std::vector<std::string> name_texts_{""};
  std::vector<Change> open_;   // applied in order by commit()
  std::vector<LaneId> lanes_;  // that the open batch appends to
  std::uint64_t open_bytes_ = 0, open_records_ = 0;
  bool dirty_ = false, flush_posted_ = false, by_itself_ = false;
  Timer lazy_;

  Ticket committed_ = 0;
  Queue queue_;
  std::map<Place, bool> hidden_;  // delivered or dropped, not yet committed
  std::map<std::pair<NameId, LedgerReason>, store::LedgerRow> ledger_;
  std::map<std::uint64_t, Letter> letters_;
  std::map<std::pair<store::Space, std::string>, std::string> state_;
  store::Totals totals_;
  std::uint64_t next_id_ = 1, next_letter_ = 1;

  std::optional<Error> refusing_;
  bool failed_ = false, closed_ = false, pressed_ = false;
  OnCommitted on_committed_;
  std::function<void(const Error&)> on_failed_;
  std::function<void()> on_relieved_;
};

}  // namespace sluice::test
