#include "uplink/json_check.hpp"

#include <bitset>
#include <cstddef>
#include <cstdint>

namespace sluice::uplink {
namespace {

class Checker {
 public:
  explicit Checker(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  // No recursion: the kind of every open bracket is one bit.
  bool one_value() {
    int depth = 0;
    std::bitset<kMaxJsonDepth> in_object;
    for (;;) {
      space();
      if (at_ == end_) return false;
      if (*at_ == '{' || *at_ == '[') {
        if (depth == kMaxJsonDepth) return false;
        const bool object = *at_++ == '{';
        in_object[static_cast<std::size_t>(depth++)] = object;
        space();
        if (!take(object ? '}' : ']')) {
          if (object && !key()) return false;
          continue;
        }
        --depth;
      } else if (!scalar()) {
        return false;
      }
      // A value has ended: close what ends with it, or go to the next one.
      for (;;) {
        space();
        if (depth == 0) return at_ == end_;
        const bool object = in_object[static_cast<std::size_t>(depth - 1)];
        if (take(object ? '}' : ']')) {
          --depth;
          continue;
        }
        if (!take(',')) return false;
        if (object && !key()) return false;
        break;
      }
    }
  }

 private:
  void space() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\n' || *at_ == '\r')) ++at_;
  }
  bool take(char c) {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  bool key() {
    space();
    if (!string()) return false;
    space();
    return take(':');
  }
  bool scalar() {
    switch (*at_) {
      case '"':
        return string();
      case 't':
        return word("true");
      case 'f':
        return word("false");
      case 'n':
        return word("null");
      default:
        return number();
    }
  }
  bool word(std::string_view w) {
    if (std::string_view(at_, static_cast<std::size_t>(end_ - at_)).substr(0, w.size()) != w) return false;
    at_ += w.size();
    return true;
  }
  bool digits() {
    const char* const from = at_;
    while (at_ != end_ && *at_ >= '0' && *at_ <= '9') ++at_;
    return at_ != from;
  }
  bool number() {
    take('-');
    if (!take('0') && !digits()) return false;
    if (take('.') && !digits()) return false;
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      return digits();
    }
    return true;
  }
  bool string() {
    if (!take('"')) return false;
    while (at_ != end_) {
      const auto c = static_cast<std::uint8_t>(*at_);
      if (c == '"') return ++at_, true;
      if (c < 0x20) return false;
      if (c == '\\') {
        if (!escape()) return false;
      } else if (c < 0x80) {
        ++at_;
      } else if (!multibyte(c)) {
        return false;
      }
    }
    return false;
  }
  bool escape() {
    if (++at_ == end_) return false;
    const char c = *at_++;
    if (c != 'u') return std::string_view("\"\\/bfnrt").find(c) != std::string_view::npos;
    for (int i = 0; i < 4; ++i, ++at_) {
      if (at_ == end_) return false;
      const char h = *at_;
      if (!((h >= '0' && h <= '9') || (h >= 'a' && h <= 'f') || (h >= 'A' && h <= 'F'))) return false;
    }
    return true;
  }
  // RFC 3629, table of well-formed sequences.
  bool multibyte(std::uint8_t lead) {
    int more = 0;
    std::uint8_t low = 0x80, high = 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf) {
      more = 1;
    } else if (lead >= 0xe0 && lead <= 0xef) {
      more = 2;
      if (lead == 0xe0) low = 0xa0;
      if (lead == 0xed) high = 0x9f;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
      more = 3;
      if (lead == 0xf0) low = 0x90;
      if (lead == 0xf4) high = 0x8f;
    } else {
      return false;
    }
    for (++at_; more > 0; --more, ++at_) {
      if (at_ == end_) return false;
      const auto c = static_cast<std::uint8_t>(*at_);
      if (c < low || c > high) return false;
      low = 0x80;
      high = 0xbf;
    }
    return true;
  }

  const char* at_;
  const char* end_;
};

}  // namespace

bool is_json(std::string_view text) { return Checker(text).one_value(); }

}  // namespace sluice::uplink
