#include "plugins/smp/commands.hpp"

#include <fmt/format.h>

namespace sluice::smp {
namespace {

using cbor::Bytes;
using cbor::Map;

constexpr std::size_t kMaxSlots = 16, kMaxHash = 64, kMaxVersionText = 64;

Command read_command(std::uint16_t group, std::uint8_t command, Map body = {}) {
  return {Op::read, group, command, std::move(body)};
}
Command write_command(std::uint16_t group, std::uint8_t command, Map body = {}) {
  return {Op::write, group, command, std::move(body)};
}

Error unreadable(std::string_view what) {
  return {errc::protocol, fmt::format("the device's answer cannot be read: {}", what)};
}

}  // namespace

Command echo(std::string_view text) { return write_command(kOsGroup, kEcho, {{"d", text}}); }
Command read_params() { return read_command(kOsGroup, kParams); }
Command read_bootloader_mode() { return read_command(kOsGroup, kBootloaderInfo, {{"query", "mode"}}); }
Command read_os_info() { return read_command(kOsGroup, kOsInfo, {{"format", "a"}}); }
Command reset(bool force) {
  Map body;
  if (force) body.push_back({"force", 1});
  return write_command(kOsGroup, kReset, std::move(body));
}
Command read_image_state() { return read_command(kImageGroup, kImageState); }
Command mark_image(std::string_view hash, bool for_good) {
  return write_command(kImageGroup, kImageState, {{"hash", Bytes{std::string(hash)}}, {"confirm", for_good}});
}
Command confirm_running_image() { return write_command(kImageGroup, kImageState, {{"confirm", true}}); }
Command erase_slot(std::optional<std::uint32_t> slot) {
  Map body;
  if (slot) body.push_back({"slot", *slot});
  return write_command(kImageGroup, kErase, std::move(body));
}

Command upload_first(const UploadHead& head, std::string_view data) {
  Map body;
  if (head.image) body.push_back({"image", *head.image});
  body.push_back({"len", head.size});
  body.push_back({"off", 0});
  body.push_back({"sha", Bytes{head.sha}});
  body.push_back({"data", Bytes{std::string(data)}});
  if (head.upgrade_only) body.push_back({"upgrade", true});
  return write_command(kImageGroup, kUpload, std::move(body));
}

Command upload_more(std::uint64_t offset, std::string_view data) {
  return write_command(kImageGroup, kUpload, {{"off", offset}, {"data", Bytes{std::string(data)}}});
}

std::string name_of(const Command& command) {
  const bool writes = command.op == Op::write;
  if (command.group == kOsGroup) {
    switch (command.command) {
      case kEcho:
        return "echo";
      case kReset:
        return "reset";
      case kParams:
        return "params";
      case kOsInfo:
        return "os info";
      case kBootloaderInfo:
        return "bootloader info";
      default:
        break;
    }
  } else if (command.group == kImageGroup) {
    switch (command.command) {
      case kImageState:
        return writes ? "image state write" : "image state read";
      case kUpload:
        return "image upload";
      case kErase:
        return "image erase";
      default:
        break;
    }
  }
  return fmt::format("command {} of group {}", command.command, command.group);
}

result<Params> params_in(const cbor::Value& body) {
  const auto size = body.number("buf_size");
  if (!size) return unreadable("params without buf_size");
  return Params{*size, body.number("buf_count").value_or(1)};
}

result<std::vector<Slot>> image_state_in(const cbor::Value& body) {
  const auto* images = body.array("images");
  if (images == nullptr) return unreadable("an image state without images");
  if (images->size() > kMaxSlots) return unreadable("more slots than a device can have");
  std::vector<Slot> slots;
  for (const auto& image : *images) {
    auto& slot = slots.emplace_back();
    const auto number = image.number("slot");
    if (!number) return unreadable("a slot without its number");
    slot.slot = *number;
    slot.image = image.number("image").value_or(0);
    slot.version = image.text("version").value_or("");
    slot.hash = image.bytes("hash").value_or("");
    if (slot.hash.size() > kMaxHash || slot.version.size() > kMaxVersionText)
      return unreadable("a hash or version too long");
    // Devices with little memory leave out what is false.
    slot.bootable = image.flag("bootable").value_or(false);
    slot.pending = image.flag("pending").value_or(false);
    slot.confirmed = image.flag("confirmed").value_or(false);
    slot.active = image.flag("active").value_or(false);
    slot.permanent = image.flag("permanent").value_or(false);
  }
  return slots;
}

result<UploadReply> upload_reply_in(const cbor::Value& body) {
  const auto offset = body.number("off");
  if (!offset) return unreadable("an upload's answer without its offset");
  return UploadReply{*offset, body.flag("match")};
}

BootMode boot_mode_in(const cbor::Value& body) {
  // MCUboot's devices answer flat; the protocol's text has it inside a "response".
  const auto* inside = body.find("response");
  const auto mode = (inside != nullptr ? *inside : body).integer("mode");
  if (!mode || *mode < 0 || *mode > 6) return BootMode::unknown;
  return static_cast<BootMode>(*mode + 1);
}

std::string_view to_string(BootMode mode) {
  switch (mode) {
    case BootMode::unknown:
      return "unknown";
    case BootMode::single_app:
      return "single-app";
    case BootMode::swap_scratch:
      return "swap-scratch";
    case BootMode::overwrite_only:
      return "overwrite-only";
    case BootMode::swap:
      return "swap";
    case BootMode::xip:
      return "direct-xip";
    case BootMode::xip_revert:
      return "direct-xip-with-revert";
    case BootMode::ram_load:
      return "ram-load";
  }
  return "unknown";
}

bool reverts(BootMode mode) {
  return mode == BootMode::swap_scratch || mode == BootMode::swap || mode == BootMode::xip_revert;
}

}  // namespace sluice::smp
