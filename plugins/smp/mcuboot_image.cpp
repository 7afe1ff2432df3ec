#include "plugins/smp/mcuboot_image.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

namespace sluice::smp {
namespace {

constexpr std::uint16_t kTlvInfo = 0x6907, kProtectedTlvInfo = 0x6908;
constexpr std::uint16_t kSha256 = 0x10, kSha384 = 0x11, kSha512 = 0x12;
constexpr std::size_t kTlvInfoSize = 4, kTlvSize = 4;

std::uint32_t little(std::string_view bytes, std::size_t at, int width) {
  std::uint32_t n = 0;
  for (int i = width - 1; i >= 0; --i)
    n = (n << 8) | static_cast<std::uint8_t>(bytes[at + static_cast<std::size_t>(i)]);
  return n;
}

Error broken(std::string_view what) {
  return {errc::invalid_argument,
          fmt::format("this is no MCUboot image: {}; give the signed file (imgtool sign)", what)};
}

std::size_t digest_size(std::uint32_t type) {
  return type == kSha256 ? 32 : type == kSha384 ? 48 : type == kSha512 ? 64 : 0;
}

}  // namespace

std::string to_string(const ImageVersion& v) {
  auto text = fmt::format("{}.{}.{}", v.major, v.minor, v.revision);
  if (v.build != 0) text += fmt::format(".{}", v.build);
  return text;
}

result<McubootImage> image_header(std::string_view head) {
  if (head.size() < kImageHeaderSize) return broken("shorter than its header");
  if (little(head, 0, 4) != kImageMagic) return broken("the magic number is another");
  McubootImage image;
  image.header_size = static_cast<std::uint16_t>(little(head, 8, 2));
  image.protected_size = static_cast<std::uint16_t>(little(head, 10, 2));
  image.body_size = little(head, 12, 4);
  image.version = {static_cast<std::uint8_t>(little(head, 20, 1)),
                   static_cast<std::uint8_t>(little(head, 21, 1)),
                   static_cast<std::uint16_t>(little(head, 22, 2)), little(head, 24, 4)};
  if (image.header_size < kImageHeaderSize) return broken("its header says that it is shorter than a header");
  return image;
}

result<McubootImage> image_of(std::string_view file) {
  auto image = image_header(file);
  if (!image) return image;
  std::uint64_t at = std::uint64_t{image->header_size} + image->body_size;
  if (image->protected_size > 0) {
    if (at + kTlvInfoSize > file.size() || little(file, at, 2) != kProtectedTlvInfo)
      return broken("no protected TLVs where they should be");
    at += image->protected_size;
  }
  if (at + kTlvInfoSize > file.size() || little(file, at, 2) != kTlvInfo)
    return broken("no TLVs behind its body");
  const std::uint64_t end = at + little(file, at + 2, 2);
  if (end > file.size()) return broken("it ends before its TLVs end");
  at += kTlvInfoSize;
  while (at + kTlvSize <= end) {
    const std::uint32_t type = little(file, at, 2), length = little(file, at + 2, 2);
    at += kTlvSize;
    if (at + length > end) return broken("a TLV is longer than all of them");
    if (const auto size = digest_size(type); size != 0) {
      if (size != length || !image->hash.empty())
        return broken("its hash is of a wrong length, or there are two");
      image->hash = file.substr(at, length);
    }
    at += length;
  }
  if (image->hash.empty()) return broken("no hash among its TLVs");
  return image;
}

bool hash_is_true(std::string_view file, const McubootImage& image) {
  const std::uint64_t covered = std::uint64_t{image.header_size} + image.body_size + image.protected_size;
  return covered <= file.size() && sha256(file.substr(0, covered)) == image.hash;
}

std::string sha256(std::string_view bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr) != 1) std::terminate();
  return {reinterpret_cast<const char*>(digest), size};
}

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("{:02x}", static_cast<std::uint8_t>(c));
  return out;
}

}  // namespace sluice::smp
