// Secrets at rest: AES-256-GCM with a random nonce, bound to whose secret it is and what for, so that a
// sealed text cannot be moved to another row. Used by the identity room for private keys and access tokens.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "core/secret.hpp"

namespace sluice::identity {

class Seal {
 public:
  static constexpr std::size_t kKeyBytes = 32;
  using Key = std::array<unsigned char, kKeyBytes>;

  // From material of any kind with at least 32 bytes (a key file, a systemd credential, what a TPM unsealed).
  static result<Seal> from(std::string_view material);
  ~Seal();
  Seal(const Seal&) = default;
  Seal& operator=(const Seal&) = default;

  // Text (base64) that opens for the same owner and purpose only.
  result<std::string> close(std::string_view owner, std::string_view purpose, std::string_view secret) const;
  // Errors: corrupt: of another key, owner or purpose, or changed on the disk.
  result<Secret> open(std::string_view owner, std::string_view purpose, std::string_view sealed) const;

 private:
  explicit Seal(const Key& key) : key_(key) {}
  Key key_;
};

}  // namespace sluice::identity
