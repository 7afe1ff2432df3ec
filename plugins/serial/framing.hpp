// How a serial line's bytes become frames, and frames bytes. Pure: no port, no clock. A framing
// resynchronises by itself: bytes that are no frame are skipped and counted, and the next whole frame is
// found, whatever came before it. Used by the serial driver, the tests and the fuzz target.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "plugins/serial/crc.hpp"

namespace sluice::serial {

struct FramingOptions {
  enum class Kind : std::uint8_t { line, length, slip, cobs, fixed };
  Kind kind = Kind::line;
  Crc crc = Crc::none;        // behind the frame's bytes; of lines: as hex digits behind a `*`
  std::size_t most = 4096;    // bytes of a frame, without what the framing adds
  std::string end = "\n";     // line: a CR before it is taken off, too
  std::string sync;           // length, fixed: what a frame begins with
  unsigned length_bytes = 1;  // length: 1 or 2
  bool length_big_endian = true;
  std::size_t size = 0;  // fixed: bytes of a frame, without sync and crc
};

struct FramingCounts {
  std::uint64_t frames = 0;
  std::uint64_t bad = 0;      // checksum wrong, too long, broken escape
  std::uint64_t skipped = 0;  // bytes that belonged to no frame
};

class Framing {
 public:
  virtual ~Framing() = default;
  // A view that is valid during the call.
  using Each = std::function<void(std::string_view frame)>;
  virtual void feed(std::string_view bytes, const Each& each) = 0;
  // The line was silent for longer than a frame has gaps: what is half there will not be finished.
  virtual void silence(const Each& each) = 0;
  // A byte was lost or broken (parity, overrun, break): the frame that is being read is not to be trusted.
  virtual void noise() = 0;
  // Error: more than `most`, or bytes that this framing cannot carry.
  virtual result<std::string> encode(std::string_view frame) const = 0;
  const FramingCounts& counts() const { return counts_; }

 protected:
  FramingCounts counts_;
};

// Errors: options that do not fit each other, in words.
result<std::unique_ptr<Framing>> make_framing(const FramingOptions& options);

}  // namespace sluice::serial
