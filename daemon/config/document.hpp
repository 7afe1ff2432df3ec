// YAML text as a tree of values with their places. The only file of the house that sees yaml-cpp is
// document.cpp. Bounded: size, depth, and what aliases expand to.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"

namespace sluice::config {

inline constexpr std::size_t kMaxTextBytes = 1024 * 1024;
inline constexpr std::size_t kMaxDepth = 32;
inline constexpr std::size_t kMaxNodes = 100'000;  // after expansion of aliases
inline constexpr std::size_t kMaxExpandedBytes = 4 * 1024 * 1024;

struct Place {
  int line = 1, column = 1;
};

struct Entry;

struct Node {
  enum class Kind { null, scalar, sequence, map };
  Kind kind = Kind::null;
  Place place;
  std::string value;                 // scalar
  std::vector<Node> items;           // sequence
  std::vector<Entry> entries;        // map, in the order of the file; each key once
  std::size_t nodes = 1, bytes = 0;  // of the whole subtree
};

struct Entry {
  std::string key;
  Place place;  // of the key
  Node value;
};

// The document's root; problems (with which the tree is not to be used) for what is not one plain YAML
// document.
Node read_document(std::string_view text, std::vector<Problem>& problems);

}  // namespace sluice::config
