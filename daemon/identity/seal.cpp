#include "identity/seal.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>

#include <memory>

#include "core/freed.hpp"

namespace sluice::identity {
namespace {

constexpr std::size_t kNonceBytes = 12, kTagBytes = 16;
constexpr char kSealVersion = 1;  // the first byte of what is sealed
constexpr std::size_t kMaxSealed = 64 * 1024;

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, Freed<EVP_CIPHER_CTX_free>>;

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

// Neither part can run into the other: no owner's name contains a zero byte.
std::string bound_to(std::string_view owner, std::string_view purpose) {
  std::string text(owner);
  text.push_back('\0');
  return text.append(purpose);
}

std::string to_base64(std::string_view raw) {
  std::string text(4 * ((raw.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(bytes(text), bytes(raw), static_cast<int>(raw.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

std::string from_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0 || text.size() > kMaxSealed) return {};
  std::string raw(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(bytes(raw), bytes(text), static_cast<int>(text.size()));
  if (size < 0) return {};
  // EVP_DecodeBlock counts the padding as bytes.
  const auto padding = text.ends_with("==") ? 2U : text.ends_with('=') ? 1U : 0U;
  raw.resize(static_cast<std::size_t>(size) - padding);
  // One way to write it only: bits that the last character does not need are not ignored.
  return to_base64(raw) == text ? raw : std::string();
}

Error cannot_open(std::string_view owner, std::string_view purpose) {
  return {errc::corrupt, "the sealed " + std::string(purpose) + " of " + std::string(owner) +
                             " does not open: it was sealed with another key, or changed on the disk"};
}

}  // namespace

Seal::~Seal() { OPENSSL_cleanse(key_.data(), key_.size()); }

result<Seal> Seal::from(std::string_view material) {
  if (material.size() < kKeyBytes) {
    return Error{errc::invalid_argument,
                 "a sealing key needs at least 32 bytes; this one has " + std::to_string(material.size())};
  }
  constexpr std::string_view kInfo = "sluice identity seal 1";
  const std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>> derive(
      EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, nullptr));
  Key key{};
  std::size_t size = key.size();
  if (!derive || EVP_PKEY_derive_init(derive.get()) != 1 ||
      EVP_PKEY_CTX_set_hkdf_md(derive.get(), EVP_sha256()) != 1 ||
      EVP_PKEY_CTX_set1_hkdf_key(derive.get(), bytes(material), static_cast<int>(material.size())) != 1 ||
      EVP_PKEY_CTX_add1_hkdf_info(derive.get(), bytes(kInfo), static_cast<int>(kInfo.size())) != 1 ||
      EVP_PKEY_derive(derive.get(), key.data(), &size) != 1) {
    return Error{errc::io, "OpenSSL cannot derive the sealing key"};
  }
  Seal seal(key);
  OPENSSL_cleanse(key.data(), key.size());
  return seal;
}

result<std::string> Seal::close(std::string_view owner, std::string_view purpose,
                                std::string_view secret) const {
  const auto aad = bound_to(owner, purpose);
  std::string out(1 + kNonceBytes + secret.size() + kTagBytes, kSealVersion);
  auto* nonce = bytes(out) + 1;
  auto* text = nonce + kNonceBytes;
  auto* tag = text + secret.size();
  int size = 0;
  const Cipher cipher(EVP_CIPHER_CTX_new());
  if (!cipher || RAND_bytes(nonce, kNonceBytes) != 1 ||
      EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key_.data(), nonce) != 1 ||
      EVP_EncryptUpdate(cipher.get(), nullptr, &size, bytes(aad), static_cast<int>(aad.size())) != 1 ||
      EVP_EncryptUpdate(cipher.get(), text, &size, bytes(secret), static_cast<int>(secret.size())) != 1 ||
      EVP_EncryptFinal_ex(cipher.get(), text + size, &size) != 1 ||
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, tag) != 1) {
    return Error{errc::io, "OpenSSL cannot seal: no random bytes or no memory"};
  }
  return to_base64(out);
}

result<Secret> Seal::open(std::string_view owner, std::string_view purpose, std::string_view sealed) const {
  auto raw = from_base64(sealed);
  if (raw.size() < 1 + kNonceBytes + kTagBytes || raw[0] != kSealVersion) return cannot_open(owner, purpose);
  const auto aad = bound_to(owner, purpose);
  const auto* nonce = bytes(raw) + 1;
  const auto length = raw.size() - 1 - kNonceBytes - kTagBytes;
  auto* text = bytes(raw) + 1 + kNonceBytes;
  std::string out(length, '\0');
  int size = 0;
  const Cipher cipher(EVP_CIPHER_CTX_new());
  const bool opened =
      cipher && EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key_.data(), nonce) == 1 &&
      EVP_DecryptUpdate(cipher.get(), nullptr, &size, bytes(aad), static_cast<int>(aad.size())) == 1 &&
      EVP_DecryptUpdate(cipher.get(), bytes(out), &size, text, static_cast<int>(length)) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, text + length) == 1 &&
      EVP_DecryptFinal_ex(cipher.get(), bytes(out) + size, &size) == 1;
  if (!opened) {
    wipe(out);
    return cannot_open(owner, purpose);
  }
  return Secret(std::move(out));
}

}  // namespace sluice::identity
