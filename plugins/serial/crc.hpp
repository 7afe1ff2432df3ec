// Checksums of serial frames. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::serial {

enum class Crc : std::uint8_t {
  none,
  ccitt,   // CRC-16/CCITT-FALSE (poly 0x1021, from 0xFFFF), high byte first
  modbus,  // CRC-16/MODBUS (poly 0xA001 reflected, from 0xFFFF), low byte first
  crc32    // CRC-32 (IEEE 802.3), low byte first
};

std::size_t size_of(Crc crc);
std::uint32_t value_of(Crc crc, std::string_view bytes);
// As it stands behind the bytes.
void append(Crc crc, std::string& bytes);
// True, and the checksum cut off, when it is right.
bool take_off(Crc crc, std::string_view& bytes);

}  // namespace sluice::serial
