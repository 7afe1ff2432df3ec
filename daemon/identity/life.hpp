// One identity on its way through the table: writes the next state down, then does what the row says. Owned
// by the room; nobody else changes its record.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "core/backoff.hpp"
#include "identity/desk.hpp"
#include "identity/identity.hpp"
#include "identity/record.hpp"
#include "identity/seal.hpp"
#include "identity/table.hpp"
#include "identity/vendor.hpp"

namespace sluice::identity {

// What all lives of a room share.
struct Ground {
  Clock& clock;
  store::Store& store;
  store::Registry& registry;
  Log log;
  Seal seal;
  Doors doors;
  FailPoints failpoints;
  std::unique_ptr<Desk> requests, proofs;
  BackoffLimits backoff;
  std::string thing;               // the gateway's
  std::unique_ptr<Vendor> vendor;  // the last to be made, the first to go
};

class Life {
 public:
  // Of the registry, or a new one that begin() writes.
  Life(Ground& ground, std::string id, LaneId lane, Record record);
  ~Life();
  Life(const Life&) = delete;
  Life& operator=(const Life&) = delete;

  using Change = std::function<void(Record&)>;
  // A new record, on disk before its first step.
  void begin(Done written);
  void resume();
  // From outside: commands, tokens, trouble. Errors (to `written`): denied: this cannot be in its state.
  void happen(Event event, Change change = {}, Done written = {});
  // AWS does not take the certificate that its lane has. While another is on its way, this counts only if it
  // does not come.
  void trouble(const std::string& words);
  // The record without an event: a newer token.
  void amend(Change change, Done written = {});

  // After each change that is on disk; and when it must be sent away. One subscriber each; neither may
  // destroy it.
  std::function<void(Life&, State before)> changed;
  std::function<void(Life&)> turned_away;

  const std::string& id() const { return id_; }
  bool is_gateway() const { return id_ == kGatewayRow; }
  std::string thing() const { return is_gateway() ? ground_.thing : id_; }
  LaneId lane() const { return lane_; }
  const Record& record() const { return record_; }
  State state() const { return record_.state; }
  // What went wrong last; empty: nothing, or it is over.
  const std::string& error() const { return error_; }
  result<Secret> token() const;
  // Opens a sealed text of this identity.
  result<Secret> open(std::string_view purpose, std::string_view sealed) const;
  result<std::string> close(std::string_view purpose, std::string_view secret) const;
  // With the key in clear: for those who connect with it.
  result<CloudIdentity> cloud_identity(const Papers& papers) const;
  WallTime next_rotation{};  // not before; after one that was given up

 private:
  struct Step {
    std::optional<Event> event;
    Change change;
    Done written;
    std::uint64_t turn = 0;  // of the effect that it answers; 0: from outside
  };

  // life.cpp
  void answer(std::uint64_t turn, Event event, Change change = {});  // to an effect
  void next_step();
  void stop_what_runs(bool keep_seat);
  void write(const Record& record, const Row* row, Done written);
  void wrote(const Record& record, const Row* row, const Done& written);

  // life_effects.cpp
  void run(Effect effect);
  void make_key();
  void stand_in();
  void seated(std::uint64_t turn, Desk::Seat seat);
  void ask();
  void enlist();
  void answered(std::uint64_t turn, Answer answer);
  void granted(std::uint64_t turn, Issued issued);
  void vouched(std::uint64_t turn, Promise promise);
  void refused(std::uint64_t turn, const Refusal& refusal);
  void wait(Duration delay);
  void turn_away();
  const Papers& papers() const;  // those that are being worked on
  Change giving_up(std::string why) const;

  // life_retire.cpp
  void close_lane();
  void retire();
  void retired(std::uint64_t turn);
  bool gives_up_retiring(const Refusal& refusal);
  void not_retired(std::uint64_t turn, const Refusal& refusal);
  Change settled(std::string why) const;

  // life_lane.cpp
  void prove();
  void try_lane();
  void proven(std::uint64_t turn, const result<void>& proof);
  void open_lane();
  void open_lane_soon();
  void watch();
  void settle();

  Ground& ground_;
  const std::string id_;
  const LaneId lane_;
  Record record_;
  std::deque<Step> steps_;
  bool writing_ = false, on_disk_ = false;
  std::uint64_t turn_ = 1;
  std::string error_;
  std::string trouble_;  // while another certificate is on its way; empty: none
  Backoff backoff_;
  Duration delay_{};  // of the next wait
  bool lane_open_ = false;
  MonoTime proven_at_{};    // when AWS last took a connection that was not the lane's; zero: never
  unsigned proofs_ = 0;     // that failed in a row
  unsigned retirings_ = 0;  // the same
  bool begun_ = false;      // fleet: registering was begun before this try
  Timer timer_;
  Timer rewrite_;
  Desk* standing_at_ = nullptr;
  Desk::Place place_ = 0;
  Desk::Seat seat_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace sluice::identity
