// A store on a disk of its own, with a clock that the test moves, and an oracle that knows what the store has
// promised.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "store/store.hpp"
#include "tests/support/scratch.hpp"
#include "tests/support/virtual_clock.hpp"

namespace sluice::test {

class House {
 public:
  House() { options.directory = scratch.path(); }
  // Uses a directory that outlives it.
  explicit House(std::filesystem::path directory) { options.directory = std::move(directory); }

  result<void> try_open();
  void open();  // and expect it to work
  void close() { store.reset(); }
  // The loop runs until it and the store thread are idle.
  void turn();
  // ... and after the 250 ms that acknowledgements may wait.
  void settle();
  // ... and after the store has had time for its chores.
  void rest();

  Ticket add(std::string_view payload, LaneId lane = 0, Priority priority = 5, store::StoreSeconds ttl = 0);
  std::vector<store::RecordKey> keys(LaneId lane = 0, Priority priority = 5, std::uint64_t after = 0);
  std::vector<std::string> payloads(LaneId lane = 0, Priority priority = 5);
  std::map<std::string, std::string> state(store::Space space);
  std::uint64_t ledger(LedgerReason reason) const;
  void expect_balance() const;
  // The file's own opinion, by PRAGMA integrity_check; the store must be closed.
  std::string integrity() const;

  Scratch scratch;
  boost::asio::io_context loop{1};
  VirtualClock clock;
  store::StoreOptions options;
  std::unique_ptr<store::Store> store;
  std::string trouble;
  std::vector<Error> failures;
  std::vector<std::string> log_lines;
  int relieved = 0;
  std::function<void(Ticket)> on_commit;
};

// A life of a store: readings of several sizes, lanes and priorities, session state, acknowledgements, drops,
// dead letters, checkpoints. What is promised is told as it happens, so that it can be checked after any end.
class Life {
 public:
  // `tell` gets "A <payload>" when a reading has been announced as committed, "S <version>" for the state, "G
  // <payload>" before a reading is given up (delivered or dropped), "P <payload>" before it is appended.
  Life(House& house, std::function<void(const std::string&)> tell) : house_(house), tell_(std::move(tell)) {}
  void live(int rounds);

 private:
  House& house_;
  std::function<void(const std::string&)> tell_;
  int next_ = 0;
};

struct Promises {
  std::set<std::string> appended, announced, given_up;
  int state_at_least = 0, state_at_most = 0;
  void hear(const std::string& line);
  // Opens the store again and checks it.
  void check(House& house) const;
};

}  // namespace sluice::test
