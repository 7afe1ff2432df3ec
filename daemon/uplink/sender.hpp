// Carries one lane's records over its link while it is up: draws (live first, then backlog), packs, paces,
// publishes, and tells the store what the cloud has acknowledged. Knows what is in flight, and so finds
// poison. Owned by Lane; loop thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/backoff.hpp"
#include "uplink/batcher.hpp"
#include "uplink/cloud_link.hpp"
#include "uplink/pacer.hpp"
#include "uplink/poison.hpp"
#include "uplink/shared.hpp"
#include "uplink/stream.hpp"

namespace sluice::uplink {

class Sender {
 public:
  // `give_up`: this connection is of no use any more, in words. Called from a timer.
  Sender(Shared& shared, LaneId lane, Log log, std::function<void(std::string)> give_up);

  // The link is up and may be used until down().
  void up(CloudLink& link, const Granted& granted);
  // `blame`: the peer closed the connection, and not for a reason of its own.
  void down(bool blame);
  void published(std::span<const Puback> acks);
  void new_records();
  void writable() { pump(); }
  void command_received(std::size_t bytes) { pacer_.received(bytes); }
  void throttled() { pacer_.throttled(); }
  void use_options();
  // From now on nothing waits for a batch to fill.
  void drain();
  bool drained() const;
  bool on_trial() const { return poison_.on_trial(); }
  void fill_status(nlohmann::json& out);

 private:
  struct Sent {
    std::vector<store::RecordKey> keys;
    std::string_view topic;
    std::shared_ptr<const void> keep;  // the topic's memory
    MonoTime at{};
    bool answered = false;
  };
  struct Retry {
    Poison::Unit unit;
    MonoTime due{};
  };
  enum class Trial : std::uint8_t { none, settling, quiet, fetching, sending };

  // sender.cpp
  void pump();
  void pump_soon(MonoTime when);
  void open_streams();
  PriorityMask priorities() const;
  bool draw();
  void take(const Drawn& drawn);
  bool send_front();
  void send(Packed&& packed);
  void every_second();
  void check_deadlines();
  void set_aside(std::span<const store::RecordKey> keys, std::string_view words);
  // sender_answers.cpp
  void answered(Sent& sent, std::uint8_t reason);
  void refused(Sent& sent, std::uint8_t reason);
  void retry(Poison::Unit unit, Duration wait);
  void retry_as_singles(std::span<const store::RecordKey> keys);
  void fetch(Poison::Group units, std::function<void()> done);
  void pack_fetched(std::vector<std::vector<Drawn>>& units);
  // sender_trial.cpp
  void trial_step();
  void trial_fetch();
  void trial_answered();
  void end_trial();

  Shared& shared_;
  const LaneId lane_;
  Log log_;
  std::function<void(std::string)> give_up_;
  Pacer pacer_;
  Batcher batcher_;
  Poison poison_;
  Stream live_, backlog_;
  Timer pump_timer_, second_, quiet_;
  MonoTime pump_at_{};

  CloudLink* link_ = nullptr;        // null: down
  std::shared_ptr<int> connection_;  // what belongs to an earlier connection finds it gone
  Granted granted_;
  std::uint64_t boundary_ = 0;  // the first id that is live
  std::deque<Packed> ready_;
  std::deque<Sent> sent_;
  std::uint64_t first_token_ = 1;
  std::vector<store::RecordKey> acknowledged_;  // scratch
  MonoTime last_sent_{}, last_answer_{}, paused_until_{};
  Backoff refusals_;
  std::deque<Retry> retries_;
  std::unordered_map<std::uint64_t, unsigned>
      tries_;  // of records that the cloud refused without a final reason
  bool fetching_ = false, pumping_ = false, draining_ = false;
  Trial trial_ = Trial::none;

  std::uint64_t published_ = 0, acknowledged_count_ = 0, delivered_ = 0, set_aside_ = 0, resent_ = 0;
  std::uint64_t delivered_a_second_ago_ = 0;
  double rate_ = 0;
  unsigned seconds_ = 0;
  std::string last_poison_;
};

}  // namespace sluice::uplink
