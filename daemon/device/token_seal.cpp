#include "device/token_seal.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <exception>
#include <string>

namespace sluice::device {

TokenSeal::TokenSeal() {
  // Without random bytes nothing here can be trusted.
  if (RAND_bytes(key_.data(), static_cast<int>(key_.size())) != 1) std::terminate();
}

TokenSeal::Mark TokenSeal::mark(std::string_view device, std::string_view token) const {
  std::string text(device);
  text.push_back('\0');  // in no id
  text.append(token);
  Mark mark{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), mark.data(), &size);
  OPENSSL_cleanse(text.data(), text.size());
  return mark;
}

bool TokenSeal::equal(const Mark& a, const Mark& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace sluice::device
