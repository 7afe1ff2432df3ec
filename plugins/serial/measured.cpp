#include "plugins/serial/measured.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "plugins/serial/delimited.hpp"

namespace sluice::serial {

Measured::Look Measured::look(std::string_view bytes, std::string_view& frame, std::size_t& whole) const {
  const auto& sync = options_.sync;
  if (bytes.substr(0, sync.size()) != std::string_view(sync).substr(0, bytes.size())) return Look::none;
  auto at = sync.size();
  auto size = options_.size;
  if (options_.kind == FramingOptions::Kind::length) {
    if (bytes.size() < at + options_.length_bytes) return Look::more;
    size = static_cast<unsigned char>(bytes[at]);
    if (options_.length_bytes == 2) {
      const std::size_t second = static_cast<unsigned char>(bytes[at + 1]);
      size = options_.length_big_endian ? (size << 8 | second) : (second << 8 | size);
    }
    if (size == 0 || size > options_.most) return Look::none;
    at += options_.length_bytes;
  }
  whole = at + size + size_of(options_.crc);
  if (bytes.size() < whole) return Look::more;
  // The checksum covers the length, too: it is what noise must not change unseen.
  auto checked = bytes.substr(sync.size(), whole - sync.size());
  if (!take_off(options_.crc, checked)) return Look::none;
  frame = checked.substr(at - sync.size());
  return Look::frame;
}

void Measured::search(const Each& each, bool no_more) {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    std::string_view frame;
    std::size_t whole = 0;
    auto found = look(rest, frame, whole);
    if (found == Look::more && !no_more) break;
    const auto passed = buffer_.size() - rest.size();
    // It would reach across a broken byte.
    if (found == Look::frame && passed < distrusted_ && passed + whole > distrusted_) found = Look::none;
    if (found == Look::frame) {
      ++counts_.frames;
      skipping_ = false;
      each(frame);
      rest.remove_prefix(whole);
      continue;
    }
    if (!std::exchange(skipping_, true)) ++counts_.bad;
    ++counts_.skipped;
    rest.remove_prefix(1);
  }
  const auto gone = buffer_.size() - rest.size();
  distrusted_ -= std::min(distrusted_, gone);
  buffer_.erase(0, gone);
}

void Measured::feed(std::string_view bytes, const Each& each) {
  // In pieces: the buffer never holds more than a frame and a piece.
  constexpr std::size_t kPiece = 4096;
  while (!bytes.empty()) {
    buffer_.append(bytes.substr(0, kPiece));
    bytes.remove_prefix(std::min(bytes.size(), kPiece));
    search(each, false);
  }
}

void Measured::silence(const Each& each) { search(each, true); }

void Measured::noise() { distrusted_ = buffer_.size(); }

result<std::string> Measured::encode(std::string_view frame) const {
  const bool has_length = options_.kind == FramingOptions::Kind::length;
  if (frame.empty() || frame.size() > options_.most || (!has_length && frame.size() != options_.size)) {
    return Error{errc::invalid_argument,
                 has_length ? fmt::format("a frame of {} bytes; max_frame is {}", frame.size(), options_.most)
                            : fmt::format("a frame of {} bytes; all frames here have {}", frame.size(),
                                          options_.size)};
  }
  std::string checked;
  if (has_length) {
    const auto size = frame.size();
    if (options_.length_bytes == 1) {
      checked += static_cast<char>(size);
    } else {
      const char high = static_cast<char>(size >> 8), low = static_cast<char>(size & 0xff);
      checked += options_.length_big_endian ? high : low;
      checked += options_.length_big_endian ? low : high;
    }
  }
  checked += frame;
  append(options_.crc, checked);
  return options_.sync + checked;
}

result<std::unique_ptr<Framing>> make_framing(const FramingOptions& options) {
  using Kind = FramingOptions::Kind;
  const auto wrong = [](const char* text) { return Error{errc::invalid_argument, text}; };
  if (options.most == 0 || options.most > 65'535) return wrong("max_frame must be 1 to 65535");
  switch (options.kind) {
    case Kind::line:
      if (options.end.empty() || options.end.size() > 8) return wrong("end must be 1 to 8 bytes");
      return std::unique_ptr<Framing>(std::make_unique<Line>(options));
    case Kind::slip:
      return std::unique_ptr<Framing>(std::make_unique<Slip>(options));
    case Kind::cobs:
      return std::unique_ptr<Framing>(std::make_unique<Cobs>(options));
    case Kind::length:
      if (options.length_bytes != 1 && options.length_bytes != 2) return wrong("length_bytes must be 1 or 2");
      if (options.length_bytes == 1 && options.most > 255)
        return wrong("max_frame must be at most 255 with length_bytes: 1");
      break;
    case Kind::fixed:
      if (options.size == 0 || options.size > options.most) return wrong("size must be 1 to max_frame");
      break;
  }
  if (options.sync.size() > 8) return wrong("sync must be at most 8 bytes");
  return std::unique_ptr<Framing>(std::make_unique<Measured>(options));
}

}  // namespace sluice::serial
