// The trial of suspects (F18), step by step; what each step's outcome means is Poison's business.
//
//   settling ──nothing in flight──▶ quiet ──5 s alive──▶ fetching ──▶ sending ──all answered──▶ fetching … or
//   the end
//      a connection that dies in settling or quiet acquits everyone; in sending it is held against the group
#include <utility>

#include "uplink/sender.hpp"

namespace sluice::uplink {
namespace {

constexpr Duration kQuiet = 5s;

}  // namespace

void Sender::trial_step() {
  switch (trial_) {
    case Trial::none:
      // What was drawn but not sent is read again afterwards.
      live_.close();
      backlog_.close();
      batcher_.clear();
      ready_.clear();
      retries_.clear();
      trial_ = Trial::settling;
      [[fallthrough]];
    case Trial::settling:
      if (!sent_.empty()) return;
      trial_ = Trial::quiet;
      log_.info("looking for the message that closes the connection: {} suspects", poison_.suspects());
      quiet_.start(kQuiet, [this] { trial_fetch(); });
      return;
    case Trial::quiet:
    case Trial::fetching:
      return;
    case Trial::sending:
      while (!ready_.empty() && send_front()) {
      }
      return;
  }
}

void Sender::trial_fetch() {
  trial_ = Trial::fetching;
  fetch(poison_.group(), [this] {
    trial_ = Trial::sending;
    trial_answered();  // perhaps nothing of it is left
    pump();
  });
}

void Sender::trial_answered() {
  if (!sent_.empty() || !ready_.empty()) return;
  poison_.group_delivered();
  if (poison_.on_trial()) return trial_fetch();
  end_trial();
}

void Sender::end_trial() {
  trial_ = Trial::none;
  log_.info("the search for a message that closes the connection has ended");
  open_streams();
}

}  // namespace sluice::uplink
