// Where a test cuts: every call to AWS or to the table is a step, and one of them does not come back, or
// comes back with an error, before or after it did its work. Used by the fakes of this folder.
#pragma once

#include <mutex>
#include <optional>

#include "aws/error.hpp"

namespace sluice::lambda::test {

// The process is gone.
struct Died {};

enum class Fault { none, dies_before, dies_after, fails_before, fails_after };

class Faults {
 public:
  // At the n-th step from now, counted from 1.
  void arm(Fault fault, int step) {
    const std::scoped_lock lock(mutex_);
    fault_ = fault, step_ = step, count_ = 0;
  }
  bool struck() const { return count_ >= step_; }

  template <typename Work>
  auto step(const Work& work) -> decltype(work()) {
    const Fault now = next();
    if (now == Fault::dies_before) throw Died{};
    if (now == Fault::fails_before) return error();
    auto answer = work();
    if (now == Fault::dies_after) throw Died{};
    if (now == Fault::fails_after) return error();
    return answer;
  }

 private:
  Fault next() {
    const std::scoped_lock lock(mutex_);
    return ++count_ == step_ ? fault_ : Fault::none;
  }
  static aws::Error error() { return {aws::Error::Kind::network, 0, {}, "the connection was cut", {}}; }

  std::mutex mutex_;
  Fault fault_ = Fault::none;
  int step_ = 0, count_ = 0;
};

}  // namespace sluice::lambda::test
