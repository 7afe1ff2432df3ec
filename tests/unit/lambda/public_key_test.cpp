// Which signing requests are taken, and whose key they are about.
#include "cloud/lambda/public_key.hpp"

#include <gtest/gtest.h>

#include "tests/unit/lambda/keys.hpp"

namespace sluice::lambda {
namespace {

TEST(PublicKey, TakesTheKeysThatAwsIotTakes) {
  for (const char* kind : {"P-256", "P-384", "P-521", "RSA-2048", "RSA-3072"}) {
    const auto hash = key_hash_of_csr(test::make_csr(kind));
    ASSERT_TRUE(hash) << kind << ": " << hash.error().text;
    EXPECT_EQ(hash->size(), 64U);
  }
}

TEST(PublicKey, SaysWhyItTakesNoOthers) {
  const auto why = [](const std::string& csr) {
    const auto hash = key_hash_of_csr(csr);
    return hash ? "taken" : hash.error().text;
  };
  EXPECT_NE(why(test::make_csr("RSA-1024")).find("1024 bits"), std::string::npos);
  EXPECT_NE(why(test::make_csr("P-224")).find("P-256"), std::string::npos);
  EXPECT_NE(why(test::make_csr("ED25519")).find("neither EC nor RSA"), std::string::npos);
  EXPECT_NE(why(test::make_forged_csr()).find("not signed by its own key"), std::string::npos);
  EXPECT_NE(why("").find("no PEM"), std::string::npos);
  EXPECT_NE(why(test::make_certificate("a")).find("no PEM"), std::string::npos);
  EXPECT_NE(why(std::string(5000, 'x')).find("4096"), std::string::npos);
}

TEST(PublicKey, TwoRequestsOfOneKeyHaveOneHash) {
  const auto csr = test::make_csr();
  EXPECT_EQ(*key_hash_of_csr(csr), *key_hash_of_csr(csr));
  EXPECT_NE(*key_hash_of_csr(csr), *key_hash_of_csr(test::make_csr()));
}

TEST(PublicKey, ReadsTheOneCommonNameOfACertificate) {
  EXPECT_EQ(*common_name_of_certificate(test::make_certificate("gw-1")), "gw-1");
  EXPECT_FALSE(common_name_of_certificate(test::make_certificate("")));
  EXPECT_FALSE(common_name_of_certificate(test::make_certificate("a", "b")));
  EXPECT_FALSE(common_name_of_certificate("no certificate"));
  EXPECT_TRUE(key_hash_of_certificate(test::make_certificate("gw-1")));
}

}  // namespace
}  // namespace sluice::lambda
