// The user properties that let the cloud see a duplicate and know when a reading arrived (MQTT 5 only; 3.1.1
// has none):
//   sluice-id    <instance>-<id>                       of a publish with one record
//   sluice-ids   <instance>-12-40,43                   of a batch: ranges of ids, first-last
//   sluice-time  1793491200000[-1793491201000]         when it arrived, ms since 1970; of a batch the first
//   and the last sluice-clock unsynced                              the gateway's clock was not plausible
//   then
// <instance> is made with the store's file, so ids never come again. Used by Batcher.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::uplink {

// MQTT 5, 3.3.2.3.7: 0x26 key value; both at most 65,535 bytes.
void append_user_property(std::string& out, std::string_view key, std::string_view value);

// Ids in rising order, as text. An id that does not rise starts a new range.
class IdRanges {
 public:
  void add(std::uint64_t id);
  std::string text() const;
  // Upper bound of text() after one more id.
  std::size_t bytes_with_one_more() const { return closed_.size() + 2 * 21; }
  void clear();

 private:
  std::string closed_;
  std::uint64_t first_ = 0, last_ = 0;
};

}  // namespace sluice::uplink
