// What is done about a damaged queue.db or registry.db: noticing it, setting it aside, saving what can be
// read. At start only, before the store runs; at run time the store marks the file as suspect and the process
// starts anew.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "core/clock.hpp"
#include "core/error.hpp"

namespace sluice::store {

// Leaves a note beside the file that the next start must look at every page of it.
void suspect(const std::filesystem::path& file);

}  // namespace sluice::store
