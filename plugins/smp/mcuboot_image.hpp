// A signed MCUboot image as a file: version, and the hash by which the device will name it. That hash is not
// the SHA-256 of the file: it covers header, body and protected TLVs and stands in the file itself. Used
// before an upload, and by the simulated device's bootloader.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/error.hpp"

namespace sluice::smp {

constexpr std::size_t kImageHeaderSize = 32;
constexpr std::uint32_t kImageMagic = 0x96f3b83d;

struct ImageVersion {
  std::uint8_t major = 0, minor = 0;
  std::uint16_t revision = 0;
  std::uint32_t build = 0;
  auto operator<=>(const ImageVersion&) const = default;
};
// As MCUmgr writes it: 1.2.3, and 1.2.3.4 when there is a build number.
std::string to_string(const ImageVersion& version);

struct McubootImage {
  ImageVersion version;
  std::uint16_t header_size = 0;
  std::uint32_t body_size = 0;
  std::uint16_t protected_size = 0;
  std::string hash;  // of the TLV: 32, 48 or 64 bytes
};

// Version and sizes from the first 32 bytes; the hash stays empty.
result<McubootImage> image_header(std::string_view head);
// The whole file (bytes behind the last TLV are allowed: a flash slot has them). Does not check the hash.
result<McubootImage> image_of(std::string_view file);
// Whether a SHA-256 hash TLV says what header, body and protected TLVs are.
bool hash_is_true(std::string_view file, const McubootImage& image);

std::string sha256(std::string_view bytes);
std::string hex(std::string_view bytes);

}  // namespace sluice::smp
