// What the cloud answers to publishes, and how single records are fetched again to be sent anew.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "uplink/sender.hpp"

namespace sluice::uplink {
namespace {

// MQTT 5 reason codes of PUBACK, 3.4.2.1.
constexpr std::uint8_t kFailure = 0x80, kNotAuthorized = 0x87, kTopicNameInvalid = 0x90,
                       kPacketTooLarge = 0x95, kQuotaExceeded = 0x97, kPayloadFormatInvalid = 0x99;
constexpr unsigned kTries = 8;  // of one record that is refused without a final reason while others are taken

std::string refusal(std::uint8_t reason, std::string_view topic) {
  switch (reason) {
    case kNotAuthorized:
      return fmt::format(
          "the cloud refuses publishes to {}: not authorized; allow iot:Publish on topic/{} in the "
          "policy, then replay it",
          topic, topic);
    case kTopicNameInvalid:
      return fmt::format("the cloud refuses the topic {}: not a valid name there", topic);
    case kPacketTooLarge:
      return "the cloud refuses it: packet too large";
    case kPayloadFormatInvalid:
      return "the cloud refuses it: payload format invalid";
    default:
      return fmt::format("the cloud refused it {} times with reason 0x{:02x}", kTries, reason);
  }
}

}  // namespace

void Sender::published(std::span<const Puback> acks) {
  if (link_ == nullptr) return;
  acknowledged_.clear();
  for (const auto& ack : acks) {
    // Unknown, or twice: nothing of ours (F19).
    if (ack.token < first_token_ || ack.token - first_token_ >= sent_.size()) continue;
    auto& sent = sent_[ack.token - first_token_];
    if (sent.answered) continue;
    sent.answered = true;
    answered(sent, ack.reason);
  }
  while (!sent_.empty() && sent_.front().answered) {
    sent_.pop_front();
    ++first_token_;
  }
  if (!acknowledged_.empty()) {
    shared_.store.delivered(acknowledged_);
    poison_.delivered(acknowledged_);
    delivered_ += acknowledged_.size();
  }
  if (trial_ == Trial::sending) trial_answered();
  pump();
}

void Sender::answered(Sent& sent, std::uint8_t reason) {
  last_answer_ = shared_.clock.now();
  pacer_.acknowledged(last_answer_ - sent.at);
  if (reason >= kFailure) return refused(sent, reason);
  ++acknowledged_count_;
  if (retries_.empty()) refusals_.reset();
  poison_.delivered_on(sent.topic);
  acknowledged_.insert(acknowledged_.end(), sent.keys.begin(), sent.keys.end());
  if (!tries_.empty()) {
    for (const auto& key : sent.keys) tries_.erase(key.id);
  }
  sent.keep.reset();
}

void Sender::refused(Sent& sent, std::uint8_t reason) {
  // An answer is an answer: this message does not kill connections.
  poison_.delivered(sent.keys);
  const bool one = sent.keys.size() == 1;
  switch (reason) {
    case kNotAuthorized:
    case kTopicNameInvalid:
      return set_aside(sent.keys, refusal(reason, sent.topic));
    case kPacketTooLarge:
    case kPayloadFormatInvalid:
      return one ? set_aside(sent.keys, refusal(reason, sent.topic)) : retry_as_singles(sent.keys);
    default:
      break;
  }
  if (trial_ != Trial::none) return;  // still in the store, and read again after the trial
  const auto now = shared_.clock.now();
  if (reason == kQuotaExceeded) {
    pacer_.throttled();
    // One pause for one burst of refusals.
    if (now >= paused_until_) paused_until_ = now + refusals_.next();
    return retry({std::move(sent.keys), 0}, paused_until_ - now);
  }
  if (tries_.size() > 10'000) tries_.clear();
  unsigned tries = 0;
  for (const auto& key : sent.keys) tries = std::max(tries, ++tries_[key.id]);
  if (tries < kTries)
    return retry({std::move(sent.keys), 0}, std::min<Duration>(60s, 1s * (1 << std::min(tries, 6U))));
  if (!one) return retry_as_singles(sent.keys);
  tries_.erase(sent.keys.front().id);
  set_aside(sent.keys, refusal(reason, sent.topic));
}

void Sender::retry(Poison::Unit unit, Duration wait) {
  const auto due = shared_.clock.now() + wait;
  const auto behind = std::upper_bound(retries_.begin(), retries_.end(), due,
                                       [](MonoTime when, const Retry& r) { return when < r.due; });
  retries_.insert(behind, {std::move(unit), due});
  ++resent_;
  pump_soon(due);
}

void Sender::retry_as_singles(std::span<const store::RecordKey> keys) {
  for (const auto& key : keys) retry({{key}, 0}, 1s);
}

// Reads the units' records by their ids; what is still there becomes ready, in this order, before all else.
void Sender::fetch(Poison::Group units, std::function<void()> done) {
  struct Job {
    Poison::Group units;
    std::vector<std::vector<Drawn>> drawn;
    std::size_t left = 0;
    std::function<void()> done;
  };
  auto job = std::make_shared<Job>();
  job->units = std::move(units);
  job->drawn.resize(job->units.size());
  job->done = std::move(done);
  for (std::size_t u = 0; u < job->units.size(); ++u) {
    job->drawn[u].resize(job->units[u].keys.size());
    job->left += job->units[u].keys.size();
  }
  fetching_ = true;
  for (std::size_t u = 0; u < job->units.size(); ++u) {
    for (std::size_t k = 0; k < job->units[u].keys.size(); ++k) {
      const auto& key = job->units[u].keys[k];
      shared_.store.read(
          {key.lane, key.priority, key.id - 1, key.id + 1}, 1,
          [this, job, u, k, alive = std::weak_ptr<int>(connection_)](result<store::Batch> batch) {
            if (alive.expired()) return;
            if (batch.has_value() && !batch->records.empty()) {
              job->drawn[u][k].record = batch->records.front();
              job->drawn[u][k].keep = std::make_shared<const std::vector<std::shared_ptr<const void>>>(
                  std::move(batch->keep_alive));
            } else {
              poison_.gone(std::span(&job->units[u].keys[k], 1));
            }
            if (--job->left > 0) return;
            fetching_ = false;
            pack_fetched(job->drawn);
            job->done();
          });
    }
  }
  if (job->left == 0) {
    fetching_ = false;
    job->done();
  }
}

void Sender::pack_fetched(std::vector<std::vector<Drawn>>& units) {
  std::deque<Packed> packed;
  for (auto& unit : units) {
    std::erase_if(unit, [](const Drawn& drawn) { return drawn.keep == nullptr; });
    const auto* batching = unit.empty() ? nullptr : shared_.batching(unit.front().record.route);
    if (unit.size() > 1 && batching != nullptr) {
      Batcher one(shared_.clock, shared_.instance);
      one.use_mqtt5(granted_.mqtt5);
      for (const auto& drawn : unit) one.add(drawn, *batching, packed);
      one.flush_all(packed);
    } else {
      for (const auto& drawn : unit) packed.push_back(batcher_.single(drawn));
    }
  }
  ready_.insert(ready_.begin(), std::make_move_iterator(packed.begin()),
                std::make_move_iterator(packed.end()));
}

void Sender::fill_status(nlohmann::json& out) {
  out["in_flight"] = link_ == nullptr ? 0 : pacer_.inflight();
  out["window"] = pacer_.window(Pacer::Class::reading);
  out["queued"] = shared_.store.queued(lane_);
  out["sent"] = published_;
  out["acknowledged"] = acknowledged_count_;
  out["delivered"] = delivered_;
  out["resent"] = resent_;
  out["set_aside"] = set_aside_;
  out["delivered_per_s"] = rate_;
  out["suspects"] = poison_.suspects();
  out["looking_for_poison"] = poison_.on_trial();
  out["pacing"] = {{"enforced", shared_.cloud.quotas.enforce},
                   {"share", pacer_.share()},
                   {"throttle_signs", pacer_.throttle_signs()}};
}

}  // namespace sluice::uplink
