// The life of an identity as a table: state, event, next state, effect. Pure; used by Life, which writes the
// next state down before the effect runs. The names of the states are on disk (registry space 18) and must
// not change.
//
//   new ─▶ key-made ─▶ requested ─▶ (promised) ─▶ issued ─▶ proving ─▶ active ─▶ rotating … ─▶ (retiring) ─▶
//   active
//                          └─▶ refused                                   └─▶ revoked ─▶ active, or rotating
//   any ─▶ decommissioning ─▶ (withdrawing) ─▶ gone
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace sluice::identity {

enum class State : std::uint8_t {
  fresh,      // "new": known by name and token, nothing made yet
  key_made,   // the key is sealed and on disk; nobody has been asked
  requested,  // a request with this key's CSR is or was under way
  promised,   // fleet: the certificate is there, the thing is not yet registered
  issued,     // the certificate is on disk, AWS has not seen it
  proving,    // a connection with it has been tried
  active,
  rotating,  // from here on the present certificate stays in use, a next one goes the same way
  rotating_key_made,
  rotating_requested,
  rotating_promised,
  rotating_issued,
  rotating_proving,
  retiring,         // cvm: the next one is the present one; the service is to retire the former
  refused,          // the service will not have it; key and token are destroyed
  revoked,          // AWS does not take the certificate any more
  decommissioning,  // the lane closes, the key is being destroyed
  gone,             // remembered by name only
  withdrawing,      // cvm: no key any more; the service is to take the certificate out of use
};
inline constexpr int kStates = static_cast<int>(State::withdrawing) + 1;

enum class Event : std::uint8_t {
  resumed,     // the process has started
  key_sealed,  // a key was made and sealed
  slot,        // its turn among those who wait
  failed,      // did not work this time; asking again may help
  vouched,     // fleet: here is a certificate, register with it
  lapsed,      // fleet: the promise is not good any more
  granted,     // here is the certificate
  denied,      // no, for good
  connected,   // AWS took the certificate
  took_over,   // the same, and the former one is still to be retired
  rejected,    // AWS does not take it, however often it is tried
  rotate,      // by age, before expiry, by command
  trouble,     // AWS has stopped taking it
  again,       // by command, or another token came
  remove,      // by command
  closed,      // the lane is closed
  listed,      // the same, and the service is still to take its certificate out of use
  retired,     // it is out of use
};
inline constexpr int kEvents = static_cast<int>(Event::retired) + 1;

enum class Effect : std::uint8_t {
  none,
  make_key,    // then: key_sealed
  stand_in,    // waits for a slot
  ask,         // the vendor; then: granted, vouched, denied, failed
  enlist,      // fleet: registers the promised certificate; then: granted, lapsed, denied, failed
  prove,       // connects with the certificate; then: connected, rejected, failed
  try_lane,    // the lane connects with the next certificate; then the same
  wait,        // backs off, then stands in again
  open_lane,   // with the present certificate
  swap_lane,   // to what was next; the old key is destroyed
  hand_over,   // the same, then stands in to have the former one retired
  retire,      // the vendor takes a certificate out of use; then: retired, denied, failed
  settle,      // the former one is retired; trouble that came meanwhile counts now
  reopen,      // the lane of one that was revoked, with the present certificate; then as make_key
  keep,        // the next one is given up, the present stays; trouble that came meanwhile counts now
  turn_away,   // says so; what waits is counted as refused
  watch,       // closes the lane and looks now and then whether AWS takes it again
  close_lane,  // what waits is counted; then: closed, listed
};
inline constexpr int kEffects = static_cast<int>(Effect::close_lane) + 1;

struct Row {
  State state;
  Event event;
  State next;
  Effect effect;
};

std::span<const Row> table();
// Null: this event cannot come in this state.
const Row* find_row(State state, Event event);
// Aborts with both names where there is no row: a state that nobody thought of must not be written to disk.
const Row& row_for(State state, Event event);

std::string_view to_string(State state);
std::string_view to_string(Event event);
std::string_view to_string(Effect effect);
std::optional<State> state_named(std::string_view name);

// Has a certificate that AWS has taken before.
bool in_use(State state);
// Its token has not been judged yet.
bool unproven(State state);
// Decommissioned, or about to be.
bool leaves(State state);

}  // namespace sluice::identity
