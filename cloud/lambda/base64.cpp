#include "cloud/lambda/base64.hpp"

#include <openssl/evp.h>

#include <cstddef>

namespace sluice::lambda {

std::optional<std::string> from_base64(std::string_view text) {
  if (text.empty()) return std::string();
  if (text.size() % 4 != 0) return {};
  std::string raw(text.size() / 4 * 3, '\0');
  const int n =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(raw.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (n < 0) return {};
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  raw.resize(static_cast<std::size_t>(n) - padding);
  return raw;
}

}  // namespace sluice::lambda
