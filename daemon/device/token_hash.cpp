#include "device/token_hash.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <charconv>
#include <optional>

namespace sluice::device {
namespace {

constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kHashBytes = 32;
constexpr unsigned kR = 8, kP = 1;

std::string to_base64(std::string_view raw) {
  std::string text((raw.size() + 2) / 3 * 4 + 1, '\0');
  const int n =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<const unsigned char*>(raw.data()), static_cast<int>(raw.size()));
  text.resize(static_cast<std::size_t>(n));
  while (!text.empty() && text.back() == '=') text.pop_back();
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.empty() || text.size() > 128 || text.size() % 4 == 1 || text.find('=') != text.npos) return {};
  std::string padded(text);
  while (padded.size() % 4 != 0) padded.push_back('=');
  std::string raw(padded.size() / 4 * 3, '\0');
  const int n =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(raw.data()),
                      reinterpret_cast<const unsigned char*>(padded.data()), static_cast<int>(padded.size()));
  if (n < 0) return {};
  raw.resize(text.size() * 3 / 4);
  return raw;
}

struct Parts {
  unsigned ln = 0, r = 0, p = 0;
  std::string salt, hash;
};

bool take(std::string_view& rest, std::string_view word) {
  if (!rest.starts_with(word)) return false;
  rest.remove_prefix(word.size());
  return true;
}

bool take_number(std::string_view& rest, unsigned& value) {
  const auto [end, ec] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
  if (ec != std::errc{}) return false;
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  return true;
}

std::optional<Parts> parse(std::string_view rest) {
  Parts parts;
  if (!take(rest, "$scrypt$ln=") || !take_number(rest, parts.ln) || !take(rest, ",r=") ||
      !take_number(rest, parts.r) || !take(rest, ",p=") || !take_number(rest, parts.p) || !take(rest, "$")) {
    return {};
  }
  // Bounds, because a hash from a config file must not make a check cost a gigabyte.
  if (parts.ln < 10 || parts.ln > 16 || parts.r != 8 || parts.p < 1 || parts.p > 4) return {};
  const auto dollar = rest.find('$');
  if (dollar == rest.npos) return {};
  auto salt = from_base64(rest.substr(0, dollar));
  auto hash = from_base64(rest.substr(dollar + 1));
  if (!salt || !hash || salt->size() < 8 || hash->size() != kHashBytes) return {};
  parts.salt = std::move(*salt);
  parts.hash = std::move(*hash);
  return parts;
}

bool derive(std::string_view token, const Parts& parts, std::array<unsigned char, kHashBytes>& out) {
  const std::uint64_t n = std::uint64_t{1} << parts.ln;
  const std::uint64_t memory = 128 * parts.r * (n + parts.p + 2) + (1 << 20);
  return EVP_PBE_scrypt(token.data(), token.size(), reinterpret_cast<const unsigned char*>(parts.salt.data()),
                        parts.salt.size(), n, parts.r, parts.p, memory, out.data(), out.size()) == 1;
}

std::string format(unsigned ln, std::string_view salt, std::string_view hash) {
  return "$scrypt$ln=" + std::to_string(ln) + ",r=8,p=1$" + to_base64(salt) + "$" + to_base64(hash);
}

}  // namespace

std::string hash_token(std::string_view token, unsigned ln) {
  Parts parts{.ln = ln, .r = kR, .p = kP, .salt = std::string(kSaltBytes, '\0'), .hash = {}};
  std::array<unsigned char, kHashBytes> hash{};
  if (RAND_bytes(reinterpret_cast<unsigned char*>(parts.salt.data()), kSaltBytes) != 1) return {};
  if (!derive(token, parts, hash)) return {};
  return format(ln, parts.salt, {reinterpret_cast<const char*>(hash.data()), hash.size()});
}

bool valid_token_hash(std::string_view hash) { return parse(hash).has_value(); }

bool token_matches(std::string_view token, std::string_view hash) {
  const auto parts = parse(hash);
  std::array<unsigned char, kHashBytes> derived{};
  if (!parts || !derive(token, *parts, derived)) return false;
  return CRYPTO_memcmp(derived.data(), parts->hash.data(), kHashBytes) == 0;
}

std::string unmatchable_token_hash(unsigned ln) {
  return format(ln, std::string(kSaltBytes, 's'), std::string(kHashBytes, '\0'));
}

}  // namespace sluice::device
