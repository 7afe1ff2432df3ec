#include "store/crc32c.hpp"

#include <array>
#include <cstring>

namespace sluice::store {
namespace {

// Slicing by eight: table[k][b] is the CRC of byte b followed by k zero bytes.
constexpr auto make_tables() {
  std::array<std::array<std::uint32_t, 256>, 8> table{};
  for (std::uint32_t b = 0; b < 256; ++b) {
    std::uint32_t crc = b;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78U : 0U);
    table[0][b] = crc;
  }
  for (std::uint32_t b = 0; b < 256; ++b) {
    for (std::size_t k = 1; k < 8; ++k) {
      table[k][b] = (table[k - 1][b] >> 8) ^ table[0][table[k - 1][b] & 0xFF];
    }
  }
  return table;
}

constexpr auto kTable = make_tables();

}  // namespace

std::uint32_t crc32c(std::string_view data, std::uint32_t before) {
  std::uint32_t crc = ~before;
  const char* p = data.data();
  std::size_t left = data.size();
  for (; left >= 8; left -= 8, p += 8) {
    std::uint32_t low = 0, high = 0;
    std::memcpy(&low, p, 4);
    std::memcpy(&high, p + 4, 4);
    low ^= crc;
    crc = kTable[7][low & 0xFF] ^ kTable[6][(low >> 8) & 0xFF] ^ kTable[5][(low >> 16) & 0xFF] ^
          kTable[4][low >> 24] ^ kTable[3][high & 0xFF] ^ kTable[2][(high >> 8) & 0xFF] ^
          kTable[1][(high >> 16) & 0xFF] ^ kTable[0][high >> 24];
  }
  for (; left > 0; --left, ++p) crc = (crc >> 8) ^ kTable[0][(crc ^ static_cast<unsigned char>(*p)) & 0xFF];
  return ~crc;
}

std::uint32_t row_crc(std::uint32_t space, std::string_view key, std::string_view value) {
  std::array<char, 12> head;
  const auto key_size = static_cast<std::uint64_t>(key.size());
  std::memcpy(head.data(), &space, 4);
  std::memcpy(head.data() + 4, &key_size, 8);
  return crc32c(value, crc32c(key, crc32c({head.data(), head.size()})));
}

}  // namespace sluice::store
