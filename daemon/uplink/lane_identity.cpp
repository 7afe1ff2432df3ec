// A lane and its certificate: trying another one for rotation, and noticing that the cloud takes it no more.
//
//   try_identity ─▶ goodbye to the cloud ─▶ connect with the new one ─▶ connected: it stays
//                                              │ refused, three times, or ours is broken
//                                              ▼ unreachable, or the time is over
//                                           back to the old one
#include <algorithm>
#include <utility>

#include "uplink/lane.hpp"

namespace sluice::uplink {
namespace {

using Kind = ConnectFailure::Kind;

constexpr unsigned kTrialTries = 3;       // AWS needs a moment until a new certificate is known everywhere
constexpr int kTrialConnectTimeouts = 4;  // the deadline of a trial
constexpr unsigned kClosedToTell = 4;     // with both versions of MQTT, twice

bool says_no_to_us(const ConnectFailure& failure) {
  return failure.kind == Kind::certificate_refused || failure.kind == Kind::closed ||
         (failure.kind == Kind::refused && failure.error.code == errc::unauthorized);
}

bool says_nothing_of_us(Kind kind) { return kind == Kind::dns || kind == Kind::tcp || kind == Kind::silent; }

}  // namespace

void Lane::try_identity(TlsIdentity tls, std::function<void(result<void>)> done) {
  if (state_ == State::stopped) return done(Error{errc::closed, "the lane has been stopped"});
  if (trial_) return done(Error{errc::exists, "another certificate is being tried on this lane"});
  trial_.emplace(Trial{std::exchange(identity_.tls, std::move(tls)), std::move(done)});
  trial_deadline_.start(shared_.cloud.connect_timeout * kTrialConnectTimeouts, [this] {
    end_trial(Error{errc::timeout, "the new certificate could not be tried in time; the old one stays"});
  });
  restart("reconnecting with a new certificate");
}

// Down in good order and up again: the next connection begins when this one has said goodbye.
void Lane::restart(std::string words) {
  rest();
  sender_.down(false);
  log_.info("{}", words);
  error_ = std::move(words);
  backoff_ = Backoff({.first = shared_.cloud.backoff_first, .most = shared_.cloud.backoff_most});
  const bool up = state_ == State::connected || state_ == State::subscribing;
  enter(State::waiting);
  if (!up) link_.reset();
  if (!link_) return connect_soon(Duration::zero());
  ++losses_;
  closing_ = std::make_shared<int>(0);
  link_->close([this, closing = std::weak_ptr<int>(closing_)] {
    if (closing.expired()) return;
    closing_.reset();
    link_.reset();
    connect_soon(Duration::zero());
  });
}

void Lane::connect_soon(Duration wait) {
  if (tried_) wait = std::max(wait, kBetweenConnectsOfOneId - (shared_.clock.now() - last_connect_));
  timer_.start(std::max(wait, Duration::zero()), [this] { try_connect(); });
}

void Lane::trial_failed(const ConnectFailure& failure) {
  const bool again =
      failure.kind == Kind::version || (says_no_to_us(failure) && ++trial_->tries < kTrialTries);
  if (again) {
    rest();
    link_.reset();
    enter(State::waiting);
    error_ = failure.error.text;
    return connect_soon(kBetweenConnectsOfOneId * trial_->tries);
  }
  auto error = failure.error;
  if (says_nothing_of_us(failure.kind)) error.code = errc::unreachable;
  end_trial(std::move(error));
}

// Success: the lane is as it should be. Otherwise it goes back.
void Lane::end_trial(result<void> outcome) {
  auto trial = std::move(*trial_);
  trial_.reset();
  trial_deadline_.cancel();
  if (outcome.has_error()) {
    identity_.tls = std::move(trial.old);
    // Whether the old one is still taken is another question than it was before.
    closed_untold_ = 0;
    identity_trouble_told_ = false;
    if (state_ != State::stopped)
      restart("the new certificate was not taken, going back to the old one: " + outcome.error().text);
  }
  trial.done(std::move(outcome));
}

void Lane::notice_identity_trouble(const ConnectFailure& failure) {
  if (!says_no_to_us(failure) || identity_trouble_told_) return;
  if (failure.kind == Kind::closed && ++closed_untold_ < kClosedToTell) return;
  identity_trouble_told_ = true;
  if (shared_.identity_trouble) shared_.identity_trouble(id_, failure.error.code, failure.error.text);
}

}  // namespace sluice::uplink
