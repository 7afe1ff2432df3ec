// How large the packets of an upload are and how long to wait for their answers, from what the line has
// shown: lost packets make them smaller, a row of answers larger again. Beyond the largest that was ever
// answered the row gets longer with each try that fails: a device may announce a larger buffer than it has.
// Used by SmpTarget.
#pragma once

#include <algorithm>
#include <cstddef>

#include "core/clock.hpp"

namespace sluice::smp {

class ChunkSize {
 public:
  // Packets of least … most bytes, header and keys included.
  void limits(std::size_t least, std::size_t most) {
    least_ = least;
    most_ = std::max(least, most);
    size_ = most_;
    answered_ = 0;
    passed_ = 0;
    grow_after_ = kGrowAfter;
  }
  void patience(Duration start, Duration least, Duration most) {
    start_ = start;
    shortest_ = least;
    longest_ = std::max(least, most);
  }

  std::size_t size() const { return size_; }
  std::size_t most() const { return most_; }
  Duration wait() const {
    const Duration base = smooth_ == Duration::zero() ? start_ : smooth_ + 4 * spread_;
    return std::clamp(std::max(base, shortest_) * (1 << std::clamp(lost_in_a_row_ - 1, 0, 5)), shortest_,
                      longest_);
  }

  // `bytes`: of the packet, as for limits().
  void answered(std::size_t bytes, Duration after) {
    // As TCP does it; an answer belongs to exactly one attempt by its sequence number.
    if (smooth_ == Duration::zero()) {
      smooth_ = after;
      spread_ = after / 2;
    } else {
      const Duration off = after > smooth_ ? after - smooth_ : smooth_ - after;
      spread_ = (3 * spread_ + off) / 4;
      smooth_ = (7 * smooth_ + after) / 8;
    }
    lost_in_a_row_ = 0;
    if (bytes > passed_) {
      passed_ = bytes;
      grow_after_ = kGrowAfter;
    }
    const bool proven = size_ < passed_;
    if (++answered_ >= (proven ? kGrowAfter : grow_after_) && size_ < most_) {
      size_ = std::min(proven ? passed_ : most_, size_ + size_ / 2);
      answered_ = 0;
    }
  }
  void lost() {
    answered_ = 0;
    // A loss or two are chance; from the third on it may be the device's buffer.
    if (++lost_in_a_row_ <= 2) return;
    if (passed_ != 0 && size_ > passed_) grow_after_ = std::min(2 * grow_after_, kGrowAfterAtMost);
    size_ = std::max(least_, size_ / 2);
  }

 private:
  static constexpr int kGrowAfter = 8, kGrowAfterAtMost = 4096;  // answers

  std::size_t least_ = 0, most_ = 0, size_ = 0;
  std::size_t passed_ = 0;  // the largest packet that was answered
  int grow_after_ = kGrowAfter;
  Duration start_{}, shortest_{}, longest_{};
  Duration smooth_{}, spread_{};
  int answered_ = 0, lost_in_a_row_ = 0;
};

}  // namespace sluice::smp
