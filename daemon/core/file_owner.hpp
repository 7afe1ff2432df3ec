// Whose a file is, and may it be run with our rights? Used where the daemon runs an adapter, and where an
// adapter loads a library; and in words for people.
#pragma once

#include <filesystem>
#include <string>

#include "core/error.hpp"

namespace sluice {

// "owner root, mode 0600; sluiced runs as sluice": empty when the file cannot even be looked at.
std::string owner_and_mode(const std::filesystem::path& path);

// Only root or we can change this file, or put another in its place: it and every folder above it are root's
// or ours, and nobody else may write there. `path` is canonical. Errors (io, not_found, denied) say which
// file or folder it is, and what mends it.
result<void> only_ours(const std::filesystem::path& path);

}  // namespace sluice
