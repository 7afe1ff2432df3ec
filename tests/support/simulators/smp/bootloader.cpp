#include "smp/bootloader.hpp"

#include "plugins/smp/mcuboot_image.hpp"

namespace sluice::smp_device {
namespace {

constexpr int kOverwriteOnly = 2;

bool bootable(const std::string& flash) {
  const auto image = smp::image_of(flash);
  return image && smp::hash_is_true(flash, *image);
}

}  // namespace

std::string_view to_string(Booted booted) {
  switch (booted) {
    case Booted::same:
      return "same image";
    case Booted::swapped_for_test:
      return "new image on trial";
    case Booted::swapped_for_good:
      return "new image for good";
    case Booted::reverted:
      return "reverted";
    case Booted::refused_image:
      return "new image refused";
  }
  return "same image";
}

Bootloader::Bootloader(int mode, std::string factory_image, std::size_t slot_size)
    : mode_(mode), slot_size_(slot_size), primary_(std::move(factory_image)) {}

Booted Bootloader::boot() {
  if (mark_ != Mark::none) {
    const bool good = bootable(secondary_);
    const Mark mark = std::exchange(mark_, Mark::none);
    if (!good) {
      erase_secondary();
      trial_ = false;
      return Booted::refused_image;
    }
    if (mode_ == kOverwriteOnly) {
      primary_ = std::move(secondary_);
      erase_secondary();
      trial_ = false;
      return Booted::swapped_for_good;
    }
    primary_.swap(secondary_);
    trial_ = mark == Mark::test;
    return trial_ ? Booted::swapped_for_test : Booted::swapped_for_good;
  }
  if (trial_) {
    primary_.swap(secondary_);
    trial_ = false;
    return Booted::reverted;
  }
  return Booted::same;
}

std::vector<smp::Slot> Bootloader::slots() const {
  std::vector<smp::Slot> slots;
  const auto list = [&](std::uint64_t number, const std::string& flash) -> smp::Slot* {
    const auto image = smp::image_of(flash);
    if (!image) return nullptr;  // an empty or half written slot is not listed
    auto& slot = slots.emplace_back();
    slot.slot = number;
    slot.version = smp::to_string(image->version);
    slot.hash = image->hash;
    slot.bootable = true;
    return &slot;
  };
  if (auto* first = list(0, primary_)) {
    first->active = true;
    first->confirmed = !trial_;
  }
  if (auto* second = list(1, secondary_)) {
    second->pending = mark_ != Mark::none;
    second->permanent = mark_ == Mark::permanent;
    second->confirmed = trial_;  // it is what a revert would bring back
  }
  return slots;
}

void Bootloader::erase_secondary() {
  secondary_.clear();
  mark_ = Mark::none;
}

void Bootloader::write_secondary(std::size_t offset, std::string_view bytes) {
  if (secondary_.size() < offset + bytes.size()) secondary_.resize(offset + bytes.size(), '\xFF');
  secondary_.replace(offset, bytes.size(), bytes);
}

}  // namespace sluice::smp_device
