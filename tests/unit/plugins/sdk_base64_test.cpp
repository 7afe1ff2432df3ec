// Base64 as it comes in user properties.
#include <gtest/gtest.h>

#include "device/adapter_contract.hpp"
#include "plugins/sdk/base64.hpp"

namespace sluice::adapter {
namespace {

TEST(Base64, ReadsWhatTheDaemonWrites) {
  for (const auto* text : {"", "a", "ab", "abc", "abcd", "\x01\xff\xfe\x80"}) {
    std::string read;
    EXPECT_TRUE(base64_append(device::base64(text), read));
    EXPECT_EQ(read, text);
  }
  std::string read = "before";
  EXPECT_FALSE(base64_append("YW!", read));
  EXPECT_EQ(read, "before");
}

}  // namespace
}  // namespace sluice::adapter
