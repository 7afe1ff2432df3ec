#include "smp/image_maker.hpp"

#include <random>

namespace sluice::smp_device {
namespace {

constexpr std::size_t kTlvs = 4 + 4 + 32;  // info, one TLV's head, SHA-256

void put(std::string& out, std::uint64_t n, int width) {
  for (int i = 0; i < width; ++i) out.push_back(static_cast<char>(n >> (8 * i)));
}

}  // namespace

std::string make_image(smp::ImageVersion version, std::size_t size, std::uint64_t seed) {
  std::string image;
  image.reserve(size);
  put(image, smp::kImageMagic, 4);
  put(image, 0, 4);                      // load address
  put(image, smp::kImageHeaderSize, 2);  // header size
  put(image, 0, 2);                      // protected TLVs
  put(image, size - smp::kImageHeaderSize - kTlvs, 4);
  put(image, 0, 4);  // flags
  put(image, version.major, 1);
  put(image, version.minor, 1);
  put(image, version.revision, 2);
  put(image, version.build, 4);
  put(image, 0, 4);
  std::mt19937_64 noise(seed);
  while (image.size() < size - kTlvs) image.push_back(static_cast<char>(noise()));
  const std::string digest = smp::sha256(image);
  put(image, 0x6907, 2);
  put(image, kTlvs, 2);
  put(image, 0x10, 2);
  put(image, digest.size(), 2);
  return image + digest;
}

}  // namespace sluice::smp_device
