// What sluicectl reads of an import, and what it shows of identities.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "ctl/commands.hpp"
#include "ctl/token_list.hpp"

namespace sluice::ctl {
namespace {

using json = nlohmann::json;

std::string problems_of(std::string_view csv, std::string_view product = "") {
  std::string all;
  for (const auto& problem : read_token_list(csv, product).problems) all += problem + "\n";
  return all;
}

TEST(TokenList, ReadsThreeColumns) {
  const auto list = read_token_list("m1,token-1,meter\nm2,token-2,meter\r\n", "");
  ASSERT_TRUE(list.problems.empty());
  ASSERT_EQ(list.devices.size(), 2U);
  EXPECT_EQ(list.devices[1].productid, "m2");
  EXPECT_EQ(list.devices[1].token, "token-2");
  EXPECT_EQ(list.devices[1].product, "meter");
  EXPECT_EQ(list.devices[1].line, 2U);
}

TEST(TokenList, FindsItsColumnsByTheHeader) {
  const auto list = read_token_list("\xef\xbb\xbfregion,accessToken,product,productid\neu,t,meter,m1\n", "");
  ASSERT_TRUE(list.problems.empty());
  ASSERT_EQ(list.devices.size(), 1U);
  EXPECT_EQ(list.devices[0].productid, "m1");
  EXPECT_EQ(list.devices[0].token, "t");
}

TEST(TokenList, TakesTheProductOfTheOptionWhereThereIsNone) {
  const auto list = read_token_list("productid,accessToken\nm1,t\n", "meter");
  ASSERT_TRUE(list.problems.empty());
  EXPECT_EQ(list.devices.at(0).product, "meter");
  EXPECT_NE(problems_of("m1,t\n").find("line 1: no product"), std::string::npos);
}

TEST(TokenList, UnderstandsQuotes) {
  const auto list = read_token_list("m1,\"a,\"\"b\"\"\n c\",meter\nm2,t,meter\n", "");
  ASSERT_TRUE(list.problems.empty());
  EXPECT_EQ(list.devices.at(0).token, "a,\"b\"\n c");
  EXPECT_EQ(list.devices.at(1).line, 3U);
  EXPECT_NE(problems_of("m1,\"open,meter\n").find("does not end"), std::string::npos);
}

TEST(TokenList, SaysEveryMistakeWithItsLineAndNoToken) {
  const auto problems =
      problems_of("m1,secret-1,meter\nm 2,secret-2,meter\nm1,secret-3,meter\nm4,,meter\n\nm5,secret-5\n");
  EXPECT_NE(problems.find("line 2: a productid"), std::string::npos) << problems;
  EXPECT_NE(problems.find("line 3: m1 is there twice"), std::string::npos) << problems;
  EXPECT_NE(problems.find("line 4: an access token"), std::string::npos) << problems;
  EXPECT_NE(problems.find("line 6: no product"), std::string::npos) << problems;
  EXPECT_EQ(problems.find("secret"), std::string::npos) << problems;
}

TEST(TokenList, AnEmptyFileIsAMistake) {
  EXPECT_NE(problems_of("").find("no devices"), std::string::npos);
  EXPECT_NE(problems_of("productid,accessToken,product\n").find("no devices"), std::string::npos);
}

TEST(TokenList, BoundsItsComplaints) {
  std::string csv;
  for (int i = 0; i < 1000; ++i) csv += "?,,\n";
  EXPECT_EQ(read_token_list(csv, "").problems.size(), 20U);
}

TEST(DevicesText, ShowsIdentities) {
  const auto now = WallTime(std::chrono::milliseconds(1'800'000'000'000));
  const auto devices = json::array(
      {{{"id", "m1"},
        {"connected", true},
        {"identity",
         {{"state", "active"}, {"certificate_id", std::string(64, 'a')}, {"expires_ms", 1'800'864'000'000}}}},
       {{"id", "m2"}, {"identity", {{"state", "refused"}, {"error", "the service refuses its token"}}}},
       {{"id", "m3"}, {"identity", {{"state", "active"}, {"expires_ms", 2'500'000'000'000}}}},
       {{"id", "m4"}, {"identity", {{"state", "active"}, {"expires_ms", 1'000}}}},
       {{"id", "t1"}}});
  const auto text = devices_text(devices, now);
  EXPECT_NE(text.find("active, expires in 10 days"), std::string::npos) << text;
  EXPECT_NE(text.find("aaaaaaaaaaaa\n"), std::string::npos) << text;
  EXPECT_NE(text.find("refused: the service refuses its token"), std::string::npos) << text;
  EXPECT_NE(text.find("EXPIRED"), std::string::npos) << text;
}

TEST(CommandTable, KnowsIdentities) {
  for (const auto* name : {"provision", "rotate", "revoke", "import"})
    EXPECT_NE(find_command({name, "x"}), nullptr) << name;
  EXPECT_EQ(find_command({"revoke", "x"})->least, 1U);
}

}  // namespace
}  // namespace sluice::ctl
