// CBOR (RFC 8949) as far as SMP bodies need it: integers, byte and text strings, arrays, maps with text keys,
// booleans, null, floats. Not a general library: depth and number of items are bounded, tags and chunked
// strings are refused. Used by the SMP messages of both sides (adapter and simulated device).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/error.hpp"

namespace sluice::smp::cbor {

constexpr int kMaxDepth = 8;
constexpr std::size_t kMaxItems = 512;

struct Bytes {
  std::string octets;
  bool operator==(const Bytes&) const = default;
};
// -1 - n, as CBOR has it: the one below INT64_MIN cannot be said and is refused.
using Negative = std::int64_t;

struct Value;
struct Field;
using Array = std::vector<Value>;
using Map = std::vector<Field>;  // in the order of the wire; a key twice is refused

struct Value {
  std::variant<std::nullptr_t, bool, std::uint64_t, Negative, double, std::string, Bytes, Array, Map> is;

  Value();
  Value(bool b);
  Value(std::uint64_t n);
  Value(Negative n);
  Value(int n);
  Value(unsigned n);
  Value(double d);
  Value(std::string text);
  Value(std::string_view text);
  Value(const char* text);
  Value(Bytes bytes);
  Value(Array items);
  Value(Map fields);

  // The field of a map; null when this is no map or has no such field.
  const Value* find(std::string_view key) const;

  // What a field holds; nullopt when it is missing or of another type.
  std::optional<std::uint64_t> number(std::string_view key) const;
  std::optional<std::int64_t> integer(std::string_view key) const;
  std::optional<bool> flag(std::string_view key) const;
  std::optional<std::string_view> text(std::string_view key) const;
  std::optional<std::string_view> bytes(std::string_view key) const;
  const Array* array(std::string_view key) const;
};

struct Field {
  std::string key;
  Value value;
};

// Behind Field, which the variant's vectors need whole.
inline Value::Value() : is(nullptr) {}
inline Value::Value(bool b) : is(b) {}
inline Value::Value(std::uint64_t n) : is(n) {}
inline Value::Value(Negative n) {
  if (n < 0) {
    is = n;
  } else {
    is = static_cast<std::uint64_t>(n);
  }
}
inline Value::Value(int n) : Value(Negative{n}) {}
inline Value::Value(unsigned n) : Value(std::uint64_t{n}) {}
inline Value::Value(double d) : is(d) {}
inline Value::Value(std::string text) : is(std::move(text)) {}
inline Value::Value(std::string_view text) : is(std::string(text)) {}
inline Value::Value(const char* text) : is(std::string(text)) {}
inline Value::Value(Bytes bytes) : is(std::move(bytes)) {}
inline Value::Value(Array items) : is(std::move(items)) {}
inline Value::Value(Map fields) : is(std::move(fields)) {}

// Definite lengths, shortest integers, fields in the given order.
std::string encode(const Value& value);

// Exactly one item and nothing behind it.
result<Value> decode(std::string_view bytes);

}  // namespace sluice::smp::cbor
