#include "plugins/smp/cbor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace sluice::smp::cbor {
namespace {

enum Major : std::uint8_t { kUnsigned, kNegative, kBytes, kText, kArray, kMap, kTag, kSimple };
constexpr std::uint8_t kIndefinite = 31, kBreak = 0xFF;

void put_head(std::string& out, Major major, std::uint64_t n) {
  const int width = n < 24 ? 0 : n <= 0xFF ? 1 : n <= 0xFFFF ? 2 : n <= 0xFFFFFFFF ? 4 : 8;
  const std::uint64_t low = width == 0 ? n : 24U + static_cast<unsigned>(std::countr_zero(unsigned(width)));
  out.push_back(static_cast<char>((major << 5) | low));
  for (int i = width - 1; i >= 0; --i) out.push_back(static_cast<char>(n >> (8 * i)));
}

void put(std::string& out, const Value& value);

struct Putter {
  std::string& out;

  void operator()(std::nullptr_t) const { out.push_back('\xF6'); }
  void operator()(bool b) const { out.push_back(b ? '\xF5' : '\xF4'); }
  void operator()(std::uint64_t n) const { put_head(out, kUnsigned, n); }
  void operator()(Negative n) const { put_head(out, kNegative, static_cast<std::uint64_t>(-1 - n)); }
  void operator()(double d) const {
    out.push_back('\xFB');
    const auto bits = std::bit_cast<std::uint64_t>(d);
    for (int i = 7; i >= 0; --i) out.push_back(static_cast<char>(bits >> (8 * i)));
  }
  void operator()(const std::string& text) const {
    put_head(out, kText, text.size());
    out += text;
  }
  void operator()(const Bytes& bytes) const {
    put_head(out, kBytes, bytes.octets.size());
    out += bytes.octets;
  }
  void operator()(const Array& items) const {
    put_head(out, kArray, items.size());
    for (const auto& item : items) put(out, item);
  }
  void operator()(const Map& fields) const {
    put_head(out, kMap, fields.size());
    for (const auto& field : fields) {
      (*this)(field.key);
      put(out, field.value);
    }
  }
};

void put(std::string& out, const Value& value) { std::visit(Putter{out}, value.is); }

double from_half(std::uint16_t half) {
  const int exponent = (half >> 10) & 0x1F, mantissa = half & 0x3FF;
  double value = 0;
  if (exponent == 0) {
    value = std::ldexp(mantissa, -24);
  } else if (exponent != 31) {
    value = std::ldexp(mantissa + 1024, exponent - 25);
  } else {
    value =
        mantissa == 0 ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
  }
  return (half & 0x8000) != 0 ? -value : value;
}

class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : rest_(bytes), size_(bytes.size()) {}

  result<Value> all() {
    Value value;
    if (!item(value, 0)) return Error{errc::protocol, std::move(trouble_)};
    if (!rest_.empty())
      return Error{errc::protocol, fmt::format("CBOR: {} bytes behind the item", rest_.size())};
    return value;
  }

 private:
  struct Head {
    Major major{};
    std::uint8_t low = 0;
    std::uint64_t n = 0;
    bool indefinite() const { return low == kIndefinite; }
  };

  bool fail(std::string_view what) {
    trouble_ = fmt::format("CBOR: {} at byte {}", what, size_ - rest_.size());
    return false;
  }

  bool head(Head& head) {
    if (rest_.empty()) return fail("ends too early");
    const auto first = static_cast<std::uint8_t>(rest_.front());
    head.major = static_cast<Major>(first >> 5);
    head.low = first & 0x1F;
    rest_.remove_prefix(1);
    if (head.low < 24) {
      head.n = head.low;
    } else if (head.low < 28) {
      const std::size_t width = std::size_t{1} << (head.low - 24);
      if (rest_.size() < width) return fail("ends too early");
      head.n = 0;
      for (std::size_t i = 0; i < width; ++i) head.n = (head.n << 8) | static_cast<std::uint8_t>(rest_[i]);
      rest_.remove_prefix(width);
    } else if (head.low != kIndefinite) {
      return fail("reserved length");
    }
    return true;
  }

  bool take_string(const Head& head, std::string_view& out) {
    if (head.indefinite()) return fail("a string in chunks");
    if (head.n > rest_.size()) return fail("a string longer than the message");
    out = rest_.substr(0, head.n);
    rest_.remove_prefix(head.n);
    return true;
  }

