#include "uplink/sender.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "aws/limits.hpp"

namespace sluice::uplink {
namespace {

constexpr Duration kNoAnswer = 30s;  // nothing acknowledged for this long while something is in flight (F13)
constexpr Duration kAnswerEach = 60s;  // one publish not acknowledged for this long while others are (F19)
constexpr Duration kSoon = 10s;        // a death this soon after a publish may be its fault (F18)
constexpr int kDrawsPerTurn = 2000;    // then other parts of the loop get their turn
constexpr std::size_t kPacketOverhead = 64;
constexpr unsigned kLookAgainSeconds = 10;

}  // namespace

Sender::Sender(Shared& shared, LaneId lane, Log log, std::function<void(std::string)> give_up)
    : shared_(shared),
      lane_(lane),
      log_(std::move(log)),
      give_up_(std::move(give_up)),
      pacer_(shared.clock, shared.cloud.quotas),
      batcher_(shared.clock, shared.instance),
      poison_(shared.cloud.poison_after),
      live_(shared.store, [this] { pump(); }),
      backlog_(shared.store, [this] { pump(); }),
      pump_timer_(shared.clock),
      second_(shared.clock),
      quiet_(shared.clock),
      refusals_({.first = 1s, .most = 60s, .well_after = 10s}) {}

void Sender::use_options() {
  pacer_.replace(shared_.cloud.quotas);
  poison_.replace(shared_.cloud.poison_after);
}

void Sender::up(CloudLink& link, const Granted& granted) {
  link_ = &link;
  connection_ = std::make_shared<int>(0);
  granted_ = granted;
  pacer_.connected(granted.receive_maximum);
  batcher_.use_mqtt5(granted.mqtt5);
  last_answer_ = last_sent_ = shared_.clock.now();
  paused_until_ = MonoTime{};
  boundary_ = shared_.store.next_id();
  trial_ = Trial::none;
  every_second();
  if (!poison_.on_trial()) open_streams();
  pump();
}

// What a route of today or a record of yesterday may have.
PriorityMask Sender::priorities() const {
  PriorityMask mask = shared_.priorities;
  for (const auto& depth : shared_.store.depths()) {
    if (depth.lane == lane_ && depth.count > 0) mask |= static_cast<PriorityMask>(1U << depth.priority);
  }
  return mask;
}

void Sender::open_streams() {
  const auto mask = priorities();
  if (shared_.cloud.live_first) {
    live_.open(lane_, boundary_ - 1, UINT64_MAX, mask, shared_.read_bytes);
    backlog_.open(lane_, 0, boundary_, mask, shared_.read_bytes);
  } else {
    live_.open(lane_, 0, UINT64_MAX, mask, shared_.read_bytes);
  }
}

void Sender::down(bool blame) {
  if (link_ == nullptr) return;
  link_ = nullptr;
  connection_.reset();
  Poison::Group in_flight;
  for (auto& sent : sent_) {
    if (!sent.answered) in_flight.push_back({std::move(sent.keys), 0});
  }
  resent_ += in_flight.size();
  const bool soon = blame && !in_flight.empty() && shared_.clock.now() - last_sent_ < kSoon;
  if (!poison_.on_trial()) {
    if (soon) poison_.died(std::move(in_flight));
  } else if (trial_ == Trial::sending && soon) {
    if (const auto culprit = poison_.group_died()) {
      const auto topic = sent_.empty() ? std::string() : std::string(sent_.back().topic);
      poison_.convicted_on(topic, shared_.clock.now());
      set_aside(std::span(&*culprit, 1),
                fmt::format(
                    "the cloud closed the connection each time when this was published to {}, and only then; "
                    "check the policy and the payload, then replay it",
                    topic));
    }
  } else {
    poison_.acquit();
  }
  sent_.clear();
  ready_.clear();
  retries_.clear();
  batcher_.clear();
  live_.close();
  backlog_.close();
  pump_timer_.cancel();
  quiet_.cancel();
  second_.cancel();
  fetching_ = false;
  rate_ = 0;
  trial_ = Trial::none;
}

void Sender::new_records() {
  if (link_ == nullptr) return;
  live_.touch(shared_.priorities);
  pump();
}

void Sender::pump_soon(MonoTime when) {
  if (pump_timer_.pending() && pump_at_ <= when) return;
  pump_at_ = when;
  pump_timer_.start(std::max(when - shared_.clock.now(), Duration::zero()), [this] { pump(); });
}

void Sender::pump() {
  if (link_ == nullptr || pumping_) return;
  pumping_ = true;
  const auto now = shared_.clock.now();
  if (poison_.on_trial()) {
    trial_step();
  } else if (now < paused_until_) {
    pump_soon(paused_until_);
  } else {
    if (!retries_.empty() && !fetching_) {
      if (retries_.front().due <= now) {
        Poison::Group units;
        for (; !retries_.empty() && retries_.front().due <= now; retries_.pop_front()) {
          units.push_back(std::move(retries_.front().unit));
        }
        fetch(std::move(units), [this] { pump(); });
      } else {
        pump_soon(retries_.front().due);
      }
    }
    batcher_.flush_due(ready_);
    int turns = kDrawsPerTurn;
    while (turns-- > 0 && (ready_.empty() ? draw() : send_front())) {
    }
    if (turns < 0) pump_soon(now);
    if (!batcher_.empty()) pump_soon(*batcher_.due());
  }
  pumping_ = false;
}

// False: nothing can be drawn now.
bool Sender::draw() {
  auto drawn = live_.next();
  if (!drawn) drawn = backlog_.next();
  if (drawn) {
    take(*drawn);
    return true;
  }
  if (draining_ && !batcher_.empty() && live_.dry() && backlog_.dry()) {
    batcher_.flush_all(ready_);
    return true;
  }
  return false;
}

void Sender::take(const Drawn& drawn) {
  const auto& record = drawn.record;
  if (poison_.parked(record.key.id)) return;
  if (const auto problem = aws::publish_problem(record.topic, record.payload.size())) {
    set_aside(std::span(&record.key, 1), *problem);
    return;
  }
  if (poison_.topic_is_barred(record.topic, shared_.clock.now())) {
    set_aside(
        std::span(&record.key, 1),
        fmt::format(
            "not sent: what was published to {} before closed the connection each time; allow the topic in "
            "the policy, then replay it",
            record.topic));
    return;
  }
  const auto* batching = shared_.batching(record.route);
  if (batching != nullptr) {
    batcher_.add(drawn, *batching, ready_);
  } else {
    ready_.push_back(batcher_.single(drawn));
  }
}

// False: it must wait; whoever frees the way pumps again.
bool Sender::send_front() {
  if (!pacer_.window_open(Pacer::Class::reading) || !link_->writable()) return false;
  if (const auto wait = pacer_.wait(Pacer::Class::reading); wait > Duration::zero()) {
    pump_soon(shared_.clock.now() + wait);
    return false;
  }
  Packed packed = std::move(ready_.front());
  ready_.pop_front();
  send(std::move(packed));
  return true;
}

void Sender::send(Packed&& packed) {
  auto& publication = packed.publication;
  const auto bytes = publication.topic.size() + publication.payload.size() +
                     publication.user_properties.size() + publication.content_type.size();
  if (granted_.maximum_packet_size != 0 && bytes + kPacketOverhead > granted_.maximum_packet_size) {
    if (packed.keys.size() > 1) return retry_as_singles(packed.keys);
    set_aside(packed.keys, fmt::format("about {} bytes; this endpoint takes packets of at most {}",
                                       bytes + kPacketOverhead, granted_.maximum_packet_size));
    return;
  }
  const auto now = shared_.clock.now();
  if (sent_.empty()) last_answer_ = now;
  pacer_.sent(Pacer::Class::reading, bytes);
  sent_.push_back({std::move(packed.keys), publication.topic, publication.keep, now, false});
  last_sent_ = now;
  ++published_;
  link_->publish(std::move(publication), first_token_ + sent_.size() - 1);
}

void Sender::set_aside(std::span<const store::RecordKey> keys, std::string_view words) {
  for (const auto& key : keys) shared_.store.set_aside(key, words);
  poison_.gone(keys);
  set_aside_ += keys.size();
  if (last_poison_ != words) log_.warn("{} reading(s) became dead letters: {}", keys.size(), words);
  last_poison_ = words;
}

void Sender::every_second() {
  const auto delivered = delivered_ - delivered_a_second_ago_;
  delivered_a_second_ago_ = delivered_;
  rate_ += (static_cast<double>(delivered) - rate_) / 5;
  second_.start(1s, [this] { every_second(); });
  if (link_ == nullptr) return;
  // A failed read, or records that came otherwise than by a commit of ours (replayed letters): look again.
  if (++seconds_ % kLookAgainSeconds == 0 && live_.dry() && backlog_.dry() && live_.is_open() &&
      shared_.store.queued(lane_) > 0) {
    const auto mask = priorities();
    live_.touch(mask);
    backlog_.touch(mask);
    pump();
  }
  check_deadlines();
}

void Sender::check_deadlines() {
  if (sent_.empty()) return;
  const auto now = shared_.clock.now();
  if (now - last_answer_ > kNoAnswer) {
    return give_up_(fmt::format(
        "no PUBACK for {} s with {} publishes in flight: the connection is dead, or the cloud "
        "does not keep up",
        std::chrono::duration_cast<std::chrono::seconds>(now - last_answer_).count(), pacer_.inflight()));
  }
  if (now - sent_.front().at > kAnswerEach) {
    // AWS drops what is beyond its quotas without a word: that, too, is a sign to send less.
    pacer_.throttled();
    give_up_(
        "a publish has no PUBACK after 60 s while others have: it may have been dropped; sending it again");
  }
}

void Sender::drain() {
  draining_ = true;
  pump();
}

bool Sender::drained() const {
  return link_ == nullptr || (live_.dry() && backlog_.dry() && batcher_.empty() && ready_.empty() &&
                              sent_.empty() && retries_.empty());
}

}  // namespace sluice::uplink
