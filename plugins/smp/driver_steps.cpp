// The update calls of the contract on the target. A step may come again after a restart of either side; what
// the device says decides what is left to do.
#include <fmt/format.h>

#include "plugins/smp/driver.hpp"
#include "plugins/smp/mcuboot_image.hpp"
#include "plugins/smp/report.hpp"

namespace sluice::smp {
namespace asio = boost::asio;
using adapter::Answer;
using adapter::Json;
namespace {

// What a write may bring: enough that the daemon's round trip does not count, little enough to answer in
// seconds.
constexpr std::size_t kMaxChunk = 4096;

Answer wrong(std::string text) { return adapter::no("permanent", std::move(text)); }
Answer not_begun() {
  return adapter::no("transient",
                     "this adapter knows nothing of the update (it was started anew): begin first");
}

std::optional<std::string> hash_argument(const Json& arguments, const char* key) {
  const auto it = arguments.find(key);
  return it == arguments.end() || !it->is_string() ? std::nullopt
                                                   : hash_of_hex(it->get_ref<const std::string&>());
}

Answer said(const result<>& done, Json words = Json::object()) {
  if (!done) return failure_of(done.error());
  return adapter::yes(std::move(words));
}

}  // namespace

asio::awaitable<Answer> Driver::answer(const Step& step) {
  if (!step.arguments.is_null() && !step.arguments.is_object())
    co_return wrong("the arguments are no object");
  if (step.operation == "probe") co_return co_await probe();
  if (step.operation == "begin") co_return co_await begin(step);
  if (step.operation == "write") co_return co_await write(step);
  if (step.operation == "verify") co_return co_await verify(step);
  if (step.operation == "restart") co_return said(co_await target_.restart());
  if (step.operation == "revert") co_return co_await revert(step);
  if (step.operation == "abort") {
    if (update_ && update_->id == step.update) update_.reset();
    co_return adapter::yes();
  }
  if (step.operation != "activate" && step.operation != "confirm") {
    co_return adapter::no("unsupported", fmt::format("no operation '{}'", step.operation));
  }
  const auto hash = hash_argument(step.arguments, "hash");
  if (!hash) co_return wrong(fmt::format("{} needs the hash of the image", step.operation));
  if (step.operation == "confirm") co_return said(co_await target_.confirm(*hash), {{"confirmed", true}});
  const auto trial = step.arguments.find("trial");
  const bool for_good = trial != step.arguments.end() && trial->is_boolean() && !trial->get<bool>();
  co_return said(co_await target_.activate(*hash, for_good));
}

asio::awaitable<Answer> Driver::probe() {
  const auto facts = co_await target_.probe();
  if (!facts) {
    away(facts.error());
    // It is the question whether the device is there.
    if (facts.error().code == errc::timeout) co_return adapter::no("lost", facts.error().text);
    co_return failure_of(facts.error());
  }
  seen(*facts);
  co_return adapter::yes({{"model", settings_.model},
                          {"hardware", settings_.hardware},
                          {"class", update_class(facts->safety)},
                          {"resume", true},
                          {"max_chunk", kMaxChunk},
                          {"active", active_report(facts->slots)},
                          {"slots", slots_report(facts->slots)}});
}

// The device's first packet carries the image's header, so it goes out with the first write; begin only finds
// out whether the device has the whole of it.
asio::awaitable<Answer> Driver::begin(const Step& step) {
  Update update;
  update.id = step.update;
  const auto size = step.arguments.find("size");
  const auto sha = hash_argument(step.arguments, "sha256");
  const auto hash = hash_argument(step.arguments, "hash");
  if (update.id.empty() || size == step.arguments.end() || !size->is_number_unsigned() || !sha ||
      sha->size() != 32 || !hash) {
    co_return wrong("begin needs update, size, sha256 and hash");
  }
  update.head.size = *size;
  update.head.sha = *sha;
  update.hash = *hash;
  if (const auto image = step.arguments.find("image");
      image != step.arguments.end() && image->is_number_unsigned()) {
    update.head.image = image->get<std::uint32_t>();
  }
  const auto facts = co_await target_.probe();  // capacity, and what is in the slots
  if (!facts) co_return failure_of(facts.error());
  seen(*facts);
  update.complete = facts->holding(update.hash) != nullptr;
  update_ = std::move(update);
  co_return adapter::yes({{"offset", update_->complete ? update_->head.size : 0}});
}

asio::awaitable<Answer> Driver::write(const Step& step) {
  if (!update_ || update_->id != step.update) co_return not_begun();
  if (update_->complete) co_return adapter::yes({{"offset", update_->head.size}});
  if (step.bytes.empty() || step.bytes.size() > kMaxChunk) {
    co_return wrong(fmt::format("a write has 1 to {} bytes", kMaxChunk));
  }
  std::uint64_t at = step.offset;
  if (at == 0) {
    const auto begun = co_await target_.begin(update_->head, step.bytes);
    if (!begun) co_return failure_of(begun.error());
    at = *begun;
    update_->begun_on_device = true;
    // The device goes on elsewhere, or the rest of these bytes is still to be sent.
    if (at == 0 || at >= step.bytes.size()) co_return adapter::yes({{"offset", at}});
  } else if (!update_->begun_on_device) {
    co_return adapter::yes({{"offset", 0}});  // the device names its offset when it sees the beginning
  }
  const auto next = co_await target_.write(at, std::string_view(step.bytes).substr(at - step.offset));
  if (!next) co_return failure_of(next.error());
  if (*next == 0) update_->begun_on_device = false;
  co_return adapter::yes({{"offset", *next}});
}

asio::awaitable<Answer> Driver::verify(const Step& step) {
  if (!update_ || update_->id != step.update) co_return not_begun();
  const auto slots = co_await target_.image_state();
  if (!slots) co_return failure_of(slots.error());
  // What is in the slot that the update was written to.
  std::string has;
  for (const auto& slot : *slots) {
    if (slot.hash == update_->hash) co_return adapter::yes({{"verified", true}, {"hash", hex(slot.hash)}});
    if (!slot.active) has = hex(slot.hash);
  }
  co_return adapter::yes({{"verified", false}, {"hash", has}});
}

asio::awaitable<Answer> Driver::revert(const Step& step) {
  const auto slots = co_await target_.image_state();
  if (!slots) co_return failure_of(slots.error());
  const bool known = update_ && update_->id == step.update;
  for (const auto& slot : *slots) {
    if (!slot.active || (known && slot.hash != update_->hash)) continue;
    // What runs is the update's image, or it is not known whose.
    if (!slot.confirmed) co_return said(co_await target_.restart(), {{"active", active_report(*slots)}});
    if (known) co_return wrong("the image is confirmed and stays; send the old image instead");
  }
  for (const auto& slot : *slots) {
    if (slot.pending)
      co_return wrong("the image is pending and will be tried at the next start; revert it after that");
  }
  co_return adapter::yes({{"active", active_report(*slots)}});  // the way back is gone already
}

}  // namespace sluice::smp
