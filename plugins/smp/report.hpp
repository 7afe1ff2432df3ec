// A device's images in the words of the adapter contract: JSON of a probe's answer and of the readings.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/smp/target.hpp"

namespace sluice::smp {

// "A": test, confirm and revert. "B": no revert, or the device does not tell.
std::string_view update_class(Safety safety);
nlohmann::json slots_report(const std::vector<Slot>& slots);
// version, hash and confirmed of what runs; null when the device lists no running image.
nlohmann::json active_report(const std::vector<Slot>& slots);
// The reading: what runs, and all slots.
nlohmann::json image_report(const std::vector<Slot>& slots);

// The bytes of a hash in hexadecimal; nullopt when it is none.
std::optional<std::string> hash_of_hex(std::string_view hexadecimal);

}  // namespace sluice::smp
