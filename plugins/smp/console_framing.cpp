#include "plugins/smp/console_framing.hpp"

#include <utility>

#include "plugins/sdk/base64.hpp"
#include "plugins/smp/frame.hpp"

namespace sluice::smp {
namespace {

constexpr std::string_view kFirst = "\x06\x09", kMore = "\x04\x14";
constexpr std::size_t kLongestLine = 512;  // some devices send longer lines than they must; more is noise

std::uint16_t u16(std::string_view bytes, std::size_t i) {
  return static_cast<std::uint16_t>((static_cast<std::uint8_t>(bytes[i]) << 8) |
                                    static_cast<std::uint8_t>(bytes[i + 1]));
}

void put_u16(std::string& out, std::size_t n) {
  out.push_back(static_cast<char>(n >> 8));
  out.push_back(static_cast<char>(n));
}

}  // namespace

std::uint16_t crc16_xmodem(std::string_view bytes) {
  unsigned crc = 0;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned>(static_cast<std::uint8_t>(c)) << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000U) != 0 ? (crc << 1) ^ 0x1021U : crc << 1;
    crc &= 0xFFFFU;
  }
  return static_cast<std::uint16_t>(crc);
}

std::vector<std::string> console_lines(std::string_view message) {
  std::string frame;
  put_u16(frame, message.size() + 2);
  frame += message;
  put_u16(frame, crc16_xmodem(message));
  const std::string text = adapter::base64(frame);
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size(); at += kLineText) {
    auto& line = lines.emplace_back(at == 0 ? kFirst : kMore);
    line.append(text, at, kLineText);
    line.push_back('\n');
  }
  return lines;
}

void ConsoleReader::feed(std::string_view bytes, std::vector<std::string>& messages) {
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    const auto part = bytes.substr(0, end);
    if (line_.size() + part.size() > kLongestLine) {
      // What is kept is the newest: a marker behind endless noise is still found.
      line_.append(part);
      line_.erase(0, line_.size() - kLongestLine);
    } else {
      line_.append(part);
    }
    if (end == std::string_view::npos) return;
    line_ends(messages);
    bytes.remove_prefix(end + 1);
  }
}

void ConsoleReader::reset() {
  line_.clear();
  in_frame_ = false;
  frame_.clear();
}

void ConsoleReader::line_ends(std::vector<std::string>& messages) {
  const std::string whole = std::exchange(line_, {});
  std::string_view line = whole;
  while (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  // A prompt or the rest of a log line may stand in front of the marker: the last marker counts.
  const auto first = line.rfind(kFirst), more = line.rfind(kMore);
  if (first != std::string_view::npos && (more == std::string_view::npos || first > more)) {
    take(line.substr(first + kFirst.size()), true, messages);
  } else if (more != std::string_view::npos) {
    take(line.substr(more + kMore.size()), false, messages);
  } else if (!line.empty()) {
    ++counters_.noise_lines;
  }
}

void ConsoleReader::take(std::string_view text, bool first, std::vector<std::string>& messages) {
  if (first) {
    if (in_frame_) give_up();  // its end was lost
    in_frame_ = true;
    frame_.clear();
  } else if (!in_frame_) {
    ++counters_.broken_frames;  // its beginning was lost
    return;
  }
  if (!adapter::base64_append(text, frame_) || frame_.size() < 2) return give_up();
  const std::size_t length = u16(frame_, 0);
  if (length < kHeaderSize + 2 || length > kMaxMessage + 2) return give_up();
  const std::size_t whole = length + 2;
  if (frame_.size() < whole) return;
  // CRC over message and CRC is 0.
  if (frame_.size() > whole || crc16_xmodem(std::string_view(frame_).substr(2)) != 0) return give_up();
  messages.push_back(frame_.substr(2, length - 2));
  ++counters_.messages;
  in_frame_ = false;
  frame_.clear();
}

void ConsoleReader::give_up() {
  ++counters_.broken_frames;
  in_frame_ = false;
  frame_.clear();
}

}  // namespace sluice::smp
