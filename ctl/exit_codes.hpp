// How sluicectl ends: scripts depend on these; docs/sluicectl.md and --help list them. After sysexits(3).
#pragma once

namespace sluice::ctl::exit_code {

inline constexpr int success = 0, failed = 1, usage = 64, unreachable = 69, no_permission = 77, config = 78;

}  // namespace sluice::ctl::exit_code
