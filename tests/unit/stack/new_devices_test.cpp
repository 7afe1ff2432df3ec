#include "cloud/stack/new_devices.hpp"

#include <gtest/gtest.h>

#include <set>

#include "cloud/stack/device_file.hpp"

namespace sluice::stack {
namespace {

TEST(NewDevices, CanBeImportedAndNoTwoTokensAreTheSame) {
  const auto csv = new_devices_csv({.count = 500, .first = 9990, .prefix = "th-", .product = "thermo"});
  ASSERT_TRUE(csv);
  const auto file = parse_device_file(*csv, {});
  ASSERT_TRUE(file.problems.empty()) << file.problems[0].text;
  ASSERT_EQ(file.rows.size(), 500U);
  EXPECT_EQ(file.rows.front().productid, "th-09990");
  EXPECT_EQ(file.rows.back().productid, "th-10489");
  std::set<std::string> tokens;
  for (const auto& row : file.rows) {
    EXPECT_EQ(row.access_token.size(), 43U);  // 256 bits
    tokens.insert(row.access_token);
  }
  EXPECT_EQ(tokens.size(), 500U);
}

TEST(NewDevices, AreRefusedWhenTheirNamesCouldBeNoThings) {
  EXPECT_FALSE(new_devices_csv({.count = 1, .first = 1, .prefix = "a b", .product = {}}));
  EXPECT_FALSE(new_devices_csv({.count = 1, .first = 1, .prefix = std::string(125, 'a'), .product = {}}));
  EXPECT_FALSE(new_devices_csv({.count = 1, .first = 1, .prefix = "a", .product = "x,y"}));
  EXPECT_FALSE(new_devices_csv({.count = 0, .first = 1, .prefix = "a", .product = {}}));
  EXPECT_FALSE(new_devices_csv({.count = kMostDevices + 1, .first = 1, .prefix = "a", .product = {}}));
}

}  // namespace
}  // namespace sluice::stack
