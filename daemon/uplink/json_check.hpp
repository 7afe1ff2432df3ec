// Is this text one JSON value (RFC 8259), and UTF-8? Asked for every payload that goes into a JSON array,
// because one that is not would corrupt the whole batch. Nothing is built; used by Batcher.
#pragma once

#include <string_view>

namespace sluice::uplink {

// Deeper nesting than this counts as invalid.
inline constexpr int kMaxJsonDepth = 128;

bool is_json(std::string_view text);

}  // namespace sluice::uplink
