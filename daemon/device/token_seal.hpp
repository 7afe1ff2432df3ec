// A cheap fingerprint of a token that was proven right: HMAC-SHA256 under a key that lives as long as the
// process, so that a storm of reconnects does not cost a scrypt each. Loop thread.
#pragma once

#include <array>
#include <string_view>

namespace sluice::device {

class TokenSeal {
 public:
  using Mark = std::array<unsigned char, 32>;

  TokenSeal();
  // Bound to the device: the same token of another device has another mark.
  Mark mark(std::string_view device, std::string_view token) const;
  // In constant time.
  static bool equal(const Mark& a, const Mark& b);

 private:
  std::array<unsigned char, 32> key_{};
};

}  // namespace sluice::device
