// Who may come in: what the device room is answered while the service has judged a token, or has not yet.
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

#include "identity/room.hpp"

namespace sluice::identity {
namespace {

// Well below the patience of a client that waits for CONNACK.
constexpr Duration kPatience = 5s;
constexpr std::size_t kMostWaitingPerDevice = 20;

constexpr std::string_view kOtherToken = "this is not the token that it came with first";

}  // namespace

Room::Mark Room::mark(const std::string& id, const Secret& token) const {
  auto text = id;
  text.push_back('\0');
  text += token.text();
  Mark made{};
  unsigned size = 0;
  HMAC(EVP_sha256(), mark_key_.data(), static_cast<int>(mark_key_.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), made.data(), &size);
  wipe(text);
  return made;
}

void Room::admit(Newcomer newcomer, std::function<void(Admission)> answer) {
  if (stopped_) return answer({Admission::Kind::unavailable, "the gateway is stopping"});
  const auto id = newcomer.id;
  auto* life = find(id);
  if (life == nullptr) {
    // It came in by certificate: there is nothing to ask with.
    if (newcomer.proven && newcomer.token.empty() && ground_.vendor->wants_a_token())
      return answer({Admission::Kind::held, "no token of it is known here"});
    if (unjudged_.size() >= options_.cloud.provisioning.held_most || lives_.size() >= kMaxIdentities)
      return answer({Admission::Kind::full, "too many devices wait for their first judgement"});
    auto made = create(id, newcomer.product, newcomer.token, {});
    if (!made) return answer({Admission::Kind::unavailable, made.error().text});
  } else if (auto known = judge_known(*life, newcomer)) {
    return answer(std::move(*known));
  }
  // Who has proven its token here need not wait for what the service thinks of it.
  if (newcomer.proven) return answer({Admission::Kind::held, {}});
  wait_for_verdict(id, std::move(answer));
}

// What can be said at once; nothing: the service is being asked.
std::optional<Admission> Room::judge_known(Life& life, const Newcomer& newcomer) {
  const auto& record = life.record();
  // Who was forgotten is a new device, although the service still has to hear of it.
  const bool forgotten = record.state == State::withdrawing && record.forget;
  if (leaves(record.state) && !forgotten)
    return Admission{Admission::Kind::refused, "it was decommissioned here: sluicectl provision ID --again"};
  const auto token = life.token();
  const bool same = token && !token->empty() && same_secret(token->text(), newcomer.token.text());
  if (record.state == State::refused || forgotten) {
    const auto it = refused_.find(life.id());
    if (it != refused_.end() && ground_.clock.now() < it->second.until &&
        it->second.token == mark(life.id(), newcomer.token))
      return Admission{Admission::Kind::refused, record.why};
    if (newcomer.token.empty() && ground_.vendor->wants_a_token())
      return Admission{Admission::Kind::refused, record.why};
    auto change = renewed(life.id(), newcomer.product, newcomer.token);
    if (!change) return Admission{Admission::Kind::unavailable, change.error().text};
    asking_[life.id()] = mark(life.id(), newcomer.token);
    life.happen(Event::again, std::move(*change));
    return {};
  }
  if (!same && !newcomer.proven) return Admission{Admission::Kind::refused, std::string(kOtherToken)};
  if (!same && !newcomer.token.empty() && ground_.vendor->wants_a_token()) {
    // It got another token here (sluicectl devices token): the next request goes with it.
    if (auto sealed = life.close("token", newcomer.token.text())) {
      life.amend([text = *sealed](Record& changed) { changed.sealed_token = text; });
    }
  }
  if (record.judged) return Admission{Admission::Kind::granted, {}};
  return {};
}

void Room::wait_for_verdict(const std::string& id, std::function<void(Admission)> answer) {
  auto& list = waiting_[id];
  if (list.size() >= kMostWaitingPerDevice)
    return answer({Admission::Kind::full, "this device asks too often at once"});
  const auto number = ++last_waiting_;
  const auto deadline = ground_.clock.call_after(kPatience, [this, id, number] {
    const auto it = waiting_.find(id);
    if (it == waiting_.end()) return;
    const auto at = std::ranges::find_if(
        it->second, [number](const Waiting& waiting) { return waiting.number == number; });
    if (at == it->second.end()) return;
    auto late = std::move(at->answer);
    it->second.erase(at);
    if (it->second.empty()) waiting_.erase(it);
    const auto* life = find(id);
    const auto why =
        life == nullptr || life->error().empty() ? "the service has not judged its token yet" : life->error();
    late({options_.cloud.provisioning.refuse_unproven ? Admission::Kind::unavailable : Admission::Kind::held,
          why});
  });
  list.push_back({number, std::move(answer), deadline});
}

void Room::answer_waiting(const std::string& id, const Admission& admission) {
  auto node = waiting_.extract(id);
  if (node.empty()) return;
  for (auto& waiting : node.mapped()) {
    ground_.clock.cancel(waiting.deadline);
    waiting.answer(admission);
  }
}

void Room::remember_refused(Life& life) {
  const auto& id = life.id();
  if (life.is_gateway()) return;
  if (const auto it = asking_.find(id); it != asking_.end()) {
    refused_[id] = {it->second, ground_.clock.now() + options_.cloud.provisioning.refused_for};
    asking_.erase(it);
  }
  refused_in_order_.push_back(id);
  while (refused_in_order_.size() > kMostRefused) {
    const auto oldest = refused_in_order_.front();
    refused_in_order_.pop_front();
    if (std::ranges::find(refused_in_order_, oldest) != refused_in_order_.end()) continue;
    ground_.clock.call_after(Duration::zero(), [this, alive = alive_, oldest] {
      const auto* old = *alive ? find(oldest) : nullptr;
      if (old != nullptr && old->state() == State::refused) erase(oldest);
    });
  }
}

std::string Room::product_of(const std::string& id) const {
  const auto* life = find(id);
  // Who was refused or decommissioned is expected by nobody; devices.admit may still take it.
  const bool expected = life != nullptr && life->state() != State::refused && !leaves(life->state());
  return expected ? life->record().product : std::string();
}

void Room::forget(const std::string& id) {
  auto* life = find(id);
  if (life == nullptr) return;
  life->happen(Event::remove, [](Record& record) { record.forget = true; });
}

}  // namespace sluice::identity
