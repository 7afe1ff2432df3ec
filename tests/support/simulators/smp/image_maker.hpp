// Makes MCUboot images that a simulated device boots: header, body of seeded noise, SHA-256 TLV. They carry
// no signature: the simulated bootloader checks the hash, which is what the update's way needs.
#pragma once

#include <cstdint>
#include <string>

#include "plugins/smp/mcuboot_image.hpp"

namespace sluice::smp_device {

// A file of exactly this size (100 at least).
std::string make_image(smp::ImageVersion version, std::size_t size, std::uint64_t seed);

}  // namespace sluice::smp_device
