// What is done about a damaged queue.db or registry.db: noticing it, saving what can be read into a new file,
// setting the old one aside. At start only, before the store runs; at run time the store marks the file as
// suspect and the process starts anew.
//
// When a start looks at every page (PRAGMA quick_check): always up to 16 MiB; up to 64 MiB after a kill
// (there is a WAL); at any size when the last run marked the file. Otherwise SQLite's own checks on each page
// it touches, the checksum of each chunk and the balance of the books must find it: a start with 50 million
// readings takes no longer than one with none.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/failpoint.hpp"

namespace sluice::store {

// Leaves a note beside the file that the next start must look at every page of it.
void suspect(const std::filesystem::path& file);

// Finishes a salvage that a kill interrupted. First thing at start.
void finish_salvage(const std::filesystem::path& file);

// corrupt: something is wrong with the file. Other errors: it cannot be opened.
result<void> examine(const std::filesystem::path& file, const std::string& vfs);

// Makes a new file of what can be read and sets the old one aside as <file>.corrupt-<UTC time>. The answer
// tells in words what was saved and lost.
result<std::string> salvage_queue(const std::filesystem::path& file, const Clock& clock,
                                  FailPoints& failpoints);
result<std::string> salvage_registry(const std::filesystem::path& file, const Clock& clock,
                                     FailPoints& failpoints);

// Renames <file> and its -wal to <file>.corrupt-<time>, puts <file>.salvage in its place; the new name.
result<std::filesystem::path> set_aside_file(const std::filesystem::path& file, const Clock& clock);

}  // namespace sluice::store
