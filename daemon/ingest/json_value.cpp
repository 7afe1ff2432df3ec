#include "ingest/json_value.hpp"

#include <bit>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

namespace sluice::ingest {
namespace {

// Two hashes of different make: together the chance that a change goes unseen is nil.
class Hash {
 public:
  void add(char tag, std::string_view bytes = {}) {
    byte(tag);
    for (const char c : bytes) byte(c);
    number(bytes.size());  // so that neighbours cannot trade bytes
  }
  void add(char tag, std::uint64_t value) {
    byte(tag);
    number(value);
  }
  std::array<std::uint64_t, 2> value() const { return {a_, b_}; }

 private:
  void byte(char c) {
    const auto v = static_cast<unsigned char>(c);
    a_ = (a_ ^ v) * 0x100000001b3ULL;  // FNV-1a
    b_ = std::rotl(b_ + v + 1, 23) * 0x9e3779b97f4a7c15ULL;
  }
  void number(std::uint64_t value) {
    for (int i = 0; i < 64; i += 8) byte(static_cast<char>(value >> i));
  }
  std::uint64_t a_ = 0xcbf29ce484222325ULL, b_ = 0x2545f4914f6cdd1dULL;
};

// Follows the parser to the pointer's value, takes its hash, and then stops the parser by answering false.
class Finder {
 public:
  explicit Finder(const std::vector<JsonPointer::Token>& tokens) : tokens_(tokens) {}

  std::optional<JsonValue> found() const {
    if (!complete_) return std::nullopt;
    return JsonValue{hash_.value(), number_};
  }

  bool null() {
    return scalar([this] { hash_.add('n'); });
  }
  bool boolean(bool value) {
    return scalar([&] { hash_.add(value ? 't' : 'f'); });
  }
  bool number_integer(std::int64_t value) {
    return scalar([&] { whole(value); });
  }
  bool number_unsigned(std::uint64_t value) {
    return scalar([&] {
      hash_.add('i', value);
      note(static_cast<double>(value));
    });
  }
  bool number_float(double value, const std::string&) {
    constexpr double kExact = 9007199254740992.0;  // 2^53: 21.0 and 21 are the same value
    return scalar([&] {
      if (std::trunc(value) == value && std::abs(value) <= kExact) {
        whole(static_cast<std::int64_t>(value));
      } else {
        hash_.add('d', std::bit_cast<std::uint64_t>(value));
        note(value);
      }
    });
  }
  bool string(std::string& value) {
    return scalar([&] { hash_.add('s', value); });
  }
  bool binary(nlohmann::json::binary_t&) { return false; }  // not in JSON text
  bool start_object(std::size_t) { return open('{', false); }
  bool start_array(std::size_t) { return open('[', true); }
  bool end_object() { return close('}'); }
  bool end_array() { return close(']'); }
  bool key(std::string& name) {
    if (capturing_) {
      hash_.add('k', name);
    } else if (depth_ == path_) {
      selected_ = name == tokens_[path_ - 1].key;
    }
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception&) { return false; }

 private:
  // depth_: containers open. path_: how many of them, from the outside, lead to the value. Where they are
  // equal, the innermost container is on the way, and its next member may be the next step.
  bool on_the_way() {
    if (depth_ != path_) return false;
    if (depth_ == 0) return true;
    if (in_array_) {
      const auto here = next_index_++;
      return tokens_[path_ - 1].index == here;
    }
    return std::exchange(selected_, false);
  }

  void whole(std::int64_t value) {
    hash_.add('i', static_cast<std::uint64_t>(value));
    note(static_cast<double>(value));
  }
  void note(double value) {
    if (capture_depth_ == 0) number_ = value;
  }

  template <class Take>
  bool scalar(Take take) {
    if (capturing_) {
      take();
      return true;
    }
    if (!on_the_way()) return true;
    if (path_ == tokens_.size()) {
      take();
      complete_ = true;
    }
    return false;  // found, or the way ends at a value that has no members
  }

  bool open(char tag, bool array) {
    if (capturing_) {
      ++capture_depth_;
      hash_.add(tag);
      return true;
    }
    if (on_the_way()) {
      if (path_ == tokens_.size()) {
        capturing_ = true;
        capture_depth_ = 1;
        hash_.add(tag);
        return true;
      }
      ++path_;
      in_array_ = array;
      next_index_ = 0;
      selected_ = false;
    }
    ++depth_;
    return true;
  }

  bool close(char tag) {
    if (capturing_) {
      hash_.add(tag);
      if (--capture_depth_ > 0) return true;
      complete_ = true;
      return false;
    }
    // A container on the way ends: what was looked for is not in it.
    if (depth_ == path_) return false;
    --depth_;
    return true;
  }

  const std::vector<JsonPointer::Token>& tokens_;
  std::size_t depth_ = 0, path_ = 0;
  bool in_array_ = false, selected_ = false, capturing_ = false, complete_ = false;
  std::size_t next_index_ = 0, capture_depth_ = 0;
  Hash hash_;
  std::optional<double> number_;
};

std::optional<std::size_t> array_index(std::string_view text) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  if (!whole || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  return value;
}

std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '~' && i + 1 < text.size() && (text[i + 1] == '0' || text[i + 1] == '1')) {
      out += text[++i] == '0' ? '~' : '/';
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

JsonPointer::JsonPointer(std::string_view text) {
  while (!text.empty()) {
    text.remove_prefix(1);  // the slash
    const auto end = text.find('/');
    const auto token = text.substr(0, end);
    tokens_.push_back({unescaped(token), array_index(token)});
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end);
  }
}

std::optional<JsonValue> json_value_at(const JsonPointer& pointer, std::string_view payload) {
  if (payload.empty() || payload.size() > kMaxJson) return std::nullopt;
  Finder finder(pointer.tokens());
  nlohmann::json::sax_parse(payload.begin(), payload.end(), &finder);
  return finder.found();
}

}  // namespace sluice::ingest
