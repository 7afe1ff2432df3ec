// Which records of a chunk have gone: one bit each. A chunk that nobody touched needs none.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::store {

class Marks {
 public:
  Marks() = default;
  explicit Marks(std::string_view stored) : words_((stored.size() + 7) / 8) {
    if (!stored.empty()) std::memcpy(words_.data(), stored.data(), stored.size());
    for (const auto w : words_) set_ += static_cast<std::uint32_t>(__builtin_popcountll(w));
  }
  // False: it was marked already.
  bool mark(std::uint32_t index) {
    if (index / 64 >= words_.size()) words_.resize(index / 64 + 1);
    const std::uint64_t bit = std::uint64_t{1} << (index % 64);
    if ((words_[index / 64] & bit) != 0) return false;
    words_[index / 64] |= bit;
    ++set_;
    return true;
  }
  bool marked(std::uint32_t index) const {
    return index / 64 < words_.size() && (words_[index / 64] >> (index % 64) & 1) != 0;
  }
  std::uint32_t count() const { return set_; }
  bool empty() const { return set_ == 0; }
  // As stored in chunk_ack.gone (little-endian words).
  std::string_view bytes() const {
    return {reinterpret_cast<const char*>(words_.data()), words_.size() * sizeof(std::uint64_t)};
  }

 private:
  std::vector<std::uint64_t> words_;
  std::uint32_t set_ = 0;
};

}  // namespace sluice::store
