#include "core/record_properties.hpp"

#include <cstddef>
#include <cstdint>

namespace sluice {
namespace {

constexpr char kFormat = 0x01;
constexpr std::size_t kHeader = 3;
constexpr std::size_t kLongest = 0xffff;

}  // namespace

void encode_record_properties(const RecordProperties& properties, std::string& out) {
  out.clear();
  const auto type = properties.content_type.size() <= kLongest ? properties.content_type : std::string_view{};
  if (type.empty() && properties.user_properties.empty()) return;
  out.push_back(kFormat);
  out.push_back(static_cast<char>(type.size() >> 8));
  out.push_back(static_cast<char>(type.size() & 0xff));
  out.append(type);
  out.append(properties.user_properties);
}

std::optional<RecordProperties> decode_record_properties(std::string_view block) {
  if (block.empty()) return RecordProperties{};
  if (block.size() < kHeader || block[0] != kFormat) return std::nullopt;
  const auto size =
      (std::size_t{static_cast<std::uint8_t>(block[1])} << 8) | static_cast<std::uint8_t>(block[2]);
  if (block.size() < kHeader + size) return std::nullopt;
  return RecordProperties{block.substr(kHeader, size), block.substr(kHeader + size)};
}

}  // namespace sluice
