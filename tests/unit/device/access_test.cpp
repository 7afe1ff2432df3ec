#include "device/access.hpp"

#include <gtest/gtest.h>

namespace sluice::device {
namespace {

TEST(FilterCovers, HoldsForWhatMatchesLessOrTheSame) {
  const std::pair<const char*, const char*> covered[] = {
      {"#", "#"},           {"#", "a/b"},     {"#", "+/x"},       {"#", "a/#"},       {"a/#", "a"},
      {"a/#", "a/b/c"},     {"a/#", "a/+"},   {"a/#", "a/+/#"},   {"+", "a"},         {"+", "+"},
      {"+/+", "a/+"},       {"+/b", "a/b"},   {"a/+/c", "a/b/c"}, {"a/+/#", "a/b/#"}, {"a/+/#", "a/b"},
      {"$SYS/#", "$SYS/x"}, {"a//c", "a//c"}, {"+/#", "/x"},
  };
  for (const auto& [allowed, requested] : covered)
    EXPECT_TRUE(filter_covers(allowed, requested)) << allowed << " : " << requested;
}

TEST(FilterCovers, FailsForWhatMatchesMore) {
  const std::pair<const char*, const char*> not_covered[] = {
      {"a", "+"},        {"a", "#"},           {"a/b", "a"},          {"a", "a/b"},         {"+", "#"},
      {"+", "a/b"},      {"+/+", "#"},         {"a/+", "a/#"},        {"a/+", "a"},         {"a/+/#", "a/#"},
      {"a/+/#", "a"},    {"d/t1/#", "d/t2/x"}, {"d/t1/#", "d/#"},     {"d/t1/#", "+/t1/x"}, {"#", "$SYS/#"},
      {"+/x", "$SYS/x"}, {"a/#", "#"},         {"d/t1/#", "d/t10/x"},
  };
  for (const auto& [allowed, requested] : not_covered) {
    EXPECT_FALSE(filter_covers(allowed, requested)) << allowed << " : " << requested;
  }
}

Access access_of(std::vector<std::string> publish, std::vector<std::string> subscribe,
                 const char* device = "t1") {
  ProductOptions product;
  product.name = "thermo";
  product.may_publish = std::move(publish);
  product.may_subscribe = std::move(subscribe);
  return Access::make(product, device).value();
}

TEST(Access, IsNothingWhereTheProductSaysNothing) {
  const auto access = access_of({}, {});
  EXPECT_FALSE(access.may_publish("a"));
  EXPECT_FALSE(access.may_subscribe("a"));
  EXPECT_FALSE(access.may_receive("a"));
}

TEST(Access, FillsInDeviceAndProduct) {
  const auto access = access_of({"{product}/{device}/+"}, {"cmd/{device}/#"});
  EXPECT_TRUE(access.may_publish("thermo/t1/temp"));
  EXPECT_FALSE(access.may_publish("thermo/t2/temp"));
  EXPECT_FALSE(access.may_publish("thermo/t1"));
  EXPECT_FALSE(access.may_publish("thermo/{device}/temp"));
  EXPECT_TRUE(access.may_subscribe("cmd/t1/#"));
  EXPECT_FALSE(access.may_subscribe("cmd/#"));
  EXPECT_TRUE(access.may_receive("cmd/t1/reboot"));
  EXPECT_FALSE(access.may_receive("cmd/t2/reboot"));
}

TEST(Access, JudgesASharedSubscriptionByItsInnerFilter) {
  const auto access = access_of({}, {"jobs/+"});
  EXPECT_TRUE(access.may_subscribe("$share/workers/jobs/+"));
  EXPECT_FALSE(access.may_subscribe("$share/workers/#"));
  EXPECT_FALSE(access.may_subscribe("$share/jobs/+"));
  EXPECT_FALSE(access.may_subscribe("$share/"));
}

TEST(Access, RefusesValuesThatWouldBeWildcards) {
  ProductOptions product;
  product.name = "thermo";
  product.may_publish = {"d/{device}/#"};
  for (const char* id : {"+", "#", "a/b", "a#", "", "a b", "a\n", "{device}", "ä"}) {
    EXPECT_FALSE(Access::make(product, id).has_value()) << id;
  }
  product.name = "+";
  EXPECT_FALSE(Access::make(product, "t1").has_value());
}

TEST(Access, NamesTheFilterThatIsNone) {
  ProductOptions product;
  product.name = "thermo";
  product.may_publish = {"d/{devcie}/#"};
  const auto access = Access::make(product, "t1");
  ASSERT_FALSE(access.has_value());
  EXPECT_NE(access.error().text.find("d/{devcie}/#"), std::string::npos);
}

TEST(AllowedTopics, RemembersTheLastFewAndNothingElse) {
  AllowedTopics topics;
  EXPECT_FALSE(topics.has(""));
  topics.add("a");
  EXPECT_TRUE(topics.has("a"));
  for (const char* t : {"b", "c", "d", "e"}) topics.add(t);
  EXPECT_FALSE(topics.has("a"));
  EXPECT_TRUE(topics.has("e"));
  topics.clear();
  EXPECT_FALSE(topics.has("e"));
}

}  // namespace
}  // namespace sluice::device
