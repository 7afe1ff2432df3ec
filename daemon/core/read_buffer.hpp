// Bytes to read into, as large as the largest turn. Not cleared: what no turn reaches is never touched, and
// so costs no memory. Whoever reads says how many bytes there are.
#pragma once

#include <memory>
#include <vector>

namespace sluice {

struct LeaveBytes : std::allocator<char> {
  template <typename Other>
  struct rebind {
    using other = LeaveBytes;
  };
  static void construct(char*) noexcept {}
};

using ReadBuffer = std::vector<char, LeaveBytes>;

}  // namespace sluice
