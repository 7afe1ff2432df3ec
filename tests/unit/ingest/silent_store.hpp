// A store that takes everything and keeps nothing: what is measured with it is ingest alone.
#pragma once

#include "store/store.hpp"

namespace sluice::ingest::test {

class SilentStore final : public store::Store {
 public:
  std::uint64_t appended = 0, bytes = 0;

  NameId name_id(std::string_view) override { return ++names_; }
  std::string name(NameId) const override { return {}; }
  result<Ticket> append(const store::Append& append) override {
    bytes += append.topic.size() + append.payload.size();
    return Ticket{++appended};
  }
  void count(NameId, LedgerReason, std::uint64_t, std::uint64_t) override {}
  result<Ticket> append_dead_letter(const store::Append&, std::string_view) override { return Ticket{1}; }
  void put(store::Space, std::string_view, std::string_view) override {}
  void erase(store::Space, std::string_view) override {}
  Ticket ticket() const override { return appended; }
  Ticket committed() const override { return appended; }
  result<void> scan(store::Space, const std::function<void(std::string_view, std::string_view)>&) override {
    return {};
  }
  void read(const store::Range&, std::size_t, std::function<void(result<store::Batch>)>) override {}
  void delivered(std::span<const store::RecordKey>) override {}
  void drop(std::span<const store::RecordKey>, LedgerReason) override {}
  void set_aside(const store::RecordKey&, std::string_view) override {}
  void drop_lane(LaneId, LedgerReason) override {}
  void dead_letters(std::uint64_t, std::size_t,
                    std::function<void(result<std::vector<store::DeadLetter>>)>) override {}
  void replay_dead_letter(std::uint64_t, std::function<void(result<void>)>) override {}
  void delete_dead_letter(std::uint64_t, std::function<void(result<void>)>) override {}
  store::Totals totals() const override { return {}; }
  std::vector<store::LaneDepth> depths() const override { return {}; }
  std::uint64_t queued(LaneId) const override { return 0; }
  std::vector<store::LedgerRow> ledger() const override { return {}; }
  store::Health health() const override { return {}; }
  std::uint64_t next_id() const override { return 1; }
  store::StoreSeconds now() const override { return 1; }
  std::string instance() const override { return {}; }
  bool pressure() const override { return false; }
  void on_committed(OnCommitted) override {}
  void on_failed(std::function<void(const Error&)>) override {}
  void on_relieved(std::function<void()>) override {}
  void close() override {}

 private:
  NameId names_ = 0;
};

}  // namespace sluice::ingest::test
