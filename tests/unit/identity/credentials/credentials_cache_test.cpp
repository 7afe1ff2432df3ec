// The cache in virtual time: when it asks AWS, what it serves while AWS is away, what it says when it has
// nothing.
#include "identity/credentials_cache.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/identity/credentials/credentials_house.hpp"

namespace sluice::identity {
namespace {

using test::House;
using test::ScriptedProvider;

aws::Error away(std::string text = "GET https://p: no TCP connection") {
  return {aws::Error::Kind::network, 0, {}, std::move(text), {}};
}

class CredentialsCacheTest : public testing::Test {
 protected:
  // What is answered by the time the loop is quiet.
  std::optional<result<aws::TemporaryCredentials>> get(const std::string& identity = "") {
    auto answer = std::make_shared<std::optional<result<aws::TemporaryCredentials>>>();
    cache.get(identity, [answer](result<aws::TemporaryCredentials> given) { *answer = std::move(given); });
    house.settle();
    return *answer;
  }
  std::string key(const std::string& identity = "") {
    const auto answer = get(identity);
    if (!answer) return "nothing";
    return *answer ? (*answer)->credentials.access_key_id : "error: " + answer->error().text;
  }
  errc code(const std::string& identity = "") {
    const auto answer = get(identity);
    return answer && answer->has_error() ? answer->error().code : errc{};
  }

