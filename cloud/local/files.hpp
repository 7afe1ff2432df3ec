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

}  // namespace sluice::cloud
