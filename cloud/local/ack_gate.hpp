// Holds acknowledgements until the publish log is written, and longer when the fault delay-puback asks for
// it. Tickets are those of the engine: one for everything that arrived in one turn of the loop.
#pragma once

#include <deque>
#include <functional>

#include "core/clock.hpp"
#include "mqtt/broker.hpp"

namespace sluice::cloud {

class AckGate {
 public:
  // release is Broker::committed; called inside sealed() or from a timer.
  AckGate(Clock& clock, std::function<void(mqtt::Ticket)> release)
      : clock_(clock), release_(std::move(release)), timer_(clock) {}

  // The ticket of an ack that is due `delay` after the log has been written.
  mqtt::Ticket join(Duration delay);
  // What joined so far is in the log.
  void sealed();

 private:
  struct Group {
    mqtt::Ticket ticket;
    MonoTime due;
  };
  void run();

  Clock& clock_;
  std::function<void(mqtt::Ticket)> release_;
  Timer timer_;
  mqtt::Ticket open_ = 1;
  bool joined_ = false;
  Duration delay_{};
  std::deque<Group> waiting_;  // acks keep their order: due never goes back
};

}  // namespace sluice::cloud
