// A life and certificates that are to go out of use: the former one of a rotation, the only one of a device
// that is decommissioned. Every retirement ends in answer().
#include <fmt/format.h>

#include "identity/life.hpp"

namespace sluice::identity {
namespace {

constexpr unsigned kRetirings = 50;  // some hours with the usual back-off

std::string joined(const std::string& first, const std::string& then) {
  return first.empty() ? then : first + "; " + then;
}

std::string may_be_active(const char* what, const std::string& id) {
  return fmt::format("its {} {} may still be active, deactivate it in AWS", what,
                     id.empty() ? "(of unknown id)" : id);
}

}  // namespace

// The key is destroyed with the next write. What the service may have made for it by now is still good.
void Life::close_lane() {
  turn_away();
  error_.clear();  // the record says why
  const auto& id =
      record_.present.certificate_id.empty() ? record_.next.certificate_id : record_.present.certificate_id;
  const bool asked = record_.present != Papers{} || record_.next != Papers{};
  if (asked && ground_.vendor->retires() && !record_.sealed_token.empty()) {
    return answer(turn_, Event::listed, [id](Record& record) {
      record.present = {};
      record.present.certificate_id = id;
      record.next = {};
      record.former.clear();
      record.judged = false;
    });
  }
  answer(turn_, Event::closed,
         settled(id.empty() ? record_.why : joined(record_.why, may_be_active("certificate", id))));
}

void Life::retire() {
  const auto turn = turn_;
  if (!ground_.vendor->retires())
    return refused(turn, {Refusal::Kind::wrong, "cloud.provisioning has another method now", {}, false});
  auto token = this->token();
  if (!token) return refused(turn, {Refusal::Kind::wrong, token.error().text, {}, false});
  const auto keep = record_.state == State::retiring ? record_.present.certificate_id : std::string();
  ground_.vendor->retire({.id = thing(), .token = std::move(*token), .csr = {}}, keep,
                         [this, alive = alive_, turn, seat = std::move(seat_)](Answer got) mutable {
                           seat.reset();
                           if (*alive) answered(turn, std::move(got));
                         });
}

void Life::retired(std::uint64_t turn) {
  const auto& id = record_.state == State::retiring ? record_.former : record_.present.certificate_id;
  ground_.log.info("{}: the certificate {} is retired", thing(), id);
  backoff_.reset();
  retirings_ = 0;
  error_.clear();
  answer(turn, Event::retired, settled(record_.why));
}

// A lane that has its next certificate does not wait for ever with the trouble that it may have; a device
// that is out can.
bool Life::gives_up_retiring(const Refusal& refusal) {
  if (record_.state == State::withdrawing && !refusal.reached) return false;
  return ++retirings_ >= kRetirings;
}

void Life::not_retired(std::uint64_t turn, const Refusal& refusal) {
  retirings_ = 0;
  error_.clear();
  const bool former = record_.state == State::retiring;
  const auto& id = former ? record_.former : record_.present.certificate_id;
  // The token never was right, so it never got one.
  if (id.empty() && refusal.kind == Refusal::Kind::denied)
    return answer(turn, Event::denied, settled(record_.why));
  const auto why = may_be_active(former ? "former certificate" : "certificate", id) +
                   ": the service did not retire it: " + refusal.text;
  answer(turn, Event::denied, settled(former ? why : joined(record_.why, why)));
}

// What is left of a record when there is nothing more to retire: of a rotation the present certificate, of
// who was decommissioned the name.
Life::Change Life::settled(std::string why) const {
  return [why = std::move(why), stays = in_use(record_.state)](Record& record) {
    record.former.clear();
    record.why = why;
    if (stays) return;
    record.present = {};
    record.next = {};
    record.sealed_token.clear();
    record.judged = false;
  };
}

}  // namespace sluice::identity
