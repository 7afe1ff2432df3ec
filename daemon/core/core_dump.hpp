// Private keys and tokens are in this process's memory: no core dump of it is written anywhere, and none but
// root may look into it. Used by the programs that hold secrets, first of all.
#pragma once

#include "core/error.hpp"

namespace sluice {

// Errors: io, if the kernel would not.
result<void> forbid_core_dumps();

}  // namespace sluice
