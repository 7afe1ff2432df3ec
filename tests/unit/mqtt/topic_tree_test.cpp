// The subscription tree against the definition of a match, and at the size it must bear.
#include "mqtt/topic_tree.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "mqtt/topic.hpp"

namespace sluice::mqtt {
namespace {

std::size_t matches(TopicTree& tree, std::string_view topic) {
  TopicTree::Matches found;
  tree.match(topic, found);
  return found.plain.size() + found.groups.size();
}

TEST(TopicTree, AgreesWithTheDefinitionOnRandomFilters) {
  std::mt19937 random(7);
  const std::vector<std::string> levels{"a", "b", "", "$x", "+", "long-level-name"};
  const auto path = [&](std::size_t choices) {
    std::string text = levels[random() % choices];
    for (std::size_t more = random() % 4; more > 0; --more) text += "/" + levels[random() % choices];
    return text;
  };
  for (const bool parent : {true, false}) {
    TopicTree tree(parent, 42);
    std::vector<Session> sessions(300);
    std::vector<std::string> filters;
    for (Session& session : sessions) {
      std::string filter = path(levels.size());
      if (random() % 4 == 0) filter = random() % 8 == 0 ? "#" : filter + "/#";
      if (!valid_topic_filter(filter)) filter = "a";
      tree.subscribe(session, filter, {});
      filters.push_back(filter);
    }
    for (int round = 0; round < 2000; ++round) {
      std::string topic = path(4);
      if (random() % 4 == 0) topic += "/long-level-name";
      if (topic.empty()) continue;
      std::size_t expected = 0;
      for (std::size_t i = 0; i < filters.size(); ++i) {
        if (!filters[i].empty() && topic_matches(filters[i], topic, parent)) ++expected;
      }
      ASSERT_EQ(matches(tree, topic), expected) << topic;
      if (round % 10 == 0) {  // subscriptions come and go
        const std::size_t i = random() % sessions.size();
        if (filters[i].empty()) continue;
        EXPECT_TRUE(tree.unsubscribe(sessions[i], filters[i]));
        EXPECT_FALSE(tree.unsubscribe(sessions[i], filters[i]));
        filters[i].clear();
      }
    }
    for (std::size_t i = 0; i < filters.size(); ++i) {
      if (!filters[i].empty()) tree.unsubscribe(sessions[i], filters[i]);
    }
    EXPECT_EQ(tree.size(), 0U);
    EXPECT_EQ(tree.nodes(), 2U) << "nothing is left behind";
  }
}

TEST(TopicTree, BearsAHundredThousandSubscriptions) {
  TopicTree tree(true, 1);
  std::vector<Session> sessions(1000);
  for (int i = 0; i < 100'000; ++i) {
    const std::string filter =
        "site/" + std::to_string(i / 100) + "/dev/" + std::to_string(i % 100) + "/cmd/#";
    tree.subscribe(sessions[static_cast<std::size_t>(i) % sessions.size()], filter, {});
  }
  EXPECT_EQ(tree.size(), 100'000U);
  EXPECT_EQ(matches(tree, "site/123/dev/45/cmd/reboot"), 1U);
  EXPECT_EQ(matches(tree, "site/123/dev/45/temp"), 0U);
}

TEST(TopicTree, TakesTheDeepestTopicWithoutRecursion) {
  TopicTree tree(true, 1);
  Session session;
  std::string filter = "+";
  std::string topic = "x";
  for (std::size_t i = 1; i < kMaxLevels; ++i) {
    filter += "/+";
    topic += "/x";
  }
  tree.subscribe(session, filter, {});
  EXPECT_EQ(matches(tree, topic), 1U);
  EXPECT_EQ(matches(tree, topic + "/x"), 0U);
}

TEST(TopicTree, ReplacesOptionsAndForgetsEmptyGroups) {
  TopicTree tree(true, 1);
  Session a, b;
  SubscriptionOptions one;
  one.qos = 1;
  EXPECT_TRUE(tree.subscribe(a, "$share/g/t", {}));
  EXPECT_FALSE(tree.subscribe(a, "$share/g/t", one));
  EXPECT_TRUE(tree.subscribe(b, "$share/g/t", {}));
  TopicTree::Matches found;
  tree.match("t", found);
  ASSERT_EQ(found.groups.size(), 1U);
  const std::uint32_t id = found.groups[0]->id;
  EXPECT_EQ(found.groups[0]->members[0].options.qos, 1);
  tree.unsubscribe(a, "$share/g/t");
  EXPECT_NE(tree.group(id), nullptr);
  tree.unsubscribe(b, "$share/g/t");
  EXPECT_EQ(tree.group(id), nullptr);
  EXPECT_EQ(tree.nodes(), 2U);
}

}  // namespace
}  // namespace sluice::mqtt
