// The store's directory: made 0700, and held by one process at a time.
#pragma once

#include <filesystem>
#include <string>

#include "core/error.hpp"

namespace sluice::store {

// Makes the directory if it is missing and takes its lock; the answer is a file descriptor for release().
// Errors: io, with path and owner, or who holds it.
result<int> claim(const std::filesystem::path& directory, const std::string& lock_name);
void release(int lock);

// "owned by uid 0 (root), mode 0755; this process is uid 998 (sluice)".
std::string ownership(const std::filesystem::path& path);

}  // namespace sluice::store
