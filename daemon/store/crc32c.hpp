// CRC-32C (Castagnoli) over what a chunk holds: the disk's word is checked before it is believed.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::store {

// Continues from `before` (0 to start).
std::uint32_t crc32c(std::string_view data, std::uint32_t before = 0);

}  // namespace sluice::store
