#include "plugins/smp/mcuboot_image.hpp"

#include <gtest/gtest.h>

#include "smp/image_maker.hpp"

namespace sluice::smp {
namespace {

TEST(McubootImage, ReadsVersionAndHash) {
  const auto file = smp_device::make_image({1, 2, 3, 4}, 5000, 7);
  EXPECT_EQ(file.size(), 5000U);
  const auto image = image_of(file);
  ASSERT_TRUE(image) << image.error().text;
  EXPECT_EQ(to_string(image->version), "1.2.3.4");
  EXPECT_TRUE(hash_is_true(file, *image));
  EXPECT_NE(image->hash, sha256(file));
}

TEST(McubootImage, SeesEveryDamagedByte) {
  auto file = smp_device::make_image({1, 0, 0, 0}, 200, 7);
  for (std::size_t i = 0; i < file.size(); ++i) {
    file[i] = static_cast<char>(file[i] ^ 0x10);
    const auto image = image_of(file);
    EXPECT_FALSE(image && hash_is_true(file, *image)) << i;
    file[i] = static_cast<char>(file[i] ^ 0x10);
  }
}

TEST(McubootImage, RefusesAFileThatEndsEarly) {
  const auto file = smp_device::make_image({1, 0, 0, 0}, 200, 7);
  for (std::size_t size = 0; size < file.size(); ++size) EXPECT_FALSE(image_of(file.substr(0, size))) << size;
  EXPECT_TRUE(image_of(file + "behind"));
}

}  // namespace
}  // namespace sluice::smp
