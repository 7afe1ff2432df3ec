// What sluicectl says of temporary credentials.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "ctl/commands.hpp"

namespace sluice::ctl {
namespace {

using nlohmann::json;

const WallTime kNow{std::chrono::seconds(1793491200)};

TEST(CredentialsText, TellsWhoMayFetchAndUntilWhen) {
  const auto text =
      credentials_text(json::parse(R"({"uri":"http://127.0.0.1:9911/credentials","listening":true,
      "clients":[{"name":"backup","identity":"","issued_ms":1793491000000,"used_ms":1793491140000},
                 {"name":"report","identity":"dev-1","issued_ms":1793491000000,"used_ms":0}],
      "cached":[{"identity":"","expires_ms":1793494800000,"error":""},
                {"identity":"dev-1","expires_ms":null,"error":"HTTP 403"}],"served":1200,"refused":3})"),
                       kNow);
  for (const auto* part :
       {"backup", "the gateway", "1 min ago", "not since the start", "dev-1", "HTTP 403",
        "2026-11-01 01:00:00 UTC", "at http://127.0.0.1:9911/credentials: 1,200 served, 3 refused"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
}

TEST(CredentialsText, SaysHowToBeginWhenThereIsNothing) {
  const auto text =
      credentials_text(json::parse(R"({"uri":"","listening":false,"clients":[],"cached":[]})"), kNow);
  EXPECT_NE(text.find("sluicectl credentials issue NAME"), std::string::npos) << text;
  EXPECT_NE(text.find("set credentials.listen"), std::string::npos) << text;
}

TEST(CredentialsText, SurvivesAnyAnswer) {
  for (const auto* answer :
       {"{}", "null", "[]", "7", R"({"clients":7,"cached":[1,null],"listening":"x","uri":7})"}) {
    EXPECT_FALSE(credentials_text(json::parse(answer), kNow).empty());
    EXPECT_FALSE(issued_text(json::parse(answer)).empty());
  }
}

TEST(IssuedText, HoldsTheTwoVariablesOfAnSdk) {
  const auto text =
      issued_text({{"name", "backup"}, {"identity", ""}, {"token", "abc"}, {"uri", "http://127.0.0.1:9/c"}});
  EXPECT_NE(text.find("AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:9/c\n"), std::string::npos)
      << text;
  EXPECT_NE(text.find("AWS_CONTAINER_AUTHORIZATION_TOKEN=abc\n"), std::string::npos) << text;
}

TEST(IssuedText, LetsNoControlSequenceThrough) {
  const auto text =
      issued_text({{"name", "a\x1b[2J"}, {"identity", "b\n"}, {"token", "t\x07"}, {"uri", "u\x1b"}});
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('\x07'), std::string::npos);
}

}  // namespace
}  // namespace sluice::ctl
