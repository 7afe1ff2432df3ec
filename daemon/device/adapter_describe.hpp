// Asks an adapter's executable what it is: `<kind> --describe`. Blocks for up to 5 s, so the daemon calls it
// on a worker; sluicectl config check too.
#pragma once

#include <filesystem>
#include <string>

#include "core/error.hpp"

namespace sluice::device {

// What it printed. Errors say whose fault it is: as adapter_executable; timeout; refused (another exit code
// than 0, with what it wrote to stderr); full (more than 256 KiB).
result<std::string> describe_adapter(const std::filesystem::path& directory, const std::string& kind);

}  // namespace sluice::device
