#include "plugins/modbus/value.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

namespace sluice::modbus {
namespace {

using Json = nlohmann::json;

std::uint16_t swapped(std::uint16_t word) { return static_cast<std::uint16_t>(word << 8 | word >> 8); }

// The most significant register first, its most significant byte first; the same way back.
std::vector<std::uint16_t> ordered(std::span<const std::uint16_t> raw, Order order) {
  std::vector<std::uint16_t> words(raw.begin(), raw.end());
  if (order.swap_words) std::reverse(words.begin(), words.end());
  if (order.swap_bytes) {
    for (auto& word : words) word = swapped(word);
  }
  return words;
}

std::uint64_t number_of(const std::vector<std::uint16_t>& words) {
  std::uint64_t out = 0;
  for (const auto word : words) out = out << 16 | word;
  return out;
}

// The shortest decimal that is this float: 21.7, and not 21.700000762939453.
double as_written(float value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  double out = 0;
  std::from_chars(text.data(), end, out);
  return out;
}

// 217 * 0.1 is 21.7; a double has 15 digits that are certain.
double tidy(double value) {
  std::array<char, 40> text{};
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 14);
  double out = 0;
  std::from_chars(text.data(), end.ptr, out);
  return out;
}

bool is_float(Type type) { return type == Type::float32 || type == Type::float64; }
bool is_signed(Type type) { return type == Type::int16 || type == Type::int32 || type == Type::int64; }

std::string range_text(const Point& point, const std::string& found) {
  if (point.least && point.most)
    return fmt::format("out of range: {}, allowed {} to {}", found, *point.least, *point.most);
  return point.least ? fmt::format("out of range: {}, allowed from {}", found, *point.least)
                     : fmt::format("out of range: {}, allowed up to {}", found, *point.most);
}

bool in_range(const Point& point, double value) {
  return (!point.least || value >= *point.least) && (!point.most || value <= *point.most);
}

Decoded checked(const Point& point, const Json& value) {
  if (!in_range(point, value.get<double>())) return {nullptr, range_text(point, value.dump())};
  return {value, {}};
}

Decoded decode_float(const Point& point, std::uint64_t raw) {
  const auto value = point.type == Type::float32
                         ? as_written(std::bit_cast<float>(static_cast<std::uint32_t>(raw)))
                         : std::bit_cast<double>(raw);
  if (std::isnan(value)) return {nullptr, "not a number"};
  if (std::isinf(value)) return {nullptr, "infinite"};
  const auto scaled = point.scaled() ? tidy(value * point.factor + point.offset) : value;
  if (!std::isfinite(scaled)) return {nullptr, "infinite"};
  return checked(point, scaled);
}

Decoded decode_integer(const Point& point, std::uint64_t raw) {
  const auto unused = 64 - 16 * point.size;
  const auto value = static_cast<std::int64_t>(raw << unused) >> unused;  // with its sign
  const bool plain = is_signed(point.type);
  // Written as -32768 or as 0x8000, it is the same.
  if (point.absent && (static_cast<std::uint64_t>(*point.absent) & ~std::uint64_t{0} >> unused) == raw)
    return {nullptr, "the unit has no value"};
  if (!point.scaled()) return checked(point, plain ? Json(value) : Json(raw));
  const auto number = plain ? static_cast<double>(value) : static_cast<double>(raw);
  return checked(point, tidy(number * point.factor + point.offset));
}

Decoded decode_text(const std::vector<std::uint16_t>& words) {
  std::string text;
  for (const auto word : words) {
    text += static_cast<char>(word >> 8);
    text += static_cast<char>(word & 0xff);
  }
  text.resize(std::min(text.find('\0'), text.size()));
  while (!text.empty() && text.back() == ' ') text.pop_back();
  try {
    (void)Json(text).dump();
  } catch (const Json::exception&) {
    return {nullptr, "not UTF-8 text"};
  }
  return {text, {}};
}

// Bit n of a value: of the nth coil, or of the registers, the least significant of the first one first.
bool bit_at(const Point& point, std::span<const std::uint16_t> raw, unsigned n) {
  if (has_bits(point.table)) return raw[n] != 0;
  const auto word = point.order.swap_bytes ? swapped(raw[n / 16]) : raw[n / 16];
  return (word >> (n % 16) & 1) != 0;
}

void set_bit(const Point& point, std::vector<std::uint16_t>& raw, unsigned n, bool on) {
  if (has_bits(point.table)) {
    raw[n] = on ? 1 : 0;
    return;
  }
  auto mask = static_cast<std::uint16_t>(1U << (n % 16));
  if (point.order.swap_bytes) mask = swapped(mask);
  auto& word = raw[n / 16];
  word = static_cast<std::uint16_t>(on ? word | mask : word & ~mask);
}

Decoded decode_bits(const Point& point, std::span<const std::uint16_t> raw) {
  if (point.flags.empty()) {
    Json list = Json::array();
    for (unsigned n = 0; n < point.width; ++n) list.push_back(bit_at(point, raw, n));
    return {list, {}};
  }
  Json named = Json::object();
  for (unsigned n = 0; n < point.width; ++n) {
    if (!point.flags[n].empty()) named[point.flags[n]] = bit_at(point, raw, n);
  }
  return {named, {}};
}

Error wrong(const Point& point, const std::string& text) {
  return {errc::invalid_argument, point.name + ": " + text};
}

std::vector<std::uint16_t> words_of(const Point& point, std::uint64_t raw) {
  std::vector<std::uint16_t> words(point.size);
  for (auto at = words.rbegin(); at != words.rend(); ++at, raw >>= 16)
    *at = static_cast<std::uint16_t>(raw & 0xffff);
  return ordered(words, point.order);
}

result<std::vector<std::uint16_t>> encode_float(const Point& point, double value) {
  const auto plain = (value - point.offset) / point.factor;
  if (point.type == Type::float64) return words_of(point, std::bit_cast<std::uint64_t>(plain));
  const auto single = static_cast<float>(plain);
  if (!std::isfinite(single)) return wrong(point, fmt::format("{} is too large for float32", value));
  return words_of(point, std::bit_cast<std::uint32_t>(single));
}

result<std::vector<std::uint16_t>> encode_integer(const Point& point, const Json& value) {
  const auto bits = 16 * point.size;
  const auto too_much = [&] {
    return wrong(point, fmt::format("{} does not fit into {} bits", value.dump(), bits));
  };
  // Whole numbers are written as they are: a double cannot hold all of 64 bits.
  if (!point.scaled() && value.is_number_integer()) {
    if (value.is_number_unsigned() || value.get<std::int64_t>() >= 0) {
      const auto number = value.get<std::uint64_t>();
      if (number > (~std::uint64_t{0} >> (64 - bits + (is_signed(point.type) ? 1 : 0)))) return too_much();
      return words_of(point, number);
    }
    const auto number = value.get<std::int64_t>();
    if (!is_signed(point.type) || number < (std::numeric_limits<std::int64_t>::min() >> (64 - bits)))
      return too_much();
    return words_of(point, static_cast<std::uint64_t>(number));
  }
  const auto raw = (value.get<double>() - point.offset) / point.factor;
  if (!point.scaled() && raw != std::trunc(raw)) return wrong(point, value.dump() + " is no whole number");
  const auto whole = std::nearbyint(raw);
  const auto most = std::ldexp(1.0, static_cast<int>(bits) - (is_signed(point.type) ? 1 : 0));
  if (!(whole >= (is_signed(point.type) ? -most : 0.0) && whole < most)) return too_much();
  return words_of(point, whole < 0 ? static_cast<std::uint64_t>(static_cast<std::int64_t>(whole))
                                   : static_cast<std::uint64_t>(whole));
}

result<std::vector<std::uint16_t>> encode_text(const Point& point, const Json& value) {
  if (!value.is_string()) return wrong(point, "takes a text");
  const auto& text = value.get_ref<const std::string&>();
  if (text.size() > std::size_t{2} * point.size)
    return wrong(point, fmt::format("takes at most {} bytes of text", 2 * point.size));
  std::vector<std::uint16_t> words(point.size);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    words[i / 2] = static_cast<std::uint16_t>(words[i / 2] | byte << (i % 2 == 0 ? 8 : 0));
  }
  return ordered(words, point.order);
}

