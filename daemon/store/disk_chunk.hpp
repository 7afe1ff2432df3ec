// A row of `chunk` (Queries::chunks) as a Chunk, checked against its CRC.
#pragma once

#include "store/chunk.hpp"
#include "store/sqlite.hpp"

namespace sluice::store {

// Null if the row contradicts its checksum or its own count.
ChunkPtr chunk_from(const Query& row);

}  // namespace sluice::store
