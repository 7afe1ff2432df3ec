// May this file be run as an adapter? It runs with the daemon's rights, so nobody else may be able to change
// it. Used by the supervision and, through adapter_describe, by sluicectl.
#pragma once

#include <filesystem>
#include <string>

#include "core/error.hpp"

namespace sluice::device {

// `<directory>/<kind>` without symbolic links. Errors say what is wrong and which command mends it:
// not_found; denied (owner, mode, a folder that others may write, a link that leads out of the directory);
// invalid_argument (the kind is no file name).
result<std::filesystem::path> adapter_executable(const std::filesystem::path& directory,
                                                 const std::string& kind);

// The folder of the interpreter in a `#!` line, above `bin`; empty: none, or it is below /usr or /bin.
std::filesystem::path interpreter_home(const std::filesystem::path& executable);

}  // namespace sluice::device
