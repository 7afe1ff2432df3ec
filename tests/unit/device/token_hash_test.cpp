#include "device/token_hash.hpp"

#include <gtest/gtest.h>

namespace sluice::device {
namespace {

TEST(TokenHash, MatchesItsTokenAndNoOther) {
  const auto hash = hash_token("open sesame");
  EXPECT_TRUE(hash.starts_with("$scrypt$ln=14,r=8,p=1$")) << hash;
  EXPECT_TRUE(valid_token_hash(hash));
  EXPECT_TRUE(token_matches("open sesame", hash));
  EXPECT_FALSE(token_matches("open sesam", hash));
  EXPECT_FALSE(token_matches("", hash));
}

TEST(TokenHash, IsSaltedSoThatEqualTokensLookDifferent) { EXPECT_NE(hash_token("x"), hash_token("x")); }

TEST(TokenHash, ChecksAHashMadeByAnotherProgram) {
  // Python: hashlib.scrypt(b"secret", salt=b"0123456789abcdef", n=1<<14, r=8, p=1, dklen=32)
  EXPECT_TRUE(token_matches(
      "secret", "$scrypt$ln=14,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$41uBuEIHgVau41v1q9BTZzisnSi/olB0DbA83e36fiY"));
}

TEST(TokenHash, RefusesWhatIsNotAHash) {
  for (const char* text :
       {"", "secret", "$scrypt$", "$scrypt$ln=14,r=8,p=1$", "$scrypt$ln=14,r=8,p=1$AAAA$AAAA",
        "$scrypt$ln=30,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$2b$12$abcdefghijklmnopqrstuv", "$scrypt$ln=14,r=8,p=1$!!!!MzQ1Njc4OWFiY2RlZg$AAAA"}) {
    EXPECT_FALSE(valid_token_hash(text)) << text;
    EXPECT_FALSE(token_matches("secret", text)) << text;
  }
}

TEST(TokenHash, HasAHashThatNothingMatches) {
  EXPECT_TRUE(valid_token_hash(unmatchable_token_hash()));
  EXPECT_FALSE(token_matches("", unmatchable_token_hash()));
}

}  // namespace
}  // namespace sluice::device
