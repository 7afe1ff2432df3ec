// Files that people name in the config: read them, or say in words which file, whose it is and what to do.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "core/error.hpp"

namespace sluice::device {

// The whole file, at most `most` bytes. `what` names it in the error ("the key", "the token of device x").
result<std::string> read_file(const std::filesystem::path& path, const std::string& what,
                              std::size_t most = 1 << 20);

}  // namespace sluice::device
