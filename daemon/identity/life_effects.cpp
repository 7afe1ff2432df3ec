// What a life does once its state is on disk. Every effect ends in answer(), now or later.
#include <fmt/format.h>

#include <algorithm>

#include "identity/key_pair.hpp"
#include "identity/life.hpp"

namespace sluice::identity {
namespace {

constexpr Duration kClockAgain = 5s;  // the wall clock is not plausible yet
constexpr Duration kKeyAgain = 10s;   // no memory or random bytes for a key
constexpr Duration kGivenUp = 24h;    // a rotation that failed is not tried again before

}  // namespace

void Life::run(Effect effect) {
  switch (effect) {
    case Effect::none:
      return;
    case Effect::make_key:
      return make_key();
    case Effect::stand_in:
      return stand_in();
    case Effect::ask:
      return ask();
    case Effect::enlist:
      return enlist();
    case Effect::prove:
      return prove();
    case Effect::try_lane:
      return try_lane();
    case Effect::wait:
      return wait(delay_);
    case Effect::open_lane:
      error_.clear();
      return open_lane_soon();
    case Effect::swap_lane:
      error_.clear();
      trouble_.clear();  // it was that of the former one
      return open_lane();
    case Effect::hand_over:
      error_.clear();
      trouble_.clear();
      open_lane();
      return stand_in();
    case Effect::retire:
      return retire();
    case Effect::settle:
      error_.clear();
      return settle();
    case Effect::reopen:
      trouble_ = "AWS IoT does not take its certificate any more";
      open_lane();
      return make_key();
    case Effect::keep:
      next_rotation = ground_.clock.wall() + kGivenUp;
      error_ = record_.why;
      return settle();
    case Effect::turn_away:
      return turn_away();
    case Effect::watch:
      return watch();
    case Effect::close_lane:
      return close_lane();
  }
}

const Papers& Life::papers() const {
  return record_.state == State::revoked ? record_.present : record_.next;
}

void Life::make_key() {
  const auto turn = turn_;
  if (ground_.vendor->makes_the_key())
    return answer(turn, Event::key_sealed, [](Record& record) { record.next = {}; });
  auto pair = make_key_pair(thing());
  auto sealed = pair ? close("key", pair->key_pem.text()) : result<std::string>(pair.error());
  if (!sealed) {
    error_ = sealed.error().text;
    timer_.start(kKeyAgain, [this] { make_key(); });
    return;
  }
  answer(turn, Event::key_sealed, [sealed = *sealed, csr = pair->csr_pem](Record& record) {
    record.next = {};
    record.next.sealed_key = sealed;
    record.next.csr = csr;
  });
}

void Life::stand_in() {
  const auto state = record_.state;
  const bool proof = state == State::issued || state == State::proving || state == State::rotating_issued ||
                     state == State::rotating_proving || state == State::revoked;
  standing_at_ = proof ? ground_.proofs.get() : ground_.requests.get();
  place_ = standing_at_->stand_in(
      [this, alive = alive_, turn = turn_](Desk::Seat seat) {
        if (*alive) seated(turn, std::move(seat));
      },
      is_gateway());
}

void Life::seated(std::uint64_t turn, Desk::Seat seat) {
  if (turn != turn_) return;
  standing_at_ = nullptr;
  place_ = 0;
  if (!ground_.clock.wall_is_plausible()) {
    error_ = "the clock is not plausible yet: TLS waits for the time (NTP)";
    timer_.start(kClockAgain, [this] { stand_in(); });
    return;
  }
  seat_ = std::move(seat);
  const bool promised = record_.state == State::promised || record_.state == State::rotating_promised;
  begun_ = record_.next.enlisted;
  answer(turn, Event::slot, [promised](Record& record) {
    if (promised) record.next.enlisted = true;
  });
}

void Life::ask() {
  const auto turn = turn_;
  auto token = this->token();
  if (!token) return refused(turn, {Refusal::Kind::wrong, token.error().text, {}, false});
  if (ground_.vendor->wants_a_token() && token->empty())
    return refused(turn, {Refusal::Kind::denied, "no token of it is known here any more", {}, false});
  ground_.vendor->apply({.id = thing(), .token = std::move(*token), .csr = record_.next.csr},
                        [this, alive = alive_, turn, seat = std::move(seat_)](Answer got) mutable {
                          seat.reset();
                          if (*alive) answered(turn, std::move(got));
                        });
}

void Life::enlist() {
  const auto turn = turn_;
  auto token = this->token();
  auto ownership = open("ownership", record_.next.sealed_ownership);
  auto key = open("key", record_.next.sealed_key);
  for (const auto* secret : {&token, &ownership, &key}) {
    if (!*secret) return refused(turn, {Refusal::Kind::wrong, secret->error().text, {}, false});
  }
  ground_.vendor->enlist({.id = thing(), .token = std::move(*token), .csr = {}},
                         {.certificate = record_.next.certificate,
                          .certificate_id = record_.next.certificate_id,
                          .ownership = std::move(*ownership)},
                         std::move(*key), begun_,
                         [this, alive = alive_, turn, seat = std::move(seat_)](Answer got) mutable {
                           seat.reset();
                           if (*alive) answered(turn, std::move(got));
                         });
}

void Life::answered(std::uint64_t turn, Answer got) {
  if (turn != turn_) return;
  if (std::holds_alternative<Retired>(got)) return retired(turn);
  if (auto* issued = std::get_if<Issued>(&got)) return granted(turn, std::move(*issued));
  if (auto* promise = std::get_if<Promise>(&got)) return vouched(turn, std::move(*promise));
  refused(turn, std::get<Refusal>(got));
}

void Life::granted(std::uint64_t turn, Issued issued) {
  const auto wrong = [&](const std::string& text) {
    refused(turn,
            {Refusal::Kind::wrong, "the provisioning service's answer is not right: " + text, {}, false});
  };
  const auto facts = read_certificate(issued.certificate);
  if (!facts) return wrong(facts.error().text);
  if (!issued.thing.empty() && issued.thing != thing())
    return wrong(fmt::format("it names the thing {}, but this is {}", issued.thing, thing()));
  auto key = std::move(issued.key);
  auto sealed = record_.next.sealed_key;
  if (ground_.vendor->makes_the_key()) {
    auto closed = close("key", key.text());
    if (!closed) return wrong(closed.error().text);
    sealed = std::move(*closed);
  } else {
    auto ours = open("key", sealed);
    if (!ours) return wrong(ours.error().text);
    key = std::move(*ours);
  }
  if (auto fits = check_certificate_of_key(issued.certificate, key); !fits) return wrong(fits.error().text);
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(ground_.clock.wall().time_since_epoch()).count();
  if (facts->not_after <= now) return wrong("the certificate has expired already: is the clock right?");
  error_.clear();
  backoff_.reset();
  proofs_ = 0;
  answer(turn, Event::granted,
         [issued = std::move(issued), sealed, id = facts->id, until = facts->not_after](Record& record) {
           auto& papers = record.next;
           papers.sealed_key = sealed;
           papers.certificate = issued.certificate;
           papers.certificate_id = issued.certificate_id.empty() ? id : issued.certificate_id;
           papers.endpoint = issued.endpoint;
           const auto& present = record.present;
           papers.credentials_endpoint =
               issued.told_before ? present.credentials_endpoint : issued.credentials_endpoint;
           papers.role_alias = issued.told_before ? present.role_alias : issued.role_alias;
           papers.root_ca = issued.root_ca;
           papers.not_after = until;
           papers.csr.clear();
           papers.sealed_ownership.clear();
           record.judged = true;
           record.why.clear();
         });
}

void Life::vouched(std::uint64_t turn, Promise promise) {
  const auto key = open("key", record_.next.sealed_key);
  const auto fits = key ? check_certificate_of_key(promise.certificate, *key) : result<void>(key.error());
  const auto sealed = close("ownership", promise.ownership.text());
  if (!fits || !sealed) {
    return refused(turn,
                   {Refusal::Kind::wrong,
                    "AWS's certificate is not right: " + (fits ? sealed.error().text : fits.error().text),
                    {},
                    false});
  }
  answer(turn, Event::vouched,
         [certificate = promise.certificate, id = promise.certificate_id, sealed = *sealed](Record& record) {
           record.next.certificate = certificate;
           record.next.certificate_id = id;
           record.next.sealed_ownership = sealed;
           record.next.enlisted = false;
         });
}

// What is left of a record when the service says no: of a first certificate nothing, of a rotation the
// present one.
Life::Change Life::giving_up(std::string why) const {
  return [why = std::move(why), rotating = in_use(record_.state)](Record& record) {
    record.next = {};
    record.why = why;
    if (rotating) return;
    record.present = {};
    record.sealed_token.clear();
  };
}

void Life::refused(std::uint64_t turn, const Refusal& refusal) {
  seat_.reset();
  if (error_ != refusal.text) ground_.log.warn("{}: {}", thing(), refusal.text);
  error_ = refusal.text;
  if (refusal.kind == Refusal::Kind::lapsed && find_row(record_.state, Event::lapsed) != nullptr) {
    return answer(turn, Event::lapsed, [](Record& record) {
      record.next.certificate.clear();
      record.next.certificate_id.clear();
      record.next.sealed_ownership.clear();
      record.next.enlisted = false;
    });
  }
  const bool for_good = refusal.kind != Refusal::Kind::later && refusal.kind != Refusal::Kind::lapsed;
  if (record_.state == State::retiring || record_.state == State::withdrawing) {
    if (for_good || gives_up_retiring(refusal)) return not_retired(turn, refusal);
  } else if (for_good) {
    return answer(turn, Event::denied, giving_up(refusal.text));
  }
  delay_ = backoff_.next();
  const Duration asked = refusal.retry_after.value_or(std::chrono::seconds(0));
  if (refusal.for_all) ground_.requests->sent_away(asked);
  // Those who were sent away together do not come back together.
  delay_ += asked;
  answer(turn, Event::failed);
}

void Life::wait(Duration delay) {
  timer_.start(delay > Duration::zero() ? delay : backoff_.next(), [this] { stand_in(); });
}

void Life::turn_away() {
  lane_open_ = false;
  ground_.doors.close_lane(lane_);
  // The gateway's lane carries the readings of others, too: they wait.
  if (!is_gateway()) ground_.store.drop_lane(lane_, LedgerReason::refused);
  error_ = record_.why;
  if (turned_away) turned_away(*this);
}

}  // namespace sluice::identity
