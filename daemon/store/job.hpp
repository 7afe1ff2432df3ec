// What goes from the loop to the store thread and back: one Job is one commit, one Outcome its end. A Job is
// touched by one thread at a time; its chunks become immutable when it is handed over.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "store/accounts.hpp"
#include "store/marks.hpp"

namespace sluice::store {

// The times that a commit writes down; made on the loop.
struct Moment {
  StoreSeconds now = 0;
  std::int64_t wall_ms = 0;                    // best known, for ledger rows
  std::int64_t wall_seconds = 0;               // 0: not plausible
  std::int64_t boot_seconds = 0;               // since boot
  std::uint32_t boot = 0;                      // row of `boot`
  std::optional<std::int64_t> boot_offset_ms;  // to be written to that row, once
};

struct Removal {
  ChunkId chunk = 0;
  std::uint16_t index = 0;
  LedgerReason reason{};  // 0: delivered
};

struct StateChange {
  Space space = 0;
  std::string key;
  std::optional<std::string> value;  // none: erase
};

struct SetAside {
  ChunkId chunk = 0;
  std::uint32_t index = 0;
  std::string reason;
};

struct LaneDrop {
  LaneId lane = 0;
  Sequence before = 0;
  LedgerReason reason{};
};

struct NewLetter {  // a dead letter that was never in the queue
  LaneId lane = 0;
  Priority priority = 0;
  NameId device = 0, route = 0;
  std::int64_t wall_ms = 0;
  std::string topic, payload, properties, reason;
};

struct LetterOrder {
  std::uint64_t id = 0;
  Sequence replay_as = 0;  // 0: delete
  std::function<void(result<void>)> done;
  bool found = false;  // the answer
};

struct Job {
  Ticket ticket = 0;
  Sequence first_sequence = 0, next_sequence = 0;
  Moment moment;
  std::vector<std::shared_ptr<Chunk>> chunks;
  Delta counted;  // count(): accepted and ended here
  std::vector<std::pair<NameId, std::string>> names;
  std::vector<StateChange> states;
  std::vector<Removal> removals;
  std::vector<ChunkId> damaged;  // chunks that could not be read back
  std::vector<SetAside> set_asides;
  std::vector<LaneDrop> lane_drops;
  std::vector<NewLetter> letters;
  std::vector<LetterOrder> orders;
  std::uint64_t bytes = 0;  // of the chunks
  bool eager = false;       // somebody waits for it
  bool lazy = false;        // something is in it that may wait
};

// Rows that a transaction took away entirely (or that were not there).
using GoneChunks = std::vector<ChunkId>;

struct Outcome {
  enum class Kind : std::uint8_t {
    committed,
    stalled,  // no space: nothing of the job but its removals is on disk; try the same job again
    dead,     // the handle must not be used again
  };
  Kind kind = Kind::committed;
  Error error;             // stalled, dead
  bool low_space = false;  // committed, but the ballast is gone
  Delta delta;
  GoneChunks gone;
  std::vector<std::shared_ptr<Chunk>> added;  // replayed dead letters, to be announced like the job's own
  bool more = false;                          // chores: there is more to do
};

struct DiskRead {
  struct Piece {
    ChunkPtr chunk;
    Marks gone;
  };
  std::vector<Piece> pieces;
  std::vector<ChunkId> damaged;
  bool more = false;
  std::optional<Error> error;  // io: this read; corrupt: the file
};

}  // namespace sluice::store
