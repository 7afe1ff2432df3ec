#include "store/disk_chunk.hpp"

namespace sluice::store {

ChunkPtr chunk_from(const Query& row) {
  auto chunk = std::make_shared<Chunk>();
  const ChunkId id = row.number(0);
  chunk->queue = queue_of(id);
  chunk->sequence = sequence_of(id);
  chunk->count = static_cast<std::uint32_t>(row.number(1));
  chunk->min_expiry = static_cast<StoreSeconds>(row.number(2));
  chunk->max_expiry = static_cast<StoreSeconds>(row.number(3));
  chunk->wall_ms = row.number(4);
  chunk->boot = static_cast<std::uint32_t>(row.number(5));
  chunk->crc = static_cast<std::uint32_t>(row.number(6));
  chunk->data.assign(row.bytes(7));
  if (chunk->crc != chunk->checksum()) return nullptr;
  return chunk;
}

}  // namespace sluice::store
