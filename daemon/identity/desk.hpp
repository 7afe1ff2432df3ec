// Where those wait who want something of a service that takes only so much: at most N under way, at most R
// begun a second, fewer once the service has sent somebody away, nobody for as long as it asked for. First
// come, first served; the gateway itself goes first. Used for requests for certificates and for first
// connections. Loop thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "core/clock.hpp"

namespace sluice::identity {

class Desk {
 public:
  // Whoever holds a seat is under way; it is free when the last copy has gone.
  using Seat = std::shared_ptr<const void>;
  using Place = std::int64_t;  // in the queue; 0: none

  Desk(Clock& clock, unsigned at_once, double per_second);
  ~Desk();

  void limit(unsigned at_once, double per_second);
  // `go` is called once, from a timer or a later call, never from inside this one.
  Place stand_in(std::function<void(Seat)> go, bool first = false);
  // No-op for places that were called or never were.
  void leave(Place place);
  // The service takes fewer than we send: half the pace, which comes back slowly, and nobody goes for
  // `length`. Whoever shares the service with us need not be known: API Gateway's 429 names no time.
  void sent_away(Duration length);
  // How many may begin a second now.
  double pace() const { return per_second_ * share(); }

  std::size_t waiting() const { return waiting_.size(); }
  std::size_t under_way() const { return *under_way_; }
  std::uint64_t begun() const { return begun_; }

 private:
  double share() const;  // of the pace that is allowed
  void look(Duration in);
  void call();

  Clock& clock_;
  unsigned at_once_ = 1;
  double per_second_ = 1;
  double share_ = 1;  // at the time of the last cut
  std::optional<MonoTime> cut_;
  MonoTime next_{};
  std::map<Place, std::function<void(Seat)>> waiting_;
  Place last_ = 0, first_ = 0;
  std::uint64_t begun_ = 0;
  std::shared_ptr<std::size_t> under_way_ = std::make_shared<std::size_t>(0);
  Timer timer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace sluice::identity