  bool at_end(const Head& head, std::uint64_t done) {
    if (!head.indefinite()) return done == head.n;
    if (rest_.empty() || static_cast<std::uint8_t>(rest_.front()) != kBreak) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool item(Value& out, int depth) {
    if (depth > kMaxDepth) return fail("nested too deep");
    if (++items_ > kMaxItems) return fail("too many items");
    Head h;
    if (!head(h)) return false;
    std::string_view string;
    switch (h.major) {
      case kUnsigned:
        if (h.indefinite()) return fail("a number without end");
        out.is = h.n;
        return true;
      case kNegative:
        if (h.indefinite()) return fail("a number without end");
        if (h.n > static_cast<std::uint64_t>(std::numeric_limits<Negative>::max()))
          return fail("a number too small");
        out.is = Negative{-1} - static_cast<Negative>(h.n);
        return true;
      case kBytes:
        if (!take_string(h, string)) return false;
        out.is = Bytes{std::string(string)};
        return true;
      case kText:
        if (!take_string(h, string)) return false;
        out.is = std::string(string);
        return true;
      case kArray:
        return array(h, out, depth);
      case kMap:
        return map(h, out, depth);
      case kTag:
        return fail("a tag");
      case kSimple:
        return simple(h, out);
    }
    return fail("an unknown type");
  }

  bool array(const Head& h, Value& out, int depth) {
    Array items;  // grows as items are read: a claimed length allocates nothing
    for (std::uint64_t i = 0; !at_end(h, i); ++i) {
      if (!item(items.emplace_back(), depth + 1)) return false;
    }
    out.is = std::move(items);
    return true;
  }

  bool map(const Head& h, Value& out, int depth) {
    Map fields;
    for (std::uint64_t i = 0; !at_end(h, i); ++i) {
      Head key;
      std::string_view name;
      if (!head(key)) return false;
      if (key.major != kText) return fail("a map key that is no text");
      if (!take_string(key, name)) return false;
      if (std::ranges::any_of(fields, [&](const Field& f) { return f.key == name; }))
        return fail("a key twice");
      auto& field = fields.emplace_back();
      field.key = name;
      if (!item(field.value, depth + 1)) return false;
    }
    out.is = std::move(fields);
    return true;
  }

  bool simple(const Head& h, Value& out) {
    switch (h.low) {
      case 20:
      case 21:
        out.is = h.low == 21;
        return true;
      case 22:
      case 23:  // undefined
        out.is = nullptr;
        return true;
      case 25:
        out.is = from_half(static_cast<std::uint16_t>(h.n));
        return true;
      case 26:
        out.is = static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(h.n)));
        return true;
      case 27:
        out.is = std::bit_cast<double>(h.n);
        return true;
      default:
        return fail("an unknown simple value");
    }
  }

  std::string_view rest_;
  std::size_t size_;
  std::size_t items_ = 0;
  std::string trouble_;
};

template <typename T>
const T* held(const Value* value) {
  return value == nullptr ? nullptr : std::get_if<T>(&value->is);
}

}  // namespace

std::string encode(const Value& value) {
  std::string out;
  put(out, value);
  return out;
}

result<Value> decode(std::string_view bytes) { return Decoder(bytes).all(); }

const Value* Value::find(std::string_view key) const {
  const auto* fields = std::get_if<Map>(&is);
  if (fields == nullptr) return nullptr;
  const auto it = std::ranges::find_if(*fields, [&](const Field& f) { return f.key == key; });
  return it == fields->end() ? nullptr : &it->value;
}

std::optional<std::uint64_t> Value::number(std::string_view key) const {
  const auto* n = held<std::uint64_t>(find(key));
  return n == nullptr ? std::nullopt : std::optional(*n);
}

std::optional<std::int64_t> Value::integer(std::string_view key) const {
  const auto* value = find(key);
  if (const auto* n = held<Negative>(value)) return *n;
  const auto* n = held<std::uint64_t>(value);
  if (n == nullptr || *n > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    return std::nullopt;
  return static_cast<std::int64_t>(*n);
}

std::optional<bool> Value::flag(std::string_view key) const {
  const auto* b = held<bool>(find(key));
  return b == nullptr ? std::nullopt : std::optional(*b);
}

std::optional<std::string_view> Value::text(std::string_view key) const {
  const auto* text = held<std::string>(find(key));
  return text == nullptr ? std::nullopt : std::optional<std::string_view>(*text);
}

std::optional<std::string_view> Value::bytes(std::string_view key) const {
  const auto* bytes = held<Bytes>(find(key));
  return bytes == nullptr ? std::nullopt : std::optional<std::string_view>(bytes->octets);
}

const Array* Value::array(std::string_view key) const { return held<Array>(find(key)); }

}  // namespace sluice::smp::cbor
