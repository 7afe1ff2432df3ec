#include "plugins/smp/report.hpp"

#include <algorithm>
#include <charconv>

#include "plugins/smp/mcuboot_image.hpp"

namespace sluice::smp {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxHashBytes = 64;

// A version is text of the device; what is no UTF-8 must not end up in JSON.
std::string printable(std::string_view text) {
  std::string out;
  std::ranges::copy_if(text, std::back_inserter(out), [](char c) { return c >= ' ' && c <= '~'; });
  return out;
}

}  // namespace

std::string_view update_class(Safety safety) { return safety == Safety::reverts ? "A" : "B"; }

Json slots_report(const std::vector<Slot>& slots) {
  Json list = Json::array();
  for (const auto& s : slots) {
    list.push_back({{"image", s.image},
                    {"slot", s.slot},
                    {"version", printable(s.version)},
                    {"hash", hex(s.hash)},
                    {"bootable", s.bootable},
                    {"pending", s.pending},
                    {"confirmed", s.confirmed},
                    {"active", s.active},
                    {"permanent", s.permanent}});
  }
  return list;
}

Json active_report(const std::vector<Slot>& slots) {
  const auto it = std::ranges::find_if(slots, &Slot::active);
  if (it == slots.end()) return nullptr;
  return {{"version", printable(it->version)}, {"hash", hex(it->hash)}, {"confirmed", it->confirmed}};
}

Json image_report(const std::vector<Slot>& slots) {
  return {{"active", active_report(slots)}, {"slots", slots_report(slots)}};
}

std::optional<std::string> hash_of_hex(std::string_view text) {
  if (text.empty() || text.size() % 2 != 0 || text.size() > 2 * kMaxHashBytes) return std::nullopt;
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    unsigned byte = 0;
    const auto [end, ec] = std::from_chars(text.data() + i, text.data() + i + 2, byte, 16);
    if (ec != std::errc{} || end != text.data() + i + 2) return std::nullopt;
    out.push_back(static_cast<char>(byte));
  }
  return out;
}

}  // namespace sluice::smp