result<std::vector<std::uint16_t>> encode_bits(const Point& point, const Json& value,
                                               std::vector<std::uint16_t> raw) {
  if (point.flags.empty()) {
    if (!value.is_array() || value.size() != point.width)
      return wrong(point, fmt::format("takes a list of {} times true or false", point.width));
    for (unsigned n = 0; n < point.width; ++n) {
      if (!value[n].is_boolean()) return wrong(point, "takes a list of true and false");
      set_bit(point, raw, n, value[n].get<bool>());
    }
    return raw;
  }
  if (!value.is_object() || value.empty()) return wrong(point, "takes an object of its flags: true or false");
  for (const auto& [name, on] : value.items()) {
    const auto it = std::find(point.flags.begin(), point.flags.end(), name);
    if (it == point.flags.end() || name.empty()) return wrong(point, "has no flag " + Json(name).dump());
    if (!on.is_boolean()) return wrong(point, name + " takes true or false");
    set_bit(point, raw, static_cast<unsigned>(it - point.flags.begin()), on.get<bool>());
  }
  return raw;
}

}  // namespace

Decoded decode(const Point& point, std::span<const std::uint16_t> raw) {
  if (point.type == Type::boolean) return {bit_at(point, raw, point.bit), {}};
  if (point.type == Type::bits) return decode_bits(point, raw);
  const auto words = ordered(raw, point.order);
  if (point.type == Type::text) return decode_text(words);
  return is_float(point.type) ? decode_float(point, number_of(words))
                              : decode_integer(point, number_of(words));
}

bool shares_registers(const Point& point) {
  if (point.type == Type::bits && !point.flags.empty()) return true;
  return !has_bits(point.table) && (point.type == Type::boolean || point.type == Type::bits);
}

result<std::vector<std::uint16_t>> encode(const Point& point, const Json& value,
                                          std::span<const std::uint16_t> now) {
  std::vector<std::uint16_t> raw(now.begin(), now.end());
  raw.resize(point.size);
  if (point.type == Type::bits) return encode_bits(point, value, std::move(raw));
  if (point.type == Type::boolean) {
    if (!value.is_boolean()) return wrong(point, "takes true or false");
    set_bit(point, raw, point.bit, value.get<bool>());
    return raw;
  }
  if (point.type == Type::text) return encode_text(point, value);
  if (!value.is_number()) return wrong(point, "takes a number");
  if (!std::isfinite(value.get<double>())) return wrong(point, "takes a number that is finite");
  if (!in_range(point, value.get<double>())) return wrong(point, range_text(point, value.dump()));
  return is_float(point.type) ? encode_float(point, value.get<double>()) : encode_integer(point, value);
}

}  // namespace sluice::modbus
