// The schema: one row for each key of the config. Parsing, defaults, `did you mean`, docs/config.md and the
// effective config are made from it; what spans several keys is in the check_*.cpp files.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/slot.hpp"

namespace sluice::config {

enum class Type {
  text,
  name,   // [A-Za-z0-9:_-]{1,128}: AWS's thing names, device and product names
  token,  // [A-Za-z0-9_]{1,128}: names of AWS IoT rules
  integer,
  number,
  duration,
  size,
  boolean,
  choice,
  path,
  hash,    // a secret's hash: not shown
  change,  // `0.5` or `2%`
  texts,   // a list of strings
  list,    // of maps; the rows of an element follow with `key[].`
  map,     // of maps by name; the rows of an element follow with `key{}.`
  later,   // known to the design, not in this version
};

inline constexpr std::string_view kRequired = "required";

struct Row {
  std::string_view path;  // `cloud.tls.ca`, `routes[].to`, `devices.products{}.limits.inflight`
  Type type;
  std::string_view fallback;     // as one would write it; kRequired; empty: nothing
  std::string_view allowed;      // choice: words with |; numbers, durations, sizes: least..most
  std::string_view description;  // one line
  Slot (*slot)(void* object);    // of the object whose rows these are
};

std::span<const Row> schema();

// The rows whose path begins with `prefix` (the empty one, `routes[].`, `devices.products{}.`) and that
// belong to that object itself, not to objects in it.
std::vector<const Row*> rows_of(std::string_view prefix);

// What a reader of the docs may write: the type in words.
std::string_view type_words(Type type);

// The words of a choice.
std::vector<std::string_view> words(std::string_view allowed);

}  // namespace sluice::config
