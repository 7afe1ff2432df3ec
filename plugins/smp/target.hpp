// One device with MCUboot behind SMP, and the operations of a firmware update on it: probe, begin, write,
// verify, activate, reboot, confirm, revert. Keeps nothing that the device does not know better: after any
// restart of adapter or device, probe() and begin() with the same file go on where the device is.
//
//   probe ─▶ begin ─▶ write … write ─▶ verify ─▶ activate ─▶ reboot ─▶ (trial) ─▶ confirm
//              ▲        │ the device's offset decides                      └────▶ revert
//              └────────┘ 0: it has lost the upload
//
// The errors say what to do: timeout, unreachable, io: try later; throttled: busy, try soon;
// invalid_argument, unsupported: this image or device never; refused, denied: not in this state; corrupt: the
// image did not arrive as it was; protocol: not an SMP device that we know.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/smp/chunk_size.hpp"
#include "plugins/smp/exchange.hpp"

namespace sluice::smp {

// Room for the head of an image with all keys of a first packet.
constexpr std::size_t kLeastMessage = 128;

struct TargetOptions {
  Patience usual;                      // for everything that the device answers from memory
  Duration erase = 40s;                // the first packet and erase: the device erases a slot
  Duration least_reply = 250ms;        // an upload's packets: what is seen, but never less …
  Duration most_reply = 5s;            // … and never more than this
  int silent_packets = 8;              // attempts for one packet of an upload
  std::size_t max_message = 0;         // a cap by the operator; 0: what the device says
  std::optional<std::uint32_t> image;  // which of a device's images
  Duration reboot = 120s;              // until the device must have come back
  Duration poll = 2s;                  // how often it is asked meanwhile
  Duration reset_again = 10s;          // a reset that did not happen is asked for again, a few times
};

// What an update can rely on.
enum class Safety {
  reverts,    // an image that is not confirmed goes away by itself
  no_revert,  // the old image must be sent again
  unknown,    // the device does not tell; to be treated as no_revert
};
std::string_view to_string(Safety safety);

struct DeviceFacts {
  std::vector<Slot> slots;
  std::optional<Params> params;
  BootMode mode = BootMode::unknown;
  Safety safety = Safety::unknown;
  std::string os;  // its own words, when it has some
  std::size_t max_message = 0;

  const Slot* active() const;
  const Slot* holding(std::string_view hash) const;
};

// What runs after a reboot.
enum class Boot { trial, confirmed, old_image };
std::string_view to_string(Boot boot);

class SmpTarget {
 public:
  SmpTarget(boost::asio::io_context& loop, Clock& clock, Transport& transport, TargetOptions options,
            Log log);

  boost::asio::awaitable<result<DeviceFacts>> probe();
  boost::asio::awaitable<result<std::vector<Slot>>> image_state();

  // Announces the file; head is its beginning (32 bytes at least, more is sent along). Returns the offset at
  // which the device wants to go on: size when it has all of it.
  boost::asio::awaitable<result<std::uint64_t>> begin(UploadHead head, std::string_view file_begins);
  // Sends bytes of the file from this offset in as many packets as it takes. Returns the next offset that the
  // device wants; where it is not offset + bytes.size(), the device has decided otherwise, and 0 says that it
  // has lost the upload: begin again.
  boost::asio::awaitable<result<std::uint64_t>> write(std::uint64_t offset, std::string_view bytes);
  // That the device lists this image, in a slot that does not run (or runs it already).
  boost::asio::awaitable<result<Slot>> verify(std::string hash);
  // Marks it for one trial boot; for_good: for all boots, untried. What confirm is for is better.
  boost::asio::awaitable<result<>> activate(std::string hash, bool for_good = false);
  // Resets and waits until the device is back. Does not ask twice for what has happened: a second reset
  // during a trial would revert it.
  boost::asio::awaitable<result<Boot>> reboot(std::string hash);
  // Only if this image runs; then reads back that it is confirmed.
  boost::asio::awaitable<result<>> confirm(std::string hash);
  // Ends the trial of this image by a reset; the bootloader puts the old one back.
  boost::asio::awaitable<result<>> revert(std::string hash);

  boost::asio::awaitable<result<>> erase(std::optional<std::uint32_t> slot);
  boost::asio::awaitable<result<std::string>> echo(std::string text);
  // One request and no more; the caller knows what the device is doing.
  boost::asio::awaitable<result<>> reset(bool force);
  // A reset for callers that ask again when they had no answer: what has happened is not done twice.
  boost::asio::awaitable<result<>> restart();

  // Ends what is under way with errc::closed.
  void close() { exchange_.close(); }
  const Exchange& exchange() const { return exchange_; }
  const TargetOptions& options() const { return options_; }

 private:
  struct Seen {
    const Slot* active = nullptr;
    const Slot* wanted = nullptr;  // the slot with the image, if any
  };
  static Seen seen(const std::vector<Slot>& slots, std::string_view hash);
  void set_capacity(std::size_t capacity);
  boost::asio::awaitable<result<UploadReply>> packet(const Command& command,
                                                     std::optional<Duration> patience);
  boost::asio::awaitable<result<Boot>> reset_and_wait(std::string_view hash, bool want_new);

  Log log_;
  Exchange exchange_;
  TargetOptions options_;
  Transport& transport_;
  ChunkSize chunk_;
  std::uint64_t size_ = 0;                         // of the file being sent
  std::optional<std::string> unanswered_restart_;  // what ran, and what was pending, before it
};

}  // namespace sluice::smp
