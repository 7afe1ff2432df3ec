// Two slots and MCUboot's decisions at boot: test, confirm, revert, and the modes that cannot revert. What is
// here survives a reset; what a running program keeps in RAM is in device.hpp.
#pragma once

#include <optional>
#include <string>

#include "plugins/smp/commands.hpp"

namespace sluice::smp_device {

enum class Mark { none, test, permanent };
enum class Booted { same, swapped_for_test, swapped_for_good, reverted, refused_image };
std::string_view to_string(Booted booted);

class Bootloader {
 public:
  // Mode as MCUboot numbers it: 1 swap with scratch, 2 overwrite only, 3 swap.
  Bootloader(int mode, std::string factory_image, std::size_t slot_size);

  Booted boot();
  // What a reset would do, in MCUmgr's flags.
  std::vector<smp::Slot> slots() const;

  void mark(Mark mark) { mark_ = mark; }
  Mark marked() const { return mark_; }
  bool on_trial() const { return trial_; }
  void confirm() { trial_ = false; }

  void erase_secondary();
  void write_secondary(std::size_t offset, std::string_view bytes);
  const std::string& primary() const { return primary_; }
  const std::string& secondary() const { return secondary_; }
  std::size_t slot_size() const { return slot_size_; }
  int mode() const { return mode_; }

 private:
  int mode_;
  std::size_t slot_size_;
  std::string primary_, secondary_;  // as long as what was written
  Mark mark_ = Mark::none;           // of the secondary slot
  bool trial_ = false;               // the primary is not confirmed, the old image is in the secondary
};

}  // namespace sluice::smp_device
