#include "core/backoff.hpp"

#include <algorithm>

namespace sluice {

Duration Backoff::next() {
  // 2^20 first waits is beyond any `most`; the shift must not overflow.
  const auto factor = std::int64_t{1} << std::min(failures_, 20U);
  const auto bound = std::min(limits_.most, limits_.first * factor);
  ++failures_;
  std::uniform_int_distribution<Duration::rep> wait(std::max<Duration::rep>(bound.count() / 100, 1),
                                                    bound.count());
  return Duration(wait(random_));
}

}  // namespace sluice
