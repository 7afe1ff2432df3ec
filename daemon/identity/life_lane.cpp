// A life and AWS IoT's door: is this certificate taken, and what its lane has. Every proof ends in answer().
#include <algorithm>

#include "identity/life.hpp"

namespace sluice::identity {
namespace {

constexpr Duration kWatchAtLeast = 30s;
constexpr Duration kProofTimeout = 20s;
// AWS takes one CONNECT a second from a client id.
constexpr Duration kConnectGap = 1100ms;

// Did AWS itself turn the certificate down, or did the way there fail?
bool turned_down(errc code) {
  return code == errc::tls || code == errc::unauthorized || code == errc::closed || code == errc::refused ||
         code == errc::denied;
}

// Not from inside its own callback.
void let_go(Clock& clock, std::unique_ptr<CloudTalk> talk) {
  clock.call_after(Duration::zero(), [shared = std::shared_ptr<CloudTalk>(std::move(talk))] {});
}

}  // namespace

result<CloudIdentity> Life::cloud_identity(const Papers& papers) const {
  auto key = open("key", papers.sealed_key);
  if (!key) return key.error();
  return CloudIdentity{.thing = thing(),
                       .endpoint = papers.endpoint,
                       .tls = {.certificate_pem = papers.certificate,
                               .key_pem = key->text(),
                               .ca_pem = papers.root_ca,
                               .files = {}}};
}

void Life::prove() {
  const auto turn = turn_;
  auto identity = cloud_identity(papers());
  if (!identity) return proven(turn, identity.error());
  ground_.doors.talk({.identity = std::move(*identity), .timeout = kProofTimeout},
                     [this, alive = alive_, &clock = ground_.clock, turn,
                      seat = std::move(seat_)](result<std::unique_ptr<CloudTalk>> opened) mutable {
                       seat.reset();
                       if (!*alive) return;
                       if (!opened) return proven(turn, opened.error());
                       proven_at_ = clock.now();
                       let_go(clock, std::move(*opened));
                       proven(turn, {});
                     });
}

void Life::try_lane() {
  const auto turn = turn_;
  auto identity = cloud_identity(papers());
  if (!identity) return proven(turn, identity.error());
  ground_.doors.try_lane(
      lane_, std::move(identity->tls),
      [this, alive = alive_, turn, seat = std::move(seat_)](const result<void>& proof) mutable {
        seat.reset();
        if (*alive) proven(turn, proof);
      });
}

void Life::proven(std::uint64_t turn, const result<void>& proof) {
  if (turn != turn_) return;
  if (proof) {
    error_.clear();
    backoff_.reset();
    proofs_ = 0;
    const auto now =
        std::chrono::duration_cast<std::chrono::seconds>(ground_.clock.wall().time_since_epoch()).count();
    const bool first = record_.state != State::revoked;
    const bool took_over = in_use(record_.state) && ground_.vendor->retires();
    return answer(turn, took_over ? Event::took_over : Event::connected,
                  [first, took_over, now](Record& record) {
                    if (first) {
                      if (took_over) record.former = record.present.certificate_id;
                      record.present = std::move(record.next);
                      record.next = {};
                      record.present.since = now;
                    }
                    record.why.clear();
                  });
  }
  // Of a revoked one, why it is stays to be seen.
  if (record_.state != State::revoked) error_ = proof.error().text;
  delay_ = std::max(kConnectGap, backoff_.next());
  if (!turned_down(proof.error().code) || ++proofs_ < ground_.vendor->first_contacts())
    return answer(turn, Event::failed);
  proofs_ = 0;
  if (record_.state == State::revoked) return answer(turn, Event::rejected);
  answer(turn, Event::rejected, giving_up("AWS IoT does not take its certificate: " + error_));
}

void Life::settle() {
  if (trouble_.empty()) return;
  auto words = trouble_;
  if (!record_.why.empty()) words += "; " + record_.why;
  trouble(words);
}

void Life::open_lane_soon() {
  const auto since = ground_.clock.now() - proven_at_;
  if (proven_at_ == MonoTime{} || since >= kConnectGap) return open_lane();
  ground_.clock.call_after(kConnectGap - since, [this, alive = alive_] {
    if (*alive && in_use(record_.state) && !lane_open_) open_lane();
  });
}

void Life::open_lane() {
  auto identity = cloud_identity(record_.present);
  if (!identity) {
    error_ = identity.error().text;
    ground_.log.error("{}: {}", thing(), error_);
    return;
  }
  lane_open_ = true;
  ground_.doors.open_lane(lane_, std::move(*identity));
}

void Life::watch() {
  lane_open_ = false;
  trouble_.clear();
  ground_.doors.close_lane(lane_);
  error_ = record_.why;
  wait(std::max(kWatchAtLeast, backoff_.next()));
}

}  // namespace sluice::identity
