// A file of nothing that holds a place on the disk. When the disk is full it is given up, so that
// acknowledgements, drops and session state can still be written; when there is room again it is made anew.
// Store thread.
#pragma once

#include <cstdint>
#include <filesystem>

namespace sluice::store {

class Ballast {
 public:
  Ballast(std::filesystem::path file, std::uint64_t bytes);
  // True: it is there, with its full size, and some room beside it.
  bool ensure();
  // False: there was none to give.
  bool release();
  bool there() const { return there_; }

 private:
  std::filesystem::path file_;
  std::uint64_t bytes_;
  bool there_ = false;
};

}  // namespace sluice::store
