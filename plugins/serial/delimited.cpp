#include "plugins/serial/delimited.hpp"

#include <fmt/format.h>

#include <charconv>

namespace sluice::serial {
namespace {

constexpr char kEnd = '\xc0', kEscape = '\xdb', kEscapedEnd = '\xdc', kEscapedEscape = '\xdd';

Error too_long(std::size_t size, std::size_t most) {
  return {errc::invalid_argument, fmt::format("a frame of {} bytes; max_frame is {}", size, most)};
}

// The length of the longest beginning of `mark` that its first `size` bytes end with, themselves aside.
std::size_t border(std::string_view mark, std::size_t size) {
  for (std::size_t length = size - 1; length > 0; --length) {
    if (mark.substr(0, length) == mark.substr(size - length, length)) return length;
  }
  return 0;
}

}  // namespace

void Delimited::feed(std::string_view bytes, const Each& each) {
  for (const char byte : bytes) {
    // A mark of several bytes that was none after all: its first part belongs to the frame, but for what may
    // begin the mark itself.
    while (matched_ > 0 && byte != mark_[matched_]) {
      const auto still = border(mark_, matched_);
      for (std::size_t i = 0; i < matched_ - still; ++i) keep(mark_[i]);
      matched_ = still;
    }
    if (byte != mark_[matched_]) {
      keep(byte);
    } else if (++matched_ == mark_.size()) {
      matched_ = 0;
      finish(each);
    }
  }
}

// Too long: skipped to the next mark, with bounded memory.
void Delimited::keep(char byte) {
  if (raw_.size() < most_raw()) {
    raw_ += byte;
  } else {
    broken_ = true;
    ++counts_.skipped;
  }
}

void Delimited::finish(const Each& each) {
  std::string_view frame;
  const bool empty = raw_.empty() && !broken_;  // marks may be doubled
  const bool good =
      !empty && !broken_ && unpack(raw_, frame) && frame.size() <= options_.most && !frame.empty();
  broken_ = false;
  if (good) {
    ++counts_.frames;
    each(frame);
  } else if (!empty) {
    ++counts_.bad;
    counts_.skipped += raw_.size();
  }
  raw_.clear();
}

void Delimited::silence(const Each&) {
  matched_ = 0;
  // The mark is still to come, or was lost: either way what follows is another frame.
  if (raw_.empty() && !broken_) return;
  ++counts_.bad;
  counts_.skipped += raw_.size();
  raw_.clear();
  broken_ = false;
}

// ---- lines

Line::Line(const FramingOptions& options) : Delimited(options) { mark_ = options.end; }

bool Line::unpack(std::string_view raw, std::string_view& frame) {
  if (raw.ends_with('\r')) raw.remove_suffix(1);
  frame = raw;
  if (options_.crc == Crc::none) return true;
  const auto star = raw.rfind('*');
  if (star == std::string_view::npos) return false;
  const auto digits = raw.substr(star + 1);
  std::uint32_t value = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (digits.size() != 2 * size_of(options_.crc) || read.ptr != digits.data() + digits.size()) return false;
  frame = raw.substr(0, star);
  return value == value_of(options_.crc, frame);
}

result<std::string> Line::encode(std::string_view frame) const {
  if (frame.size() > options_.most) return too_long(frame.size(), options_.most);
  if (frame.find(options_.end) != std::string_view::npos)
    return Error{errc::invalid_argument, "a line cannot carry its own end"};
  std::string out(frame);
  if (options_.crc != Crc::none)
    out += fmt::format("*{:0{}X}", value_of(options_.crc, frame), 2 * size_of(options_.crc));
  return out + options_.end;
}

// ---- SLIP

Slip::Slip(const FramingOptions& options) : Delimited(options) { mark_ = kEnd; }

bool Slip::unpack(std::string_view raw, std::string_view& frame) {
  spare_.clear();
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != kEscape) {
      spare_ += raw[i];
      continue;
    }
    if (++i == raw.size()) return false;
    if (raw[i] == kEscapedEnd) {
      spare_ += kEnd;
    } else if (raw[i] == kEscapedEscape) {
      spare_ += kEscape;
    } else {
      return false;
    }
  }
  frame = spare_;
  return take_off(options_.crc, frame);
}

result<std::string> Slip::encode(std::string_view frame) const {
  if (frame.size() > options_.most) return too_long(frame.size(), options_.most);
  std::string whole(frame);
  append(options_.crc, whole);
  std::string out(1, kEnd);  // ends what noise may have begun
  for (const char byte : whole) {
    if (byte == kEnd) {
      out += {kEscape, kEscapedEnd};
    } else if (byte == kEscape) {
      out += {kEscape, kEscapedEscape};
    } else {
      out += byte;
    }
  }
  return out + kEnd;
}

// ---- COBS

Cobs::Cobs(const FramingOptions& options) : Delimited(options) { mark_ = std::string(1, '\0'); }

bool Cobs::unpack(std::string_view raw, std::string_view& frame) {
  spare_.clear();
  while (!raw.empty()) {
    const auto code = static_cast<unsigned char>(raw[0]);
    if (code == 0 || code > raw.size()) return false;
    spare_.append(raw.substr(1, code - 1U));
    raw.remove_prefix(code);
    if (code != 0xff && !raw.empty()) spare_ += '\0';
  }
  frame = spare_;
  return take_off(options_.crc, frame);
}

result<std::string> Cobs::encode(std::string_view frame) const {
  if (frame.size() > options_.most) return too_long(frame.size(), options_.most);
  std::string whole(frame);
  append(options_.crc, whole);
  std::string out(1, '\0');  // ends what noise may have begun
  std::size_t at = 0;
  for (;;) {
    const auto zero = whole.find('\0', at);
    const auto end = zero == std::string::npos ? whole.size() : zero;
    const auto size = end - at;
    if (size >= 254) {
      out += '\xff';
      out.append(whole, at, 254);
      at += 254;
      if (at == whole.size()) break;
      continue;
    }
    out += static_cast<char>(size + 1);
    out.append(whole, at, size);
    if (zero == std::string::npos) break;
    at = zero + 1;
  }
  return out + '\0';
}

}  // namespace sluice::serial
