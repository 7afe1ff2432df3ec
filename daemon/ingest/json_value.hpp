// The value at a JSON pointer, without building the document: reading stops behind it. Used by the filters.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::ingest {

inline constexpr std::size_t kMaxJson = 128 * 1024;  // bytes; larger payloads are not looked into

// RFC 6901, unescaped.
class JsonPointer {
 public:
  explicit JsonPointer(std::string_view text);

  struct Token {
    std::string key;
    std::optional<std::size_t> index;  // if it can be one of an array
  };
  const std::vector<Token>& tokens() const { return tokens_; }

 private:
  std::vector<Token> tokens_;
};

struct JsonValue {
  std::array<std::uint64_t, 2> hash{};  // equal for equal values; members in another order are another value
  std::optional<double> number;
};

// Nothing if the payload is not JSON up to there, is too large, or has nothing at the pointer.
std::optional<JsonValue> json_value_at(const JsonPointer& pointer, std::string_view payload);

}  // namespace sluice::ingest
