#include "plugins/smp/target.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/task.hpp"
#include "plugins/smp/mcuboot_image.hpp"

namespace sluice::smp {
namespace asio = boost::asio;
namespace {

constexpr int kResets = 3;

std::string short_hex(std::string_view hash) {
  return hash.empty() ? "nothing" : hex(hash.substr(0, 8)) + "…";
}

Error not_running(const Slot* active, std::string_view hash) {
  return {errc::refused,
          fmt::format("the device runs {} ({}), not {}: the image has reverted or was never booted",
                      active == nullptr ? "nothing that it lists" : active->version,
                      active == nullptr ? "" : short_hex(active->hash), short_hex(hash))};
}

// What a boot may change.
std::string boot_print(const std::vector<Slot>& slots) {
  std::string print;
  for (const auto& s : slots)
    print += fmt::format("{}.{}:{}{}{}{} ", s.image, s.slot, hex(s.hash), s.active, s.confirmed, s.pending);
  return print;
}

}  // namespace

std::string_view to_string(Safety safety) {
  switch (safety) {
    case Safety::reverts:
      return "reverts";
    case Safety::no_revert:
      return "no-revert";
    case Safety::unknown:
      return "unknown";
  }
  return "unknown";
}

std::string_view to_string(Boot boot) {
  switch (boot) {
    case Boot::trial:
      return "trial";
    case Boot::confirmed:
      return "confirmed";
    case Boot::old_image:
      return "old-image";
  }
  return "old-image";
}

const Slot* DeviceFacts::active() const {
  const auto it = std::ranges::find_if(slots, &Slot::active);
  return it == slots.end() ? nullptr : &*it;
}

const Slot* DeviceFacts::holding(std::string_view hash) const {
  const auto it = std::ranges::find_if(slots, [&](const Slot& s) { return s.hash == hash; });
  return it == slots.end() ? nullptr : &*it;
}

SmpTarget::SmpTarget(asio::io_context& loop, Clock& clock, Transport& transport, TargetOptions options,
                     Log log)
    : log_(log), exchange_(loop, clock, transport, std::move(log)), options_(options), transport_(transport) {
  set_capacity(transport.cautious_capacity());
  chunk_.patience(options_.usual.reply, options_.least_reply, options_.most_reply);
}

void SmpTarget::set_capacity(std::size_t capacity) {
  if (options_.max_message != 0) capacity = std::min(capacity, options_.max_message);
  chunk_.limits(std::min(kLeastMessage, capacity), std::min(capacity, kMaxMessage));
}

asio::awaitable<result<DeviceFacts>> SmpTarget::probe() {
  DeviceFacts facts;
  // Old devices and bootloaders know only some of these; the image state is what must be there.
  const auto params = co_await exchange_.ask(read_params(), options_.usual);
  if (params) {
    auto read = params_in(*params);
    if (!read) co_return read.error();
    facts.params = *read;
    set_capacity(transport_.capacity(read->buffer_size));
  } else if (params.error().code == errc::closed || params.error().code == errc::unreachable) {
    co_return params.error();
  }
  // Who was silent so far gets one attempt more, not a whole series for each question.
  const Patience brief{options_.usual.reply,
                       params || params.error().code != errc::timeout ? options_.usual.attempts : 1};
  auto slots = co_await image_state();
  if (!slots) co_return slots.error();
  facts.slots = std::move(*slots);
  if (const auto boot = co_await exchange_.ask(read_bootloader_mode(), brief)) {
    facts.mode = boot_mode_in(*boot);
    facts.safety = facts.mode == BootMode::unknown ? Safety::unknown
                   : reverts(facts.mode)           ? Safety::reverts
                                                   : Safety::no_revert;
  }
  if (const auto os = co_await exchange_.ask(read_os_info(), brief))
    facts.os = os->text("output").value_or("").substr(0, 256);
  facts.max_message = chunk_.most();
  co_return facts;
}

asio::awaitable<result<std::vector<Slot>>> SmpTarget::image_state() {
  const auto body = co_await exchange_.ask(read_image_state(), options_.usual);
  if (!body) co_return body.error();
  auto slots = image_state_in(*body);
  if (slots && options_.image)
    std::erase_if(*slots, [this](const Slot& s) { return s.image != *options_.image; });
  co_return slots;
}

SmpTarget::Seen SmpTarget::seen(const std::vector<Slot>& slots, std::string_view hash) {
  Seen seen;
  for (const auto& slot : slots) {
    if (slot.active) seen.active = &slot;
    // The same image in both slots: the running one counts.
    if (slot.hash == hash && (seen.wanted == nullptr || slot.active)) seen.wanted = &slot;
  }
  return seen;
}

asio::awaitable<result<Slot>> SmpTarget::verify(std::string hash) {
  const auto slots = co_await image_state();
  if (!slots) co_return slots.error();
  if (const auto* wanted = seen(*slots, hash).wanted) co_return *wanted;
  std::string has;
  for (const auto& slot : *slots)
    has += fmt::format(", slot {}: {} {}", slot.slot, slot.version, short_hex(slot.hash));
  co_return Error{errc::corrupt,
                  fmt::format("the device does not list the image {} that was sent{}; send it again",
                              short_hex(hash), has)};
}

asio::awaitable<result<>> SmpTarget::activate(std::string hash, bool for_good) {
  const auto slots = co_await image_state();
  if (!slots) co_return slots.error();
  const auto now = seen(*slots, hash);
  if (now.wanted == nullptr)
    co_return Error{errc::not_found,
                    fmt::format("the device does not have the image {}; send it first", short_hex(hash))};
  if (now.wanted->active || (now.wanted->pending && now.wanted->permanent == for_good)) co_return result<>();
  const auto body = co_await exchange_.ask(mark_image(hash, for_good), options_.usual);
  if (!body) co_return body.error();
  const auto after = image_state_in(*body);
  if (!after) co_return after.error();
  const auto then = seen(*after, hash);
  if (then.wanted == nullptr || !(then.wanted->pending || then.wanted->active)) {
    co_return Error{
        errc::protocol,
        fmt::format("the device took the mark for {} but does not show it as pending", short_hex(hash))};
  }
  co_return result<>();
}

asio::awaitable<result<Boot>> SmpTarget::reboot(std::string hash) {
  const auto slots = co_await image_state();
  if (!slots) co_return slots.error();
  const auto now = seen(*slots, hash);
  if (now.active != nullptr && now.active->hash == hash)
    co_return now.active->confirmed ? Boot::confirmed : Boot::trial;
  if (now.wanted == nullptr || !now.wanted->pending) {
    co_return Error{errc::refused,
                    fmt::format("the image {} is not marked for a trial; a reset would boot the old one",
                                short_hex(hash))};
  }
  co_return co_await reset_and_wait(hash, true);
}

asio::awaitable<result<>> SmpTarget::confirm(std::string hash) {
  const auto slots = co_await image_state();
  if (!slots) co_return slots.error();
  const auto now = seen(*slots, hash);
  if (now.active == nullptr || now.active->hash != hash) co_return not_running(now.active, hash);
  if (now.active->confirmed) co_return result<>();
  const auto answer = co_await exchange_.ask(confirm_running_image(), options_.usual);
  if (!answer) co_return answer.error();
  const auto after = co_await image_state();
  if (!after) co_return after.error();
  const auto then = seen(*after, hash);
  if (then.active == nullptr || then.active->hash != hash) co_return not_running(then.active, hash);
  if (!then.active->confirmed)
    co_return Error{errc::protocol, "the device took the confirmation but does not show it"};
  co_return result<>();
}

asio::awaitable<result<>> SmpTarget::revert(std::string hash) {
  const auto slots = co_await image_state();
  if (!slots) co_return slots.error();
  const auto now = seen(*slots, hash);
  if (now.wanted != nullptr && !now.wanted->active && now.wanted->pending) {
    co_return Error{errc::refused,
                    "the image is pending and will be tried at the next boot; revert it after that"};
  }
  if (now.active == nullptr || now.active->hash != hash) co_return result<>();  // it does not run
  if (now.active->confirmed) {
    co_return Error{errc::refused, "the image is confirmed and stays; send the old image instead"};
  }
  const auto boot = co_await reset_and_wait(hash, false);
  if (!boot) co_return boot.error();
  if (*boot != Boot::old_image)
    co_return Error{errc::refused, "the device still runs the image after a reset"};
  co_return result<>();
}

// The answer to a reset may be lost, and the reset too. What the device runs tells; only when it has not
// booted for some time is it asked again.
asio::awaitable<result<Boot>> SmpTarget::reset_and_wait(std::string_view hash, bool want_new) {
  Clock& clock = exchange_.clock();
  const auto deadline = clock.now() + options_.reboot;
  auto asked = clock.now();
  int resets = 1;
  auto answer = co_await reset(false);
  if (!answer && answer.error().code != errc::timeout && answer.error().code != errc::unreachable)
    co_return answer.error();
  const Patience once{options_.usual.reply, 1};
  while (clock.now() < deadline && !exchange_.closed()) {
    co_await sleep_for(clock, options_.poll);
    const auto body = co_await exchange_.ask(read_image_state(), once);
    if (!body) continue;
    const auto slots = image_state_in(*body);
    if (!slots) co_return slots.error();
    const auto now = seen(*slots, hash);
    const bool runs = now.active != nullptr && now.active->hash == hash;
    if (runs && now.active->confirmed) co_return Boot::confirmed;
    if (runs && want_new) co_return Boot::trial;
    if (!runs && !(now.wanted != nullptr && now.wanted->pending)) co_return Boot::old_image;
    // Still as before the reset.
    if (clock.now() - asked < options_.reset_again || resets >= kResets) continue;
    ++resets;
    asked = clock.now();
    log_.warn("the device has not reset; asked for the {}. time", resets);
    answer = co_await reset(false);
    if (!answer && answer.error().code == errc::closed) co_return answer.error();
  }
  if (exchange_.closed()) co_return Error{errc::closed, "the SMP adapter is stopping"};
  co_return Error{errc::timeout,
                  fmt::format("the device did not come back within {} s of a reset", options_.reboot / 1s)};
}

asio::awaitable<result<>> SmpTarget::erase(std::optional<std::uint32_t> slot) {
  const auto body = co_await exchange_.ask(erase_slot(slot), {options_.erase, 2});
  if (!body) co_return body.error();
  co_return result<>();
}

asio::awaitable<result<std::string>> SmpTarget::echo(std::string text) {
  const auto body = co_await exchange_.ask(smp::echo(text), options_.usual);
  if (!body) co_return body.error();
  const auto said = body->text("r");
  if (!said) co_return Error{errc::protocol, "the device's echo has no text"};
  co_return std::string(*said);
}

asio::awaitable<result<>> SmpTarget::reset(bool force) {
  const auto body = co_await exchange_.ask(smp::reset(force), {options_.usual.reply, 1});
  if (!body) co_return body.error();
  co_return result<>();
}

asio::awaitable<result<>> SmpTarget::restart() {
  const auto slots = co_await image_state();
  if (!slots) co_return slots.error();
  auto now = boot_print(*slots);
  const auto before = std::exchange(unanswered_restart_, std::nullopt);
  if (before && *before != now) co_return result<>();  // it was only the answer that got lost
  auto done = co_await reset(false);
  if (!done && done.error().code == errc::timeout) unanswered_restart_ = std::move(now);
  co_return done;
}

}  // namespace sluice::smp
