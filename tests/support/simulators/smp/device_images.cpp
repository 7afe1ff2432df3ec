// The image group of the simulated device, with the rules of MCUmgr's img_mgmt.
#include <fmt/format.h>

#include <algorithm>

#include "plugins/smp/mcuboot_image.hpp"
#include "smp/device.hpp"

namespace sluice::smp_device {
namespace {

using smp::cbor::Array;
using smp::cbor::Bytes;
using smp::cbor::Field;
using smp::cbor::Map;

enum Code : std::uint64_t {
  kHashNotFound = 8,
  kNoFreeSlot = 9,
  kNoOffset = 20,
  kNoLength = 21,
  kBadHeader = 22,
  kBadMagic = 23,
  kRunningIsNewer = 27,
  kPending = 28,
  kTooLarge = 30,
  kOverrun = 31,
  kTestOfActive = 33,
};
constexpr std::uint64_t kSmpInvalid = 3, kSmpNotSupported = 8;

bool higher(const smp::ImageVersion& a, const smp::ImageVersion& b) {  // x.y.z only, as MCUmgr compares
  return std::tuple(a.major, a.minor, a.revision) > std::tuple(b.major, b.minor, b.revision);
}

}  // namespace

Device::Outcome Device::image_group(const smp::Message& message) {
  const bool writes = message.header.op == smp::Op::write;
  switch (message.header.command) {
    case smp::kImageState:
      return writes ? write_state(message.body) : state();
    case smp::kUpload:
      if (writes) return upload(message.body);
      break;
    case smp::kErase:
      if (writes) return erase();
      break;
    default:
      break;
  }
  return refuse(smp::kOsGroup, kSmpNotSupported);
}

Device::Outcome Device::state() const {
  Array images;
  for (const auto& slot : bootloader_.slots()) {
    images.emplace_back(Map{{"slot", slot.slot},
                            {"version", slot.version},
                            {"hash", Bytes{slot.hash}},
                            {"bootable", slot.bootable},
                            {"pending", slot.pending},
                            {"confirmed", slot.confirmed},
                            {"active", slot.active},
                            {"permanent", slot.permanent}});
  }
  return {Map{Field{"images", std::move(images)}, Field{"splitStatus", 0}}, {}, true};
}

Device::Outcome Device::write_state(const smp::cbor::Value& body) {
  const bool confirm = body.flag("confirm").value_or(false);
  const auto hash = body.bytes("hash");
  if (!hash && !confirm) return refuse(smp::kOsGroup, kSmpInvalid);
  const auto slots = bootloader_.slots();
  auto wanted =
      std::ranges::find_if(slots, [&](const smp::Slot& s) { return hash ? s.hash == *hash : s.active; });
  if (wanted == slots.end()) return refuse(smp::kImageGroup, kHashNotFound);
  if (wanted->active) {
    if (!confirm) return refuse(smp::kImageGroup, kTestOfActive);
    if (bootloader_.marked() != Mark::none) return refuse(smp::kImageGroup, kPending);
    bootloader_.confirm();
    say("confirmed " + wanted->version);
    return state();
  }
  if (bootloader_.on_trial())
    return refuse(smp::kImageGroup, kPending);  // it is what a revert would bring back
  if (wanted->permanent && !confirm) return refuse(smp::kImageGroup, kPending);
  bootloader_.mark(confirm ? Mark::permanent : Mark::test);
  say(fmt::format("marked {} {}", wanted->version, confirm ? "for good" : "for test"));
  return state();
}

// Whatever a first packet must be and do; nullopt when the data is to be written.
std::optional<Device::Outcome> Device::open_upload(const smp::cbor::Value& body, std::string_view data,
                                                   Duration& takes) {
  const auto size = body.number("len");
  if (!size) return refuse(smp::kImageGroup, kNoLength);
  if (data.size() < smp::kImageHeaderSize) return refuse(smp::kImageGroup, kBadHeader);
  const auto image = smp::image_header(data);
  if (!image) return refuse(smp::kImageGroup, kBadMagic);
  const auto sha = body.bytes("sha").value_or("");
  if (upload_.open && !sha.empty() && sha == upload_.sha && *size == upload_.size) {
    return Outcome{Map{Field{"off", upload_.offset}}, {}, true};  // goes on where it was
  }
  if (bootloader_.marked() != Mark::none || bootloader_.on_trial())
    return refuse(smp::kImageGroup, kNoFreeSlot);
  if (*size > bootloader_.slot_size()) return refuse(smp::kImageGroup, kTooLarge);
  if (body.flag("upgrade").value_or(false)) {
    const auto runs = smp::image_of(bootloader_.primary());
    if (runs && !higher(image->version, runs->version)) return refuse(smp::kImageGroup, kRunningIsNewer);
  }
  ++counters_.uploads;
  const auto& flash = bootloader_.secondary();
  if (options_.image_check && sha.size() == 32 && flash.size() == *size && smp::sha256(flash) == sha) {
    upload_ = {};
    return Outcome{Map{Field{"off", *size}, Field{"match", true}}, {}, true};  // it has it already
  }
  upload_ = {true, *size, 0, std::string(sha)};
  bootloader_.erase_secondary();
  takes = std::chrono::milliseconds(faults_.erase_ms);
  return std::nullopt;
}

Device::Outcome Device::upload(const smp::cbor::Value& body) {
  const auto offset = body.number("off");
  const auto sent = body.bytes("data");
  if (!offset) return refuse(smp::kImageGroup, kNoOffset);
  if (!sent) return refuse(smp::kOsGroup, kSmpInvalid);
  const std::uint64_t chunk = ++counters_.chunks;
  if (chunk == faults_.reset_at_chunk) {
    say(fmt::format("fault: reset at chunk {}", chunk));
    reset();
    return {{}, {}, false};
  }
  if (chunk == faults_.forget_at_chunk) {
    say(fmt::format("fault: forgets the upload at chunk {}", chunk));
    forget_upload();
  }
  Duration takes{};
  if (*offset == 0) {
    if (auto done = open_upload(body, *sent, takes)) return *done;
  } else if (!upload_.open || *offset != upload_.offset) {
    return {Map{Field{"off", upload_.open ? upload_.offset : 0}}, {}, true};
  }
  std::string_view data = *sent;
  if (upload_.offset + data.size() > upload_.size) return refuse(smp::kImageGroup, kOverrun);
  const bool last = upload_.offset + data.size() == upload_.size;
  if (!last) data = data.substr(0, data.size() / options_.flash_align * options_.flash_align);
  std::string written(data);
  if (faults_.wrong_hash && last && !written.empty()) written.back() = static_cast<char>(written.back() ^ 1);
  bootloader_.write_secondary(upload_.offset, written);
  upload_.offset += written.size();
  Outcome outcome{Map{Field{"off", upload_.offset}}, takes, true};
  if (upload_.offset == upload_.size) {
    if (options_.image_check && !upload_.sha.empty()) {
      outcome.body.push_back({"match", smp::sha256(bootloader_.secondary()) == upload_.sha});
    }
    upload_ = {};
    say("upload complete");
  }
  return outcome;
}

Device::Outcome Device::erase() {
  if (bootloader_.marked() != Mark::none || bootloader_.on_trial())
    return refuse(smp::kImageGroup, kNoFreeSlot);
  upload_ = {};
  bootloader_.erase_secondary();
  return {{}, std::chrono::milliseconds(faults_.erase_ms), true};
}

}  // namespace sluice::smp_device
