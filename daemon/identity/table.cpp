#include "identity/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

namespace sluice::identity {
namespace {

using S = State;
using E = Event;
using F = Effect;

constexpr Row kTable[] = {
    {S::fresh, E::resumed, S::fresh, F::make_key},
    {S::fresh, E::key_sealed, S::key_made, F::stand_in},
    {S::fresh, E::again, S::fresh, F::make_key},
    {S::fresh, E::remove, S::decommissioning, F::close_lane},

    {S::key_made, E::resumed, S::key_made, F::stand_in},
    {S::key_made, E::slot, S::requested, F::ask},
    {S::key_made, E::failed, S::key_made, F::wait},
    {S::key_made, E::again, S::key_made, F::stand_in},
    {S::key_made, E::remove, S::decommissioning, F::close_lane},

    // Sent again with the same CSR after a crash: a CVM knows the key and answers with the same certificate.
    {S::requested, E::resumed, S::requested, F::stand_in},
    {S::requested, E::slot, S::requested, F::ask},
    {S::requested, E::failed, S::requested, F::wait},
    {S::requested, E::vouched, S::promised, F::stand_in},
    {S::requested, E::granted, S::issued, F::stand_in},
    {S::requested, E::denied, S::refused, F::turn_away},
    {S::requested, E::again, S::requested, F::stand_in},
    {S::requested, E::remove, S::decommissioning, F::close_lane},

    {S::promised, E::resumed, S::promised, F::stand_in},
    {S::promised, E::slot, S::promised, F::enlist},
    {S::promised, E::failed, S::promised, F::wait},
    {S::promised, E::lapsed, S::key_made, F::stand_in},
    {S::promised, E::granted, S::issued, F::stand_in},
    {S::promised, E::denied, S::refused, F::turn_away},
    {S::promised, E::again, S::promised, F::stand_in},
    {S::promised, E::remove, S::decommissioning, F::close_lane},

    {S::issued, E::resumed, S::issued, F::stand_in},
    {S::issued, E::slot, S::proving, F::prove},
    {S::issued, E::failed, S::issued, F::wait},
    {S::issued, E::again, S::issued, F::stand_in},
    {S::issued, E::remove, S::decommissioning, F::close_lane},

    {S::proving, E::resumed, S::proving, F::stand_in},
    {S::proving, E::slot, S::proving, F::prove},
    {S::proving, E::failed, S::proving, F::wait},
    {S::proving, E::connected, S::active, F::open_lane},
    {S::proving, E::rejected, S::refused, F::turn_away},
    {S::proving, E::again, S::proving, F::stand_in},
    {S::proving, E::remove, S::decommissioning, F::close_lane},

    {S::active, E::resumed, S::active, F::open_lane},
    {S::active, E::rotate, S::rotating, F::make_key},
    {S::active, E::again, S::rotating, F::make_key},
    {S::active, E::trouble, S::revoked, F::watch},
    {S::active, E::remove, S::decommissioning, F::close_lane},

    // The old certificate may be retired by the service as soon as it has made the new one: trouble is
    // expected.
    {S::rotating, E::resumed, S::rotating, F::make_key},
    {S::rotating, E::key_sealed, S::rotating_key_made, F::stand_in},
    {S::rotating, E::trouble, S::rotating, F::none},
    {S::rotating, E::remove, S::decommissioning, F::close_lane},

    {S::rotating_key_made, E::resumed, S::rotating_key_made, F::stand_in},
    {S::rotating_key_made, E::slot, S::rotating_requested, F::ask},
    {S::rotating_key_made, E::failed, S::rotating_key_made, F::wait},
    {S::rotating_key_made, E::trouble, S::rotating_key_made, F::none},
    {S::rotating_key_made, E::again, S::rotating_key_made, F::stand_in},
    {S::rotating_key_made, E::remove, S::decommissioning, F::close_lane},

    {S::rotating_requested, E::resumed, S::rotating_requested, F::stand_in},
    {S::rotating_requested, E::slot, S::rotating_requested, F::ask},
    {S::rotating_requested, E::failed, S::rotating_requested, F::wait},
    {S::rotating_requested, E::vouched, S::rotating_promised, F::stand_in},
    {S::rotating_requested, E::granted, S::rotating_issued, F::stand_in},
    {S::rotating_requested, E::denied, S::active, F::keep},
    {S::rotating_requested, E::trouble, S::rotating_requested, F::none},
    {S::rotating_requested, E::again, S::rotating_requested, F::stand_in},
    {S::rotating_requested, E::remove, S::decommissioning, F::close_lane},

    {S::rotating_promised, E::resumed, S::rotating_promised, F::stand_in},
    {S::rotating_promised, E::slot, S::rotating_promised, F::enlist},
    {S::rotating_promised, E::failed, S::rotating_promised, F::wait},
    {S::rotating_promised, E::lapsed, S::rotating_key_made, F::stand_in},
    {S::rotating_promised, E::granted, S::rotating_issued, F::stand_in},
    {S::rotating_promised, E::denied, S::active, F::keep},
    {S::rotating_promised, E::trouble, S::rotating_promised, F::none},
    {S::rotating_promised, E::again, S::rotating_promised, F::stand_in},
    {S::rotating_promised, E::remove, S::decommissioning, F::close_lane},

    {S::rotating_issued, E::resumed, S::rotating_issued, F::stand_in},
    {S::rotating_issued, E::slot, S::rotating_proving, F::try_lane},
    {S::rotating_issued, E::failed, S::rotating_issued, F::wait},
    {S::rotating_issued, E::trouble, S::rotating_issued, F::none},
    {S::rotating_issued, E::again, S::rotating_issued, F::stand_in},
    {S::rotating_issued, E::remove, S::decommissioning, F::close_lane},

    {S::rotating_proving, E::resumed, S::rotating_proving, F::stand_in},
    {S::rotating_proving, E::slot, S::rotating_proving, F::try_lane},
    {S::rotating_proving, E::failed, S::rotating_proving, F::wait},
    {S::rotating_proving, E::connected, S::active, F::swap_lane},
    {S::rotating_proving, E::took_over, S::retiring, F::hand_over},
    {S::rotating_proving, E::rejected, S::active, F::keep},
    {S::rotating_proving, E::trouble, S::rotating_proving, F::none},
    {S::rotating_proving, E::again, S::rotating_proving, F::stand_in},
    {S::rotating_proving, E::remove, S::decommissioning, F::close_lane},

    // The former one has no key any more: whoever does not answer here costs an operator a look, nothing
    // else.
    {S::retiring, E::resumed, S::retiring, F::stand_in},
    {S::retiring, E::slot, S::retiring, F::retire},
    {S::retiring, E::failed, S::retiring, F::wait},
    {S::retiring, E::retired, S::active, F::settle},
    {S::retiring, E::denied, S::active, F::keep},
    {S::retiring, E::trouble, S::retiring, F::none},
    {S::retiring, E::again, S::retiring, F::stand_in},
    {S::retiring, E::remove, S::decommissioning, F::close_lane},

    {S::refused, E::resumed, S::refused, F::turn_away},
    {S::refused, E::again, S::fresh, F::make_key},
    {S::refused, E::remove, S::decommissioning, F::close_lane},

    {S::revoked, E::resumed, S::revoked, F::watch},
    {S::revoked, E::slot, S::revoked, F::prove},
    {S::revoked, E::failed, S::revoked, F::wait},
    {S::revoked, E::rejected, S::revoked, F::wait},
    {S::revoked, E::connected, S::active, F::open_lane},
    {S::revoked, E::trouble, S::revoked, F::none},
    // As a rotation: a service that says no leaves it where it was.
    {S::revoked, E::again, S::rotating, F::reopen},
    {S::revoked, E::remove, S::decommissioning, F::close_lane},

    {S::decommissioning, E::resumed, S::decommissioning, F::close_lane},
    {S::decommissioning, E::remove, S::decommissioning, F::close_lane},
    {S::decommissioning, E::closed, S::gone, F::none},
    {S::decommissioning, E::listed, S::withdrawing, F::stand_in},

    {S::withdrawing, E::resumed, S::withdrawing, F::stand_in},
    {S::withdrawing, E::slot, S::withdrawing, F::retire},
    {S::withdrawing, E::failed, S::withdrawing, F::wait},
    {S::withdrawing, E::retired, S::gone, F::none},
    {S::withdrawing, E::denied, S::gone, F::none},
    {S::withdrawing, E::remove, S::withdrawing, F::none},
    {S::withdrawing, E::again, S::fresh, F::make_key},

    {S::gone, E::resumed, S::gone, F::none},
    {S::gone, E::remove, S::gone, F::none},
    {S::gone, E::again, S::fresh, F::make_key},
};

constexpr std::array<std::string_view, kStates> kStateNames = {"new",
                                                               "key-made",
                                                               "requested",
                                                               "promised",
                                                               "issued",
                                                               "proving",
                                                               "active",
                                                               "rotating",
                                                               "rotating-key-made",
                                                               "rotating-requested",
                                                               "rotating-promised",
                                                               "rotating-issued",
                                                               "rotating-proving",
                                                               "retiring",
                                                               "refused",
                                                               "revoked",
                                                               "decommissioning",
                                                               "gone",
                                                               "withdrawing"};
constexpr std::array<std::string_view, kEvents> kEventNames = {
    "resumed",   "key-sealed", "slot",   "failed",  "vouched", "lapsed", "granted", "denied", "connected",
    "took-over", "rejected",   "rotate", "trouble", "again",   "remove", "closed",  "listed", "retired"};
constexpr std::array<std::string_view, kEffects> kEffectNames = {
    "none",      "make-key",  "stand-in", "ask",    "enlist", "prove", "try-lane",  "wait",  "open-lane",
    "swap-lane", "hand-over", "retire",   "settle", "reopen", "keep",  "turn-away", "watch", "close-lane"};

}  // namespace

std::span<const Row> table() { return kTable; }

const Row* find_row(State state, Event event) {
  const auto* row =
      std::ranges::find_if(kTable, [&](const Row& r) { return r.state == state && r.event == event; });
  return row == std::ranges::end(kTable) ? nullptr : row;
}

const Row& row_for(State state, Event event) {
  const auto* row = find_row(state, event);
  if (row != nullptr) return *row;
  fmt::print(stderr, "identity: the event {} cannot come in the state {}\n", to_string(event),
             to_string(state));
  std::abort();
}

std::string_view to_string(State state) { return kStateNames.at(static_cast<std::size_t>(state)); }
std::string_view to_string(Event event) { return kEventNames.at(static_cast<std::size_t>(event)); }
std::string_view to_string(Effect effect) { return kEffectNames.at(static_cast<std::size_t>(effect)); }

std::optional<State> state_named(std::string_view name) {
  const auto* at = std::ranges::find(kStateNames, name);
  if (at == kStateNames.end()) return {};
  return static_cast<State>(at - kStateNames.begin());
}

bool in_use(State state) { return state >= State::active && state <= State::retiring; }

bool unproven(State state) { return state <= State::promised; }

bool leaves(State state) { return state >= State::decommissioning; }

}  // namespace sluice::identity
