// Topics with placeholders, e.g. `dt/{product}/{device}/{1}`. config checks them when it reads the file,
// ingest fills them for each reading; one parser, so that what was checked is what runs.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"

namespace sluice {

// What a route's `to` may name besides {1}..{9}; the order is that of render()'s values.
inline constexpr std::array<std::string_view, 4> kRoutePlaceholders = {"device", "product", "gateway",
                                                                       "topic"};
inline constexpr std::size_t kMaxWildcards = 9;

class TopicTemplate {
 public:
  // `names` without braces; {1}..{wildcards} are known too. Errors: invalid_argument, with what is allowed.
  static result<TopicTemplate> parse(std::string_view text, std::span<const std::string_view> names,
                                     std::size_t wildcards = 0);

  bool constant() const { return constant_; }  // no placeholder
  std::size_t literal_bytes() const { return literal_bytes_; }
  std::size_t literal_slashes() const { return literal_slashes_; }
  // Appends to out: values[i] for names[i] of parse(), levels[i] for {i+1}.
  void render(std::span<const std::string_view> values, std::span<const std::string_view> levels,
              std::string& out) const;

 private:
  enum class Kind : unsigned char { literal, name, level };
  struct Piece {
    Kind kind = Kind::literal;
    std::size_t index = 0;
    std::string literal;
  };
  std::vector<Piece> pieces_;
  std::size_t literal_bytes_ = 0, literal_slashes_ = 0;
  bool constant_ = true;
};

// How many levels of the filter are `+` or `#`.
std::size_t wildcard_count(std::string_view filter);

// What the wildcards of `filter` took from `topic`, in order: one level for each `+`, the rest for `#` (empty
// when
// `#` stands for the parent). The topic must match the filter. Returns how many, at most kMaxWildcards.
std::size_t capture_wildcards(std::string_view filter, std::string_view topic,
                              std::array<std::string_view, kMaxWildcards>& levels);

}  // namespace sluice
