// Who has a token of the table.
#include "cloud/lambda/token_check.hpp"

#include <gtest/gtest.h>

#include "tests/unit/lambda/world.hpp"

namespace sluice::lambda {
namespace {

using test::kDevice;
using test::kToken;

std::string answer(const Checked& checked) { return checked ? "known" : checked.error().code; }

TEST(TokenCheck, KnowsADeviceByTheHashThatImportersMake) {
  test::World world;
  const auto hash = hash_access_token(kToken);
  EXPECT_TRUE(hash.starts_with("$scrypt$ln=12,r=8,p=1$")) << hash;
  world.change([&](auto& record) { record.token_hash = hash; });
  const auto checked = check_token(world.table, kDevice, kToken, world.log());
  ASSERT_TRUE(checked);
  EXPECT_EQ(checked->product, "thermo");
  EXPECT_EQ(answer(check_token(world.table, kDevice, "guess", world.log())), "Unauthorized");
}

TEST(TokenCheck, ATokenInClearIsNoHashAndMatchesNothing) {
  test::World world;
  for (const char* stored : {kToken, "", "$scrypt$", "$scrypt$ln=30,r=8,p=1$c2FsdHNhbHQ$aGFzaA"}) {
    world.change([&](auto& record) { record.token_hash = stored; });
    EXPECT_EQ(answer(check_token(world.table, kDevice, kToken, world.log())), "Unauthorized") << stored;
  }
  EXPECT_NE(world.logged.find("no hash"), std::string::npos) << "an operator finds out why";
}

TEST(TokenCheck, WhatCanBeNobodysIsRefusedWithoutAskingTheTable) {
  test::World world;
  world.faults.arm(test::Fault::dies_before, 1);
  for (const auto& [device, token] :
       std::vector<std::pair<std::string, std::string>>{{"", kToken},
                                                        {std::string(129, 'a'), kToken},
                                                        {"no/name", kToken},
                                                        {"line\nbreak", kToken},
                                                        {kDevice, ""},
                                                        {kDevice, std::string(1025, 'x')}}) {
    EXPECT_EQ(answer(check_token(world.table, device, token, world.log())), "Unauthorized");
  }
  EXPECT_EQ(world.logged.find("break"), std::string::npos) << "what is no name is not logged";
}

TEST(TokenCheck, ATableThatDoesNotAnswerIsUnavailableAndLogged) {
  test::World world;
  world.faults.arm(test::Fault::fails_before, 1);
  EXPECT_EQ(answer(check_token(world.table, kDevice, kToken, world.log())), "Unavailable");
  EXPECT_NE(world.logged.find("the connection was cut"), std::string::npos);
}

}  // namespace
}  // namespace sluice::lambda
