// What is sealed opens for its owner and purpose only; and where the sealing key comes from.
#include "identity/seal.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <set>

#include "identity/sealing_key.hpp"
#include "tests/support/scratch.hpp"

namespace sluice::identity {
namespace {

Seal a_seal(char fill = 'k') { return *Seal::from(std::string(32, fill)); }

TEST(Seal, OpensWhatItClosed) {
  const auto seal = a_seal();
  for (const std::string& secret :
       {std::string(), std::string("x"), std::string(5000, 'y'), std::string("\0\xff", 2)}) {
    const auto sealed = seal.close("m1", "key", secret);
    ASSERT_TRUE(sealed);
    EXPECT_EQ(seal.open("m1", "key", *sealed)->text(), secret);
  }
}

TEST(Seal, IsBoundToOwnerPurposeAndKey) {
  const auto seal = a_seal();
  const auto sealed = *seal.close("m1", "key", "secret");
  EXPECT_FALSE(seal.open("m2", "key", sealed));
  EXPECT_FALSE(seal.open("m1", "token", sealed));
  EXPECT_FALSE(seal.open("m1k", "ey", sealed));
  EXPECT_FALSE(a_seal('o').open("m1", "key", sealed));
}

TEST(Seal, NoticesEveryChange) {
  const auto seal = a_seal();
  const auto sealed = *seal.close("m1", "key", "secret");
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    auto changed = sealed;
    changed[i] = static_cast<char>(changed[i] == 'A' ? 'B' : 'A');
    if (changed != sealed) EXPECT_FALSE(seal.open("m1", "key", changed)) << i;
  }
  for (const auto* text : {"", "AAAA", "no base64!", "===="})
    EXPECT_FALSE(seal.open("m1", "key", text)) << text;
  EXPECT_FALSE(seal.open("m1", "key", sealed.substr(0, sealed.size() - 4)));
}

TEST(Seal, NeverSealsTheSameTextTheSameWay) {
  const auto seal = a_seal();
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) seen.insert(*seal.close("m1", "key", "secret"));
  EXPECT_EQ(seen.size(), 100U);
}

TEST(Seal, WantsThirtyTwoBytes) {
  EXPECT_FALSE(Seal::from(std::string(31, 'x')));
  EXPECT_TRUE(Seal::from(std::string(32, 'x')));
}

class SealingKey : public testing::Test {
 protected:
  std::filesystem::path file() const { return scratch.path() / "seal.key"; }
  result<Seal> load(bool sealed_before = false) { return load_seal(options, scratch.path(), sealed_before); }
  sluice::test::Scratch scratch;
  SealOptions options;
};

TEST_F(SealingKey, IsMadeOnceAndForItsOwnerOnly) {
  const auto first = load();
  ASSERT_TRUE(first) << first.error().text;
  struct stat info{};
  ASSERT_EQ(::stat(file().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0600U);
  const auto sealed = *first->close("m1", "key", "secret");
  EXPECT_EQ(load(true)->open("m1", "key", sealed)->text(), "secret");
}

TEST_F(SealingKey, IsNotMadeAnewWhenSomethingIsSealed) {
  const auto missing = load(true);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, errc::not_found);
  EXPECT_FALSE(std::filesystem::exists(file()));
}

TEST_F(SealingKey, OpenToOthersIsNotUsed) {
  std::ofstream(file()) << std::string(64, 'a');
  ::chmod(file().c_str(), 0640);
  const auto open = load();
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error().code, errc::denied);
  EXPECT_NE(open.error().text.find("chmod 0600"), std::string::npos) << open.error().text;
}

TEST_F(SealingKey, ComesFromASystemdCredential) {
  options.with = SealOptions::With::credential;
  ::unsetenv("CREDENTIALS_DIRECTORY");
  const auto none = load();
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().text.find("LoadCredential"), std::string::npos);
  ::setenv("CREDENTIALS_DIRECTORY", scratch.path().c_str(), 1);
  std::ofstream(scratch.path() / "sluice-seal") << std::string(40, 'c') << "\n";
  const auto seal = load();
  ::unsetenv("CREDENTIALS_DIRECTORY");
  ASSERT_TRUE(seal) << seal.error().text;
  EXPECT_TRUE(Seal::from(std::string(40, 'c'))->open("m1", "key", *seal->close("m1", "key", "secret")));
}

TEST_F(SealingKey, ATpmThatIsNotThereIsSaidInWords) {
  options.with = SealOptions::With::tpm;
  options.tpm = "device:" + (scratch.path() / "no-tpm").string();
  const auto none = load();
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().text.find(options.tpm), std::string::npos) << none.error().text;
}

}  // namespace
}  // namespace sluice::identity
