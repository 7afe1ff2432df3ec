// The commands of MCUmgr that an update takes, as requests and as what their replies say. Pure: the exchange
// sends them, the target decides when.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/smp/frame.hpp"

namespace sluice::smp {

struct Command {
  Op op = Op::read;
  std::uint16_t group = 0;
  std::uint8_t command = 0;
  cbor::Value body = cbor::Map{};
};

Command echo(std::string_view text);
Command read_params();
Command read_bootloader_mode();
Command read_os_info();
Command reset(bool force);
Command read_image_state();
// For one trial boot, or for all.
Command mark_image(std::string_view hash, bool for_good);
Command confirm_running_image();
Command erase_slot(std::optional<std::uint32_t> slot);

// What the first packet of an upload says beside its data.
struct UploadHead {
  std::uint64_t size = 0;
  std::string sha;  // SHA-256 of the file: names the upload, so that the device can resume it
  std::optional<std::uint32_t> image;  // for devices with several
  bool upgrade_only = false;           // the device refuses a version that is not higher
};
Command upload_first(const UploadHead& head, std::string_view data);
Command upload_more(std::uint64_t offset, std::string_view data);

// The words for log and report: "image state read".
std::string name_of(const Command& command);

struct Params {
  std::uint64_t buffer_size = 0;
  std::uint64_t buffer_count = 0;
};
struct Slot {
  std::uint64_t image = 0, slot = 0;
  std::string version, hash;
  bool bootable = false, pending = false, confirmed = false, active = false, permanent = false;
};
struct UploadReply {
  std::uint64_t offset = 0;   // the next byte that the device expects; it decides
  std::optional<bool> match;  // the whole file, checked by the device
};
// MCUboot's modes by their numbers; a number that we do not know is `unknown`.
enum class BootMode { unknown, single_app, swap_scratch, overwrite_only, swap, xip, xip_revert, ram_load };
std::string_view to_string(BootMode mode);
// Whether an image that is not confirmed goes away at the next boot.
bool reverts(BootMode mode);

result<Params> params_in(const cbor::Value& body);
result<std::vector<Slot>> image_state_in(const cbor::Value& body);
result<UploadReply> upload_reply_in(const cbor::Value& body);
BootMode boot_mode_in(const cbor::Value& body);

// A refusal in our words: full (busy), unsupported, invalid_argument, refused ...
Error error_of(const DeviceError& error, const Command& command);

enum SmpCode : std::uint64_t { kSmpBusy = 10, kSmpNotSupported = 8, kSmpTooOld = 12, kSmpTooNew = 13 };
enum ImageCode : std::uint64_t { kImageAlreadyPending = 28 };

}  // namespace sluice::smp
