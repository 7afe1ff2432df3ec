#include "core/core_dump.hpp"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstring>

namespace sluice {

result<void> forbid_core_dumps() {
  // The limit is inherited by what we start. It does not count where the kernel pipes dumps into a program
  // (systemd-coredump): only the second one does there.
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0 || ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
    return Error{errc::io, fmt::format("core dumps cannot be forbidden: {}", std::strerror(errno))};
  return {};
}

}  // namespace sluice
