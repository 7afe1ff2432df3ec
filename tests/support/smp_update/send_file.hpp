// A whole file to a device by the adapter's target, through everything that may come between: lost packets, a
// device that resets or forgets, a target that starts anew. The caller's half of an update, which with the
// adapter is the daemon's. Used by smp-update and the unit tests.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "plugins/smp/target.hpp"

namespace sluice::smp {

struct SendFile {
  UploadHead head;
  // Bytes of the file from an offset, up to that many, at least one.
  std::function<result<std::string>(std::uint64_t offset, std::size_t most)> read;
  // How far the device is; may be empty.
  std::function<void(std::uint64_t offset)> progress;
  int restarts = 10;        // how often the device may fall back to nothing or fall silent
  Duration silence = 120s;  // how long it may be away each time
};

struct Sent {
  int restarts = 0;
  std::uint64_t resumed_at = 0;  // where the device was at the beginning
};

boost::asio::awaitable<result<Sent>> send_file(SmpTarget& target, Clock& clock, SendFile file, Log log);

}  // namespace sluice::smp
