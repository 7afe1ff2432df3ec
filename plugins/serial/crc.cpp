#include "plugins/serial/crc.hpp"

namespace sluice::serial {
namespace {

std::uint32_t ccitt(std::string_view bytes) {
  std::uint32_t crc = 0xffff;
  for (const unsigned char byte : bytes) {
    crc ^= static_cast<std::uint32_t>(byte) << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1;
    crc &= 0xffff;
  }
  return crc;
}

std::uint32_t reflected(std::string_view bytes, std::uint32_t start, std::uint32_t polynomial) {
  std::uint32_t crc = start;
  for (const unsigned char byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? (crc >> 1) ^ polynomial : crc >> 1;
  }
  return crc;
}

}  // namespace

std::size_t size_of(Crc crc) {
  switch (crc) {
    case Crc::none:
      return 0;
    case Crc::ccitt:
    case Crc::modbus:
      return 2;
    case Crc::crc32:
      return 4;
  }
  return 0;
}

std::uint32_t value_of(Crc crc, std::string_view bytes) {
  switch (crc) {
    case Crc::none:
      return 0;
    case Crc::ccitt:
      return ccitt(bytes);
    case Crc::modbus:
      return reflected(bytes, 0xffff, 0xa001);
    case Crc::crc32:
      return ~reflected(bytes, 0xffffffff, 0xedb88320);
  }
  return 0;
}

void append(Crc crc, std::string& bytes) {
  const auto value = value_of(crc, bytes);
  const auto size = size_of(crc);
  for (std::size_t i = 0; i < size; ++i) {
    const auto shift = 8 * (crc == Crc::ccitt ? size - 1 - i : i);
    bytes += static_cast<char>(value >> shift & 0xff);
  }
}

bool take_off(Crc crc, std::string_view& bytes) {
  const auto size = size_of(crc);
  if (size == 0) return true;
  if (bytes.size() < size) return false;
  std::string whole(bytes.substr(0, bytes.size() - size));
  append(crc, whole);
  if (whole != bytes) return false;
  bytes.remove_suffix(size);
  return true;
}

}  // namespace sluice::serial
