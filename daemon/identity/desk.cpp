#include "identity/desk.hpp"

#include <algorithm>

namespace sluice::identity {
namespace {

constexpr double kLeastShare = 0.05;
constexpr double kClimb = 0.01;           // of the allowed pace, per second
constexpr Duration kCutAtMostEvery = 1s;  // those under way are sent away together: that is one sign

}  // namespace

Desk::Desk(Clock& clock, unsigned at_once, double per_second) : clock_(clock), timer_(clock) {
  limit(at_once, per_second);
}

Desk::~Desk() { *alive_ = false; }

void Desk::limit(unsigned at_once, double per_second) {
  at_once_ = std::max(1U, at_once);
  per_second_ = std::max(per_second, 0.001);
  look(Duration::zero());
}

Desk::Place Desk::stand_in(std::function<void(Seat)> go, bool first) {
  const Place place = first ? --first_ : ++last_;
  waiting_.emplace(place, std::move(go));
  look(Duration::zero());
  return place;
}

void Desk::leave(Place place) { waiting_.erase(place); }

void Desk::sent_away(Duration length) {
  const auto now = clock_.now();
  if (!cut_ || now - *cut_ >= kCutAtMostEvery) {
    share_ = std::max(kLeastShare, share() / 2);
    cut_ = now;
  }
  next_ = std::max(next_, now + length);
  timer_.cancel();
  look(Duration::zero());
}

double Desk::share() const {
  if (!cut_) return 1;
  return std::min(1.0, share_ + kClimb * std::chrono::duration<double>(clock_.now() - *cut_).count());
}

void Desk::look(Duration in) {
  if (waiting_.empty() || *under_way_ >= at_once_ || timer_.pending()) return;
  timer_.start(std::max(in, next_ - clock_.now()), [this] { call(); });
}

void Desk::call() {
  if (waiting_.empty() || *under_way_ >= at_once_) return;
  auto node = waiting_.extract(waiting_.begin());
  ++*under_way_;
  ++begun_;
  const auto gap = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(1 / pace()));
  next_ = clock_.now() + gap;
  // The seat may outlive the desk.
  const Seat seat(this, [this, alive = alive_, count = under_way_](const void*) {
    --*count;
    if (*alive) look(Duration::zero());
  });
  node.mapped()(seat);
  look(gap);
}

}  // namespace sluice::identity
