// Finds the message that kills connections (F18) without blaming messages for an outage. Pure logic over
// record keys; Lane connects, sends and reports what happened.
//
//   deaths with the same records in flight, `after` times ──▶ trial: nothing else is sent
//     per step: a connection that stays quiet for a while must live (or it is an outage: all suspects go
//     free),
//               then one group of suspects is sent: acknowledged ──▶ innocent
//                                                  connection dead ──▶ its halves are tried one after the
//                                                  other
//     a publish that dies alone twice is convicted if meanwhile the cloud has acknowledged anything at all;
//     otherwise it is parked (not sent) until the cloud acknowledges something else
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/clock.hpp"
#include "store/store.hpp"

namespace sluice::uplink {

class Poison {
 public:
  // One publish: its records, sent together.
  struct Unit {
    std::vector<store::RecordKey> keys;
    unsigned solo_deaths = 0;
  };
  using Group = std::vector<Unit>;

  explicit Poison(std::uint32_t after) : after_(after) {}
  void replace(std::uint32_t after) { after_ = after; }

  // Outside a trial: the peer closed the connection soon after these were sent, unacknowledged.
  void died(Group in_flight);
  // The cloud has answered these.
  void delivered(std::span<const store::RecordKey> keys);
  // These have left the queue otherwise (expired, displaced): no suspects any more, and no proof of anything.
  void gone(std::span<const store::RecordKey> keys);

  bool on_trial() const { return !groups_.empty(); }
  // What to send next, by itself; empty: the trial is over.
  const Group& group() const { return groups_.front(); }
  void group_delivered();
  // The peer closed the connection after the group was sent. A convicted publish of one record is returned;
  // it is no suspect any more.
  std::optional<store::RecordKey> group_died();
  // A connection died, or hung, with nothing or something else to blame: everyone goes free.
  void acquit();

  bool parked(std::uint64_t id) const { return !parked_ids_.empty() && parked_ids_.contains(id); }
  std::size_t suspects() const;

  // Topics on which convictions follow each other without a delivery (a policy that denies a topic,
  // with 3.1.1): after two, their records are set aside unsent for a while instead of killing a connection
  // each.
  void convicted_on(std::string_view topic, MonoTime now);
  void delivered_on(std::string_view topic);
  bool topic_is_barred(std::string_view topic, MonoTime now);

 private:
  struct Topic {
    unsigned convictions = 0;
    MonoTime until{};
  };

  void begin_trial(Group group);
  void forget(std::span<const store::RecordKey> keys);
  void retry_parked();
  static void split(Group group, std::deque<Group>& front);
  void end_if_over();
  void park(Unit unit);

  std::uint32_t after_;
  std::unordered_set<std::uint64_t> suspects_;  // ids in flight at every one of `deaths_` deaths
  std::uint32_t deaths_ = 0;
  bool proof_ = false;  // the cloud acknowledged something since the first death
  std::deque<Group> groups_;
  Group parked_;
  std::unordered_set<std::uint64_t> parked_ids_;
  std::unordered_map<std::string, Topic> topics_;
};

}  // namespace sluice::uplink
