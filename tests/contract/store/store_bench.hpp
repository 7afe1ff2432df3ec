// One Store under test, fake or real, with the few things that differ: how a commit comes about and how it is
// opened again.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "store/store.hpp"
#include "tests/support/memory_store.hpp"
#include "tests/support/scratch.hpp"
#include "tests/support/virtual_clock.hpp"

namespace sluice::test {

enum class Which { memory, file };

class StoreContract : public testing::TestWithParam<Which> {
 protected:
  void open(store::StoreOptions options = {}) {
    options.directory = scratch_.path();
    options.reserve_bytes = 0;
    options_ = options;
    if (GetParam() == Which::memory) {
      auto made = std::make_unique<MemoryStore>(loop_, clock_, options);
      memory_ = made.get();
      memory_->commit_by_itself(true);
      store_ = std::move(made);
    } else {
      auto opened = store::open_store(options, loop_, clock_, Log());
      ASSERT_TRUE(opened) << opened.error().text;
      EXPECT_EQ(opened->trouble, "");
      store_ = std::move(opened->store);
    }
    store_->on_committed([this](Ticket ticket, std::span<const LaneId> lanes) {
      announced_.push_back(ticket);
      lanes_.insert(lanes_.end(), lanes.begin(), lanes.end());
    });
    store_->on_relieved([this] { ++relieved_; });
  }

  // Everything that can happen without time passing.
  void turn() {
    loop_.restart();
    loop_.run();
  }
  // ... and with the 250 ms that acknowledgements may wait.
  void settle() {
    turn();
    clock_.advance(250ms);
    turn();
  }

  Ticket add(std::string_view payload, LaneId lane = 0, Priority priority = 0, store::StoreSeconds ttl = 0,
             NameId device = 1) {
    auto ticket = store_->append({.lane = lane,
                                  .priority = priority,
                                  .device = device,
                                  .route = 2,
                                  .ttl = ttl,
                                  .topic = "dt/x",
                                  .payload = payload,
                                  .properties = "pp"});
    EXPECT_TRUE(ticket);
    return ticket ? *ticket : 0;
  }

  struct Got {
    std::vector<store::RecordKey> keys;
    std::vector<std::string> payloads;
    bool more = false;
  };
  Got read(const store::Range& range = {}, std::size_t max_bytes = 1 << 20) {
    Got got;
    bool answered = false;
    store_->read(range, max_bytes, [&](result<store::Batch> batch) {
      answered = true;
      ASSERT_TRUE(batch) << batch.error().text;
      for (const auto& r : batch->records) {
        got.keys.push_back(r.key);
        got.payloads.emplace_back(r.payload);
        EXPECT_EQ(r.topic, "dt/x");
        EXPECT_EQ(r.properties, "pp");
      }
      got.more = batch->more;
    });
    EXPECT_FALSE(answered) << "a callback came from inside the call";
    turn();
    EXPECT_TRUE(answered);
    return got;
  }

  std::uint64_t ledger(LedgerReason reason) const {
    std::uint64_t n = 0;
    for (const auto& row : store_->ledger()) n += row.reason == reason ? row.count : 0;
    return n;
  }
  void expect_balance() const {
    std::uint64_t ended = 0;
    for (const auto& row : store_->ledger()) ended += row.count;
    const auto t = store_->totals();
    EXPECT_EQ(t.accepted, t.delivered + t.queued + ended);
  }

  Scratch scratch_;
  boost::asio::io_context loop_{1};
  VirtualClock clock_;
  store::StoreOptions options_;
  std::unique_ptr<store::Store> store_;
  MemoryStore* memory_ = nullptr;
  std::vector<Ticket> announced_;
  std::vector<LaneId> lanes_;
  int relieved_ = 0;
};

}  // namespace sluice::test
