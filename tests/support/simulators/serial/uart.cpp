// Apart from sensor.cpp because the kernel's termios2 and libc's termios cannot be included together.
#include "uart.hpp"

#include <asm/ioctls.h>
#include <asm/termbits.h>

#include <vector>

extern "C" int ioctl(int fd, unsigned long request, ...);  // <sys/ioctl.h> brings libc's termios along

namespace sluice::simulators {
namespace {

constexpr int kDataBits = 8, kIdleBits = 10;

// Start bit, the least significant bit first, stop bit; then silence.
std::vector<bool> wire(std::string_view bytes) {
  std::vector<bool> levels;
  for (const char byte : bytes) {
    levels.push_back(false);
    for (int bit = 0; bit < kDataBits; ++bit)
      levels.push_back((static_cast<unsigned char>(byte) >> bit & 1) != 0);
    levels.push_back(true);
  }
  levels.insert(levels.end(), kIdleBits, true);
  return levels;
}

}  // namespace

std::string heard(std::string_view bytes, unsigned sends, unsigned hears) {
  const auto levels = wire(bytes);
  const double step = static_cast<double>(sends) / hears;  // one bit of the receiver, in bits of the sender
  const auto level = [&](double at) {
    const auto index = static_cast<std::size_t>(at);
    return index >= levels.size() || levels[index];
  };
  std::string out;
  const auto end = static_cast<double>(levels.size());
  // Each character is timed from the edge that begins it.
  for (double at = 0; at < end;) {
    if (level(at)) {
      at += step / 16;  // UARTs look sixteen times a bit
      continue;
    }
    unsigned char byte = 0;
    for (int bit = 0; bit < kDataBits; ++bit) {
      if (level(at + step * (bit + 1.5))) byte = static_cast<unsigned char>(byte | 1U << bit);
    }
    out.push_back(static_cast<char>(byte));
    at += step * (kDataBits + 1.5);                  // the middle of the stop bit
    while (at < end && !level(at)) at += step / 16;  // a broken stop bit: the next edge begins the next one
  }
  return out;
}

unsigned rate_of(int fd) {
  termios2 line{};
  return ::ioctl(fd, TCGETS2, &line) == 0 ? line.c_ospeed : 0;
}

}  // namespace sluice::simulators
