#include "smp/device.hpp"

#include <fmt/format.h>

#include "plugins/smp/mcuboot_image.hpp"

namespace sluice::smp_device {
namespace {

using smp::cbor::Field;
using smp::cbor::Map;

constexpr Duration kResetDelay = 250ms;  // the answer goes out first
constexpr std::uint64_t kInvalid = 3, kNotSupported = 8, kBusy = 10, kTooNew = 13;

}  // namespace

Device::Device(Clock& clock, DeviceOptions options, std::string factory_image, Faults& faults)
    : clock_(clock),
      options_(std::move(options)),
      faults_(faults),
      bootloader_(options_.mode, std::move(factory_image), options_.slot_size),
      work_(clock),
      boot_(clock),
      reset_(clock) {}

void Device::receive(std::string message) {
  if (booting() || faults_.silent) return;
  const std::size_t room = options_.true_buffer != 0 ? options_.true_buffer : options_.buffer_size;
  if (message.size() + 4 > room || waiting_.size() >= options_.buffer_count) return;
  waiting_.push_back(std::move(message));
  next();
}

// One command at a time, as the one work queue of MCUmgr does it.
void Device::next() {
  if (work_.pending() || waiting_.empty()) return;
  const auto message = smp::decode(waiting_.front());
  waiting_.pop_front();
  if (!message || message->header.op == smp::Op::read_reply || message->header.op == smp::Op::write_reply)
    return next();
  ++counters_.requests;
  auto outcome = handle(*message);
  if (!outcome.answered) return next();
  answer(message->header, std::move(outcome.body),
         outcome.takes + std::chrono::milliseconds(faults_.latency_ms));
}

void Device::answer(const smp::Header& request, Map body, Duration after) {
  auto header = request;
  header.op = static_cast<smp::Op>(static_cast<int>(request.op) + 1);
  if (options_.version_1) header.version = smp::Version::v1;
  work_.start(after, [this, bytes = smp::encode(header, std::move(body))]() mutable {
    if (send_) send_(std::move(bytes));
    next();
  });
}

void Device::reset() {
  work_.cancel();
  reset_.cancel();
  waiting_.clear();
  upload_ = {};
  boot_.start(std::chrono::milliseconds(faults_.boot_ms), [this] { boot_up(); });
}

void Device::boot_up() {
  ++counters_.boots;
  const Booted booted = bootloader_.boot();
  const auto version = smp::image_of(bootloader_.primary());
  say(fmt::format("boot: {}, version {}", to_string(booted),
                  version ? smp::to_string(version->version) : "?"));
  if (!bootloader_.on_trial()) return;
  if (faults_.revert_on_boot) {
    say("fault: the new image crashes");
    reset();
  } else if (faults_.self_confirm) {
    bootloader_.confirm();
    say("the new image has confirmed itself");
  }
}

Device::Outcome Device::refuse(std::uint16_t group, std::uint64_t code) {
  ++counters_.refused;
  Map body;
  if (group == smp::kOsGroup || options_.version_1) {
    body.push_back({"rc", code});
  } else {
    body.push_back({"err", Map{{"group", std::uint64_t{group}}, {"rc", code}}});
  }
  return {std::move(body), {}, true};
}

Device::Outcome Device::handle(const smp::Message& message) {
  if (options_.version_1 && message.header.version != smp::Version::v1) return refuse(smp::kOsGroup, kTooNew);
  if (faults_.busy > 0) {
    --faults_.busy;
    return refuse(smp::kOsGroup, kBusy);
  }
  if (message.header.group == smp::kOsGroup) return os_group(message);
  if (message.header.group == smp::kImageGroup) return image_group(message);
  return refuse(smp::kOsGroup, kNotSupported);
}

Device::Outcome Device::os_group(const smp::Message& message) {
  const bool writes = message.header.op == smp::Op::write;
  switch (message.header.command) {
    case smp::kEcho: {
      const auto text = message.body.text("d");
      if (!text) return refuse(smp::kOsGroup, kInvalid);
      return {Map{Field{"r", *text}}, {}, true};
    }
    case smp::kReset:
      if (!writes) break;
      if (!faults_.ignore_reset) reset_.start(kResetDelay, [this] { reset(); });
      return {};
    case smp::kParams:
      if (writes || !options_.params) break;
      return {
          Map{Field{"buf_size", options_.buffer_size}, Field{"buf_count", options_.buffer_count}}, {}, true};
    case smp::kOsInfo:
      if (writes) break;
      return {Map{Field{"output", options_.os}}, {}, true};
    case smp::kBootloaderInfo: {
      if (writes || !options_.bootloader_info) break;
      if (message.body.text("query") == "mode") return {Map{Field{"mode", bootloader_.mode()}}, {}, true};
      return {Map{Field{"bootloader", "MCUboot"}}, {}, true};
    }
    default:
      break;
  }
  return refuse(smp::kOsGroup, kNotSupported);
}

}  // namespace sluice::smp_device
