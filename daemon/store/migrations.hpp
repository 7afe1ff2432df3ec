// The schema's history: sql/NNN_*.sql, compiled in. Forward only, one transaction each.
#pragma once

#include <span>

#include "core/failpoint.hpp"
#include "store/sqlite.hpp"

namespace sluice::store {

std::span<const char* const> queue_migrations();
std::span<const char* const> registry_migrations();

// Brings the file to the newest schema (PRAGMA user_version); throws SqlFailure. newer_schema if the file was
// written by a newer program.
result<void> migrate(Database& db, std::span<const char* const> scripts, const std::filesystem::path& file,
                     FailPoints& failpoints);

}  // namespace sluice::store
