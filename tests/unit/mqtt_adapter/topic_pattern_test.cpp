// Patterns and templates: what is captured, which filter reaches it, what is refused.
#include "plugins/mqtt/topic_pattern.hpp"

#include <gtest/gtest.h>

#include <array>

#include "mqtt/topic.hpp"
#include "plugins/mqtt/text_template.hpp"

namespace sluice::site {
namespace {

TopicPattern pattern(std::string_view text) {
  auto parsed = TopicPattern::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? *parsed : TopicPattern();
}

std::string captured(const TopicPattern& pattern, std::string_view topic) {
  Captures captures;
  if (!pattern.match(topic, captures)) return "no";
  std::string out;
  for (const auto& [name, value] : captures) out += std::string(name) + "=" + std::string(value) + " ";
  return out;
}

TEST(TopicPattern, CapturesOneLevelAndTheRest) {
  const auto tele = pattern("tele/{name}/{rest#}");
  EXPECT_EQ(captured(tele, "tele/plug-1/SENSOR"), "name=plug-1 rest=SENSOR ");
  EXPECT_EQ(captured(tele, "tele/plug-1/a/b"), "name=plug-1 rest=a/b ");
  EXPECT_EQ(captured(tele, "tele/plug-1"), "no");
  EXPECT_EQ(captured(tele, "tele//x"), "no");
  EXPECT_EQ(captured(tele, "stat/plug-1/x"), "no");
}

TEST(TopicPattern, FindsANameOfSeveralLevelsBeforeALastOne) {
  const auto away = pattern("zigbee2mqtt/{name#}/availability");
  EXPECT_EQ(captured(away, "zigbee2mqtt/kitchen/lamp/availability"), "name=kitchen/lamp ");
  EXPECT_EQ(captured(away, "zigbee2mqtt/lamp/availability"), "name=lamp ");
  EXPECT_EQ(captured(away, "zigbee2mqtt/availability"), "no");
}

TEST(TopicPattern, CapturesInsideALevel) {
  const auto shelly = pattern("shelly-{name}-x/+/state");
  EXPECT_EQ(captured(shelly, "shelly-a8032abe54dc-x/1/state"), "name=a8032abe54dc ");
  EXPECT_EQ(captured(shelly, "shelly--x/1/state"), "no");
  EXPECT_EQ(captured(shelly, "shelly-x/1/state"), "no");
}

TEST(TopicPattern, LeavesTheBrokersOwnTopicsAlone) {
  EXPECT_EQ(captured(pattern("{name}/status/#"), "$SYS/status/x"), "no");
  EXPECT_EQ(captured(pattern("$SYS/broker/{name#}"), "$SYS/broker/uptime"), "name=uptime ");
}

TEST(TopicPattern, GivesTheFilterThatReachesAllOfIt) {
  for (const auto& [text, filter] : {std::pair{"tele/{name}/{rest#}", "tele/+/#"},
                                     {"z/{name#}/availability", "z/#"},
                                     {"shelly-{name}/online", "+/online"},
                                     {"a/+/b", "a/+/b"},
                                     {"#", "#"}}) {
    EXPECT_EQ(pattern(text).filter(), filter);
    EXPECT_TRUE(mqtt::valid_topic_filter(filter));
  }
  EXPECT_EQ(pattern("d/{device}/cmd/{what#}").filter({{"device", "lamp"}}), "d/lamp/cmd/#");
}

TEST(TopicPattern, RefusesWhatCannotBe) {
  for (const auto* text : {"", "a/{name", "a/name}", "a/{Name}", "a/{}", "{a#}/{b#}", "{a}/{a}", "x{a#}",
                           "a+/b", "{a}{b}", "#/#"}) {
    EXPECT_FALSE(TopicPattern::parse(text)) << text;
  }
  EXPECT_FALSE(TopicPattern::parse(std::string(2000, 'a')));
  std::string deep = "a";
  for (int n = 0; n < 40; ++n) deep += "/a";
  EXPECT_FALSE(TopicPattern::parse(deep));
}

TEST(TopicPattern, TakesTopicsOfAnyDepthWithoutHarm) {
  EXPECT_EQ(captured(pattern("a/{rest#}"), std::string(1000, '/')), "no");
  EXPECT_EQ(captured(pattern("a/b"), ""), "no");
}

TEST(TopicPattern, KnowsWhichFilterCoversWhich) {
  EXPECT_TRUE(covers("tele/+/#", "tele/+/LWT"));
  EXPECT_TRUE(covers("#", "a/b"));
  EXPECT_TRUE(covers("a/+", "a/b"));
  EXPECT_TRUE(covers("a/b", "a/b"));
  EXPECT_FALSE(covers("a/b", "a/+"));
  EXPECT_FALSE(covers("a/+", "a/#"));
  EXPECT_FALSE(covers("a/+", "a/b/c"));
  EXPECT_FALSE(covers("+/online", "a/status"));
  EXPECT_FALSE(covers("#", "$SYS/uptime"));
}

TEST(TextTemplate, FillsInOnePass) {
  constexpr std::array<std::string_view, 2> kNames = {"name", "payload"};
  const auto topic = TextTemplate::topic("cmnd/{name}/POWER", kNames);
  ASSERT_TRUE(topic);
  EXPECT_EQ(topic->fill({{"name", "{payload}"}, {"payload", "x"}}), "cmnd/{payload}/POWER");
  EXPECT_FALSE(TextTemplate::topic("cmnd/{nmae}", kNames));
  EXPECT_FALSE(TextTemplate::topic("", kNames));
}

TEST(TextTemplate, LeavesTheBracesOfJsonAlone) {
  constexpr std::array<std::string_view, 2> kNames = {"what", "payload"};
  const auto body = TextTemplate::payload(R"({"{what}": {payload}, "x": {}})", kNames);
  EXPECT_EQ(body.fill({{"what", "state"}, {"payload", "1"}}), R"({"state": 1, "x": {}})");
}

}  // namespace
}  // namespace sluice::site