  House house;
  ScriptedProvider aws{house.loop, house.clock};
  CredentialsCache cache{house.clock, aws, house.source_of(), house.log()};
};

TEST_F(CredentialsCacheTest, AsksAwsOnceAndServesFromMemory) {
  EXPECT_EQ(key(), "ASIA1");
  for (int i = 0; i < 100; ++i) EXPECT_EQ(key(), "ASIA1");
  EXPECT_EQ(aws.asked.size(), 1U);
  EXPECT_EQ(aws.asked[0].role_alias, "role-gw");
  EXPECT_EQ(aws.asked[0].identity.thing, "gw-1");
}

TEST_F(CredentialsCacheTest, KeepsIdentitiesApart) {
  EXPECT_EQ(key(), "ASIA1");
  EXPECT_EQ(key("dev-1"), "ASIA2");
  EXPECT_EQ(key(), "ASIA1");
  EXPECT_EQ(aws.asked[1].role_alias, "role-dev");
}

TEST_F(CredentialsCacheTest, FetchesOnceForAllWhoWait) {
  aws.holds = true;
  int answered = 0;
  for (int i = 0; i < 50; ++i) {
    cache.get("", [&](const result<aws::TemporaryCredentials>& given) { answered += given ? 1 : 0; });
  }
  house.settle();
  EXPECT_EQ(aws.asked.size(), 1U);
  aws.answer_next();
  house.settle();
  EXPECT_EQ(answered, 50);
}

TEST_F(CredentialsCacheTest, LetsNoMoreThan64Wait) {
  aws.holds = true;
  int full = 0, good = 0;
  for (int i = 0; i < 70; ++i) {
    cache.get("", [&](const result<aws::TemporaryCredentials>& given) {
      (given ? good : full) += given || given.error().code == errc::full ? 1 : 0;
    });
  }
  EXPECT_EQ(full, 6);
  aws.answer_next();
  house.settle();
  EXPECT_EQ(good, 64);
}

TEST_F(CredentialsCacheTest, RenewsFiveMinutesBeforeAnHourIsOver) {
  EXPECT_EQ(renewal_margin(1h), 5min);
  EXPECT_EQ(renewal_margin(15min), 90s);
  key();
  key();
  house.pass(54min + 59s);
  EXPECT_EQ(aws.asked.size(), 1U);
  house.pass(2s);
  EXPECT_EQ(aws.asked.size(), 2U);
  EXPECT_EQ(key(), "ASIA2");
}

TEST_F(CredentialsCacheTest, LetsLapseWhatNobodyAsksForAndFetchesAgainLater) {
  key();
  house.pass(10h);
  EXPECT_EQ(aws.asked.size(), 1U);
  EXPECT_EQ(key(), "ASIA2");
}

TEST_F(CredentialsCacheTest, AFirstQuestionInsideTheMarginIsAnsweredAtOnceAndRenewsBeside) {
  key();
  house.pass(56min);
  aws.holds = true;
  EXPECT_EQ(key(), "ASIA1");
  EXPECT_EQ(aws.asked.size(), 2U);
  aws.answer_next();
  house.settle();
  EXPECT_EQ(key(), "ASIA2");
}

TEST_F(CredentialsCacheTest, ServesWhatItHasWhileAwsIsAwayUntilItExpires) {
  key();
  key();
  aws.fails = away();
  house.pass(59min);
  EXPECT_EQ(key(), "ASIA1");
  EXPECT_TRUE(house.logged("no TCP connection"));
  EXPECT_EQ(house.times_logged("no temporary credentials for the gateway"), 1) << "once, not at each try";
  house.pass(61s);
  EXPECT_EQ(code(), errc::unreachable);
  aws.fails.reset();
  house.pass(3min);
  EXPECT_EQ(key(), "ASIA2");
  EXPECT_TRUE(house.logged("again"));
}

TEST_F(CredentialsCacheTest, TriesAgainWithBackOffWhileAwsIsAway) {
  key();
  key();
  aws.fails = away();
  for (int i = 0; i < 60 * 60; ++i) house.pass(1s);
  const auto tries = aws.asked.size() - 1;
  EXPECT_GE(tries, 4U);  // in five minutes of margin
  EXPECT_LE(tries, 60U);
  house.pass(2h);  // nobody asks: it does not go on for ever
  EXPECT_EQ(aws.asked.size() - 1, tries);
}

TEST_F(CredentialsCacheTest, AThousandQuestionsWhileAwsIsAwayAreFewCalls) {
  aws.fails = away();
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(code(), errc::unreachable);
  EXPECT_EQ(aws.asked.size(), 1U);
  const auto answer = get();
  EXPECT_NE(answer->error().text.find("no TCP connection"), std::string::npos);
  EXPECT_NE(answer->error().text.find("asked again in at most"), std::string::npos);
}

TEST_F(CredentialsCacheTest, KeepsToWhatAThrottlingAwsAskedFor) {
  aws.fails = aws::Error{aws::Error::Kind::throttled, 429, {}, "HTTP 429", std::chrono::seconds(30)};
  EXPECT_EQ(code(), errc::throttled);
  aws.fails.reset();
  house.pass(29s);
  EXPECT_EQ(code(), errc::throttled);
  house.pass(2s);
  EXPECT_EQ(key(), "ASIA1");
}

TEST_F(CredentialsCacheTest, ForgetsWhatItHasWhenAwsRefuses) {
  key();
  house.pass(56min);
  aws.fails = aws::Error{aws::Error::Kind::denied, 403, {}, "HTTP 403; check the role", {}};
  EXPECT_EQ(key(), "ASIA1");  // asked beside
  const auto answer = get();
  ASSERT_TRUE(answer && answer->has_error());
  EXPECT_EQ(answer->error().code, errc::denied);
  EXPECT_NE(answer->error().text.find("check the role"), std::string::npos);
}

TEST_F(CredentialsCacheTest, GivesNothingOfAnIdentityThatHasGone) {
  EXPECT_EQ(key("dev-1"), "ASIA1");
  house.identities.erase("dev-1");
  EXPECT_EQ(code("dev-1"), errc::not_found);
  house.identities["dev-1"] = house.identities[""];
  EXPECT_EQ(key("dev-1"), "ASIA2") << "not what was cached before";
}

TEST_F(CredentialsCacheTest, GivesNothingOfTheRoleBefore) {
  EXPECT_EQ(key(), "ASIA1");
  house.identities[""].role_alias = "other";
  EXPECT_EQ(key(), "ASIA2");
  EXPECT_EQ(aws.asked[1].role_alias, "other");
}

TEST_F(CredentialsCacheTest, AnAnswerThatWasAskedBeforeTheChangeIsNotTaken) {
  aws.holds = true;
  std::optional<errc> first;
  cache.get("", [&](const result<aws::TemporaryCredentials>& given) { first = given.error().code; });
  cache.forget("");
  EXPECT_EQ(first, errc::refused);
  aws.answer_next();
  house.settle();
  aws.holds = false;
  EXPECT_EQ(key(), "ASIA2");
}

TEST_F(CredentialsCacheTest, UsesTheCertificateOfTheDay) {
  key();
  house.identities[""].identity.tls.certificate_pem = "rotated";
  key();
  house.pass(56min);
  EXPECT_EQ(aws.asked.back().identity.tls.certificate_pem, "rotated");
}

TEST_F(CredentialsCacheTest, WaitsForAPlausibleClock) {
  house.clock.set_plausible(false);
  EXPECT_EQ(code(), errc::unauthorized);
  EXPECT_TRUE(aws.asked.empty());
  house.clock.set_plausible(true);
  EXPECT_EQ(key(), "ASIA1");
}

TEST_F(CredentialsCacheTest, CredentialsThatHaveExpiredAlreadySayThatTheClockIsWrong) {
  aws.life = std::chrono::seconds(-5);
  EXPECT_NE(key().find("set the clock"), std::string::npos);
}

TEST_F(CredentialsCacheTest, IsBoundedInIdentities) {
  for (int i = 0; i < 1001; ++i) house.identities[std::to_string(i)] = house.identities[""];
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(code(std::to_string(i)), errc{}) << i;
  EXPECT_EQ(code("1000"), errc::full);
  house.pass(2h);
  EXPECT_EQ(code("1000"), errc{});
}

TEST_F(CredentialsCacheTest, StatusTellsNoSecret) {
  key();
  aws.fails = away();
  key("dev-1");
  const auto text = cache.status().dump();
  EXPECT_EQ(text.find("secret-"), std::string::npos);
  EXPECT_EQ(text.find("session-"), std::string::npos);
  EXPECT_EQ(cache.status().size(), 2U);
  EXPECT_NE(cache.status()[1]["error"], "");
}

}  // namespace
}  // namespace sluice::identity
