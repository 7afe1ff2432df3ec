// A queue on one block of memory: nothing is allocated while it is empty, any place can be read, and taking
// from the front costs nothing. For the broker's waiting acks and messages (a std::deque costs 600 bytes when
// empty).
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

namespace sluice::mqtt {

// T must be default constructible and movable; places that are not in use hold T{}.
template <typename T>
class Ring {
 public:
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  T& operator[](std::size_t i) { return slots_[(head_ + i) & (capacity_ - 1)]; }
  const T& operator[](std::size_t i) const { return slots_[(head_ + i) & (capacity_ - 1)]; }
  T& front() { return slots_[head_]; }
  T& back() { return (*this)[size_ - 1]; }

  T& push_back(T value) {
    if (size_ == capacity_) grow();
    T& slot = slots_[(head_ + size_) & (capacity_ - 1)];
    slot = std::move(value);
    ++size_;
    return slot;
  }
  void pop_front() {
    slots_[head_] = T{};
    head_ = (head_ + 1) & (capacity_ - 1);
    --size_;
  }
  // Takes out one place; moves the shorter side.
  void erase(std::size_t i) {
    if (i < size_ / 2) {
      for (; i > 0; --i) (*this)[i] = std::move((*this)[i - 1]);
      pop_front();
    } else {
      for (; i + 1 < size_; ++i) (*this)[i] = std::move((*this)[i + 1]);
      (*this)[size_ - 1] = T{};
      --size_;
    }
  }
  void clear() {
    slots_.reset();
    head_ = size_ = capacity_ = 0;
  }
  // Gives the memory back when nothing is in it.
  void shrink() {
    if (size_ == 0 && capacity_ != 0) clear();
  }

 private:
  void grow() {
    const std::size_t more = capacity_ == 0 ? 4 : capacity_ * 2;
    auto slots = std::make_unique<T[]>(more);
    for (std::size_t i = 0; i < size_; ++i) slots[i] = std::move((*this)[i]);
    slots_ = std::move(slots);
    head_ = 0;
    capacity_ = more;
  }

  std::unique_ptr<T[]> slots_;
  std::size_t head_ = 0, size_ = 0, capacity_ = 0;
};

}  // namespace sluice::mqtt
