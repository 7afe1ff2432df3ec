#include "cloud/local/ack_gate.hpp"

#include <algorithm>

namespace sluice::cloud {

mqtt::Ticket AckGate::join(Duration delay) {
  joined_ = true;
  delay_ = std::max(delay_, delay);
  return open_;
}

void AckGate::sealed() {
  if (!joined_) return;
  MonoTime due = clock_.now() + delay_;
  if (!waiting_.empty()) due = std::max(due, waiting_.back().due);
  waiting_.push_back({open_++, due});
  joined_ = false;
  delay_ = {};
  run();
}

void AckGate::run() {
  mqtt::Ticket ticket = 0;
  while (!waiting_.empty() && waiting_.front().due <= clock_.now()) {
    ticket = waiting_.front().ticket;
    waiting_.pop_front();
  }
  if (!waiting_.empty() && !timer_.pending())
    timer_.start(waiting_.front().due - clock_.now(), [this] { run(); });
  if (ticket != 0) release_(ticket);
}

}  // namespace sluice::cloud
