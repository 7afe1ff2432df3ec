// Any bytes on a serial line, in any pieces, with noise and silences between, through every framing; and what
// a framing writes it reads. The first byte chooses the framing, the second the pieces.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "plugins/serial/framing.hpp"
#include "plugins/serial/line_marks.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::serial;
  if (size < 2) return 0;
  FramingOptions options;
  options.kind = static_cast<FramingOptions::Kind>(data[0] % 5);
  options.crc = static_cast<Crc>(data[0] / 5 % 4);
  options.most = 200;
  options.size = 6;
  options.length_bytes = 1 + data[0] / 20 % 2;
  options.length_big_endian = data[0] / 40 % 2 == 0;
  if (data[0] / 80 % 2 == 0) options.sync = "\xaa\x55";
  if (data[0] / 160 % 2 == 1) options.end = "\r\r\n";
  auto made = make_framing(options);
  if (!made) __builtin_trap();
  auto& framing = **made;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 2), size - 2);

  const auto take = [&](std::string_view frame) {
    if (frame.empty() || frame.size() > options.most) __builtin_trap();
    const auto again = framing.encode(frame);
    if (!again) return;  // a line that holds its own end cannot come out either
    auto fresh = make_framing(options);
    bool same = false;
    (*fresh)->feed(*again, [&](std::string_view read) { same = same || read == frame; });
    (*fresh)->silence([&](std::string_view read) { same = same || read == frame; });
    // A line that ends with \r loses it; everything else comes back as it was.
    if (!same && !(options.kind == FramingOptions::Kind::line)) __builtin_trap();
  };
  const std::size_t piece = data[1] % 16 + 1;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    const auto part = bytes.substr(at, piece);
    framing.feed(part, take);
    if ((part[0] & 0x3f) == 0x11) framing.noise();
    if ((part[0] & 0x3f) == 0x22) framing.silence(take);
  }
  framing.silence(take);

  LineMarks marks;
  std::size_t sound = 0;
  marks.feed(bytes, [&](std::string_view good) { sound += good.size(); }, [] {});
  if (sound > bytes.size()) __builtin_trap();
  (void)value_of(options.crc, bytes);
  return 0;
}
