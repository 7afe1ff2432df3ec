// Which readings of a topic are worth sending: on_change, deadband, sample. Remembers the last reading let
// through for each device and topic, for as many as kRemembered; the one used longest ago is forgotten first.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/clock.hpp"
#include "core/message.hpp"
#include "core/options.hpp"
#include "ingest/json_value.hpp"

namespace sluice::ingest {

inline constexpr std::size_t kRemembered = 50'000;
inline constexpr std::size_t kLongestFilteredTopic =
    512;  // bounds what is remembered; longer ones pass untouched

struct Filter {
  FilterOptions options;
  JsonPointer pointer;
};

enum class Verdict : std::uint8_t {
  pass,
  hold,        // not worth sending
  unfiltered,  // passes, because the filter cannot judge it
};

class Filters {
 public:
  explicit Filters(std::size_t remembered = kRemembered) : most_(remembered) {}

  Verdict judge(const Filter& filter, NameId device, std::string_view topic, std::string_view payload,
                MonoTime now);
  // The reading just judged is safe in the store: what it said is the last that was let through.
  void passed();
  void clear();
  std::size_t remembered() const { return index_.size(); }

 private:
  struct Memory {
    std::array<std::uint64_t, 2> hash{};
    double number = 0;
    MonoTime at{};
  };
  struct Item {
    std::string key;
    Memory memory;
  };
  using Items = std::list<Item>;  // the one used last is in front

  std::size_t most_;
  Items items_;
  std::unordered_map<std::string_view, Items::iterator> index_;  // views into the items' keys
  std::string key_;                                              // of the reading just judged
  Memory pending_;
  bool has_pending_ = false;
};

}  // namespace sluice::ingest
