#include "identity/desk.hpp"

#include <algorithm>

namespace sluice::identity {

Desk::Desk(Clock& clock, unsigned at_once, double per_second) : clock_(clock), timer_(clock) {
  limit(at_once, per_second);
}

Desk::~Desk() { *alive_ = false; }

void Desk::limit(unsigned at_once, double per_second) {
  at_once_ = std::max(1U, at_once);
  gap_ = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(1 / std::max(per_second, 0.001)));
  look(Duration::zero());
}

Desk::Place Desk::stand_in(std::function<void(Seat)> go, bool first) {
  const Place place = first ? --first_ : ++last_;
  waiting_.emplace(place, std::move(go));
  look(Duration::zero());
  return place;
}

void Desk::leave(Place place) { waiting_.erase(place); }

void Desk::pause(Duration length) {
  next_ = std::max(next_, clock_.now() + length);
  timer_.cancel();
  look(Duration::zero());
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
  next_ = clock_.now() + gap_;
  // The seat may outlive the desk.
  const Seat seat(this, [this, alive = alive_, count = under_way_](const void*) {
    --*count;
    if (*alive) look(Duration::zero());
  });
  node.mapped()(seat);
  look(gap_);
}

}  // namespace sluice::identity
