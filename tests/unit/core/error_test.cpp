#include "core/error.hpp"

#include <gtest/gtest.h>

#include <set>
#include <stdexcept>

namespace sluice {
namespace {

TEST(TheErrorCategory, HasWordsOfItsOwnForEachCode) {
  std::set<std::string> seen;
  for (int value = static_cast<int>(errc::invalid_argument); value <= static_cast<int>(errc::unsupported);
       ++value) {
    const auto text = make_error_code(static_cast<errc>(value)).message();
    EXPECT_EQ(text.find("error "), std::string::npos) << value;
    EXPECT_TRUE(seen.insert(text).second) << text;
  }
}

TEST(TheErrorCategory, NamesACodeThatItDoesNotKnow) {
  EXPECT_EQ(sluice_category().message(999), "error 999");
  EXPECT_STREQ(sluice_category().name(), "sluice");
}

TEST(TheErrorCategory, TakesErrcWhereAnErrorCodeIsWanted) {
  const boost::system::error_code code = errc::disk_full;
  EXPECT_EQ(code, errc::disk_full);
  EXPECT_TRUE(code.failed());
}

TEST(AResult, CarriesTheWordsOfItsError) {
  const result<int> failed = Error{errc::full, "the store is full"};
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, errc::full);
  EXPECT_EQ(failed.error().text, "the store is full");
}

TEST(AResult, ThrowsItsWordsWhenAnErrorIsTakenForAValue) {
  const result<int> failed = Error{errc::io, "cannot read /x"};
  try {
    static_cast<void>(failed.value());
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "cannot read /x");
  }
}

}  // namespace
}  // namespace sluice
