#include "core/topic_template.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

std::string rendered(std::string_view text, std::size_t wildcards = 9) {
  const auto parsed = TopicTemplate::parse(text, kRoutePlaceholders, wildcards);
  if (!parsed) return "error: " + parsed.error().text;
  const std::array<std::string_view, 4> values = {"dev", "prod", "gw", "a/b"};
  const std::array<std::string_view, 9> levels = {"l1", "l2", "l3", "l4", "l5", "l6", "l7", "l8", "l9"};
  std::string out;
  parsed->render(values, levels, out);
  return out;
}

TEST(ATopicTemplate, PutsEachPlaceholderInItsPlace) {
  EXPECT_EQ(rendered("x/{device}/{product}-{gateway}/{topic}/{1}{9}"), "x/dev/prod-gw/a/b/l1l9");
  EXPECT_EQ(rendered("plain/topic"), "plain/topic");
  EXPECT_EQ(rendered(""), "");
}

TEST(ATopicTemplate, SaysWhichPlaceholdersThereAre) {
  EXPECT_EQ(rendered("x/{devcie}", 1),
            "error: unknown placeholder {devcie}; allowed: {device} {product} {gateway} {topic} {1}");
  EXPECT_EQ(rendered("{2}", 1).substr(0, 28), "error: unknown placeholder {");
  EXPECT_EQ(rendered("{0}").substr(0, 6), "error:");
  EXPECT_EQ(rendered("{10}").substr(0, 6), "error:");
  EXPECT_EQ(rendered("{}").substr(0, 6), "error:");
}

TEST(ATopicTemplate, RefusesABraceWithoutItsPartner) {
  for (const auto* text : {"{device", "device}", "a}b{", "{"})
    EXPECT_NE(rendered(text).find("brace"), std::string::npos) << text;
}

TEST(ATopicTemplate, KnowsWhatIsFixed) {
  const auto parsed = TopicTemplate::parse("a/{device}/b/", kRoutePlaceholders);
  ASSERT_TRUE(parsed);
  EXPECT_FALSE(parsed->constant());
  EXPECT_EQ(parsed->literal_bytes(), 5U);
  EXPECT_EQ(parsed->literal_slashes(), 3U);
  EXPECT_TRUE(TopicTemplate::parse("a/b", kRoutePlaceholders)->constant());
}

std::vector<std::string> captured(std::string_view filter, std::string_view topic) {
  std::array<std::string_view, kMaxWildcards> levels{};
  const auto count = capture_wildcards(filter, topic, levels);
  return {levels.begin(), levels.begin() + static_cast<std::ptrdiff_t>(count)};
}

TEST(Wildcards, TakeALevelEachAndTheRest) {
  using V = std::vector<std::string>;
  EXPECT_EQ(captured("d/+/temp", "d/7/temp"), (V{"7"}));
  EXPECT_EQ(captured("+/x/+/#", "a/x/b/c/d"), (V{"a", "b", "c/d"}));
  EXPECT_EQ(captured("#", "a/b"), (V{"a/b"}));
  EXPECT_EQ(captured("a/#", "a"), (V{""}));
  EXPECT_EQ(captured("a/+/", "a//"), (V{""}));
  EXPECT_EQ(captured("a/b", "a/b"), (V{}));
}

TEST(Wildcards, AreNoMoreThanNine) {
  EXPECT_EQ(captured("+/+/+/+/+/+/+/+/+/+/+", "1/2/3/4/5/6/7/8/9/10/11").size(), 9U);
  EXPECT_EQ(wildcard_count("+/+/+/+/+/+/+/+/+/+/#"), 11U);
  EXPECT_EQ(wildcard_count("a/+b/#"), 1U);
  EXPECT_EQ(wildcard_count("+"), 1U);
  EXPECT_EQ(wildcard_count("a/+"), 1U);
}

}  // namespace
}  // namespace sluice
