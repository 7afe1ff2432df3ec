// Small whole files of the local cloud's directory.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "core/error.hpp"

namespace sluice::cloud {

// At most 1 MiB.
result<std::string> read_file(const std::filesystem::path& path);

// Makes the file; refuses to overwrite. mode: as for open(2), 0600 for keys.
result<void> write_new_file(const std::filesystem::path& path, std::string_view text, unsigned mode);

// Makes or replaces the file: it is the old or the new one, never a part. Not synced to the disk.
result<void> write_file(const std::filesystem::path& path, std::string_view text, unsigned mode);

// Name, time and size of a file, to see whether it changed; empty: not there. Times alone are too coarse for
// changes that follow each other at once.
std::string stamp_of(const std::filesystem::path& path);

}  // namespace sluice::cloud
