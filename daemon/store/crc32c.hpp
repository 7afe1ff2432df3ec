// CRC-32C (Castagnoli) over what a chunk holds: the disk's word is checked before it is believed.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::store {

// Continues from `before` (0 to start).
std::uint32_t crc32c(std::string_view data, std::uint32_t before = 0);

// Of a key with its value, for rows that a salvage must recognise. `space` tells the tables apart.
std::uint32_t row_crc(std::uint32_t space, std::string_view key, std::string_view value);
inline constexpr std::uint32_t kNameSpace = 0x100;  // beside those of state and registry, which are below 256

}  // namespace sluice::store
