// What a batched payload of the gateway holds: the local cloud writes it unpacked, so that a checker can join
// the readings of devices with what the cloud has.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::cloud {

struct BatchHints {
  std::string_view content_type;  // "+zstd" or "zstd" in it: compressed; "ndjson": one reading a line
  bool has_ids = false;           // the user property sluice-ids is there: it is a batch
  bool mqtt311 = false;           // no properties exist: the payload itself must tell
};

// The readings as one JSON array (text), or nothing when the payload is a single reading. Compressed by zstd
// (magic number) is undone first, up to 16 MiB. A line that is not JSON becomes a string.
std::optional<std::string> unpack_batch(std::string_view payload, const BatchHints& hints);

}  // namespace sluice::cloud
