#include "cloud/stack/device_file.hpp"

#include <gtest/gtest.h>

namespace sluice::stack {
namespace {

const std::vector<std::string> kHere = {"eu-west-1"};
const std::string kHeader = "productid,accessToken,product,region\n";

TEST(DeviceFile, ReadsColumnsInAnyOrderWithQuotesAndAByteOrderMark) {
  const auto file = parse_device_file(
      "\xEF\xBB\xBFregion,accessToken,productid\r\n"
      "eu-west-1,\"a,b\"\"c d e f\",gw:1\r\n"
      "\r\n"
      ",12345678,gw_2",
      kHere);
  ASSERT_TRUE(file.problems.empty()) << file.problems[0].text;
  ASSERT_EQ(file.rows.size(), 2U);
  EXPECT_EQ(file.rows[0].productid, "gw:1");
  EXPECT_EQ(file.rows[0].access_token, "a,b\"c d e f");
  EXPECT_EQ(file.rows[0].region, "eu-west-1");
  EXPECT_EQ(file.rows[1].line, 4U);
  EXPECT_EQ(file.rows[1].product, "");
}

TEST(DeviceFile, NamesEveryProblemWithItsLineAndNoToken) {
  const auto file = parse_device_file(kHeader +
                                          "a b,secret-1,,\n"
                                          "ok,secret-2,,\n"
                                          "ok,secret-3,,\n"
                                          "c,short,,\n"
                                          "d,secret-4\x01,,\n"
                                          "e, secret-5,,\n"
                                          "f,secret-6,thermo meter,\n"
                                          "g,secret-7,,us-east-1\n"
                                          "h,secret-8\n"
                                          "i,\"secret-9\"x,,\n",
                                      kHere);
  std::vector<std::size_t> lines;
  for (const auto& problem : file.problems) {
    lines.push_back(problem.line);
    EXPECT_EQ(problem.text.find("secret"), std::string::npos) << problem.text;
  }
  EXPECT_EQ(lines, (std::vector<std::size_t>{2, 4, 5, 6, 7, 8, 9, 10, 11}));
}

TEST(DeviceFile, DoesNotTakeADeviceForAHeader) {
  const auto file = parse_device_file("gw-1,secret-of-it,,\ngw-2,secret-of-it,,\n", kHere);
  ASSERT_FALSE(file.problems.empty());
  EXPECT_TRUE(file.rows.empty());
  for (const auto& problem : file.problems) EXPECT_EQ(problem.text.find("secret"), std::string::npos);
}

TEST(DeviceFile, TakesTokensUpToTheLimitOfTheService) {
  EXPECT_TRUE(parse_device_file(kHeader + "a," + std::string(1024, 'x') + ",,\n", kHere).problems.empty());
  EXPECT_EQ(parse_device_file(kHeader + "a," + std::string(1025, 'x') + ",,\n", kHere).problems.size(), 1U);
}

TEST(DeviceFile, RefusesALineWithoutEnd) {
  const auto file = parse_device_file(kHeader + "a," + std::string(kMostLine, 'x') + ",,\n", kHere);
  ASSERT_EQ(file.problems.size(), 1U);
  EXPECT_EQ(file.problems[0].text, "longer than 4096 bytes");
}

TEST(DeviceFile, RefusesAnEmptyFile) { EXPECT_EQ(parse_device_file("\n\n", kHere).problems.size(), 1U); }

}  // namespace
}  // namespace sluice::stack
