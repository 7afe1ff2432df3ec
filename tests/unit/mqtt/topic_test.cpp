#include "mqtt/topic.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace sluice::mqtt {
namespace {

std::string levels(std::size_t count) {
  std::string text = "a";
  for (std::size_t i = 1; i < count; ++i) text += "/a";
  return text;
}

TEST(TopicName, FollowsTheRules) {
  for (const char* topic :
       {"a", "/", "//", "a/b", "/a", "a/", "a b/ c", "$SYS/x", "\xc3\xa9/\xe6\xb8\xa9", "$"}) {
    EXPECT_TRUE(valid_topic_name(topic)) << topic;
  }
  for (const char* topic : {"", "+", "#", "a/+", "a/#", "a+", "#b", "a/b+c/d"})
    EXPECT_FALSE(valid_topic_name(topic)) << topic;
  using namespace std::string_view_literals;
  EXPECT_FALSE(valid_topic_name("a\0b"sv));
}

TEST(TopicName, FindsAWildcardAnywhere) {
  for (char bad : {'+', '#', '\0'}) {
    for (std::size_t at = 0; at < 100; ++at) {
      std::string topic(100, 'x');
      topic[at] = bad;
      EXPECT_FALSE(valid_topic_name(topic)) << at;
    }
  }
}

TEST(TopicName, IsBounded) {
  EXPECT_TRUE(valid_topic_name(std::string(65535, 'a')));
  EXPECT_FALSE(valid_topic_name(std::string(65536, 'a')));
  EXPECT_TRUE(valid_topic_name(levels(kMaxLevels)));
  EXPECT_FALSE(valid_topic_name(levels(kMaxLevels + 1)));
  EXPECT_FALSE(valid_topic_name(std::string(kMaxLevels, '/')));
  EXPECT_TRUE(valid_topic_name(std::string(kMaxLevels - 1, '/')));
}

TEST(TopicFilter, FollowsTheRulesOfWildcards) {  // [MQTT-4.7.1-1], [MQTT-4.7.1-2]
  for (const char* filter : {"a", "#", "+", "/", "+/+", "/+", "+/", "a/#", "a/+/b", "+/a/#", "sport/tennis/+",
                             "$SYS/#", "a//#", "/#", "+//+", "$share", "$shared/a", "$Share/a"}) {
    EXPECT_TRUE(valid_topic_filter(filter)) << filter;
  }
  for (const char* filter : {"", "a#", "#a", "#/", "#/a", "a/#/b", "a+", "+a", "a/+b", "a/b+", "++", "+#",
                             "##", "a/##", "a/#b", "sport+", "a/+b/c", "/#/"}) {
    EXPECT_FALSE(valid_topic_filter(filter)) << filter;
  }
  EXPECT_FALSE(valid_topic_filter(std::string_view("a\0b", 3)));
}

TEST(TopicFilter, IsBounded) {
  EXPECT_TRUE(valid_topic_filter(std::string(65535, 'a')));
  EXPECT_FALSE(valid_topic_filter(std::string(65536, 'a')));
  EXPECT_TRUE(valid_topic_filter(levels(kMaxLevels)));
  EXPECT_FALSE(valid_topic_filter(levels(kMaxLevels + 1)));
  EXPECT_TRUE(valid_topic_filter("$share/g/" + levels(kMaxLevels)));
  EXPECT_FALSE(valid_topic_filter("$share/g/" + levels(kMaxLevels + 1)));
}

TEST(TopicFilter, KnowsSharedSubscriptions) {  // [MQTT-4.8.2-1], [MQTT-4.8.2-2]
  const auto parts = split_shared("$share/group/a/+/#");
  ASSERT_TRUE(parts);
  EXPECT_EQ(parts->share_name, "group");
  EXPECT_EQ(parts->filter, "a/+/#");
  EXPECT_TRUE(valid_topic_filter("$share/group/a/+/#"));
  EXPECT_EQ(split_shared("$share/g//")->filter, "/");
  for (const char* filter : {"$share/", "$share/g", "$share/g/", "$share//a", "$share/+/a", "$share/#/a",
                             "$share/g+/a", "$share/g/a#", "$share/g/#/a"}) {
    EXPECT_FALSE(valid_topic_filter(filter)) << filter;
    EXPECT_FALSE(split_shared(filter)) << filter;
  }
  for (const char* filter : {"a", "$share", "$shared/g/a", "share/g/a", "/$share/g/a"})
    EXPECT_FALSE(split_shared(filter)) << filter;
}

struct Row {
  const char *filter, *topic;
  bool matches;
};

TEST(TopicMatch, AgreesWithTheSpecificationsExamples) {  // 4.7.1, 4.7.2, 4.7.3
  for (const Row& row : {
           Row{"sport/tennis/player1/#", "sport/tennis/player1", true},
           {"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
           {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
           {"sport/tennis/player1/#", "sport/tennis/player2", false},
           {"sport/#", "sport", true},
           {"#", "a/b/c", true},
           {"#", "/", true},
           {"sport/tennis/+", "sport/tennis/player1", true},
           {"sport/tennis/+", "sport/tennis/player1/ranking", false},
           {"sport/+", "sport", false},
           {"sport/+", "sport/", true},
           {"+/+", "/finance", true},
           {"/+", "/finance", true},
           {"+", "/finance", false},
           {"+", "finance", true},
           {"#", "$SYS/monitor/Clients", false},
           {"+/monitor/Clients", "$SYS/monitor/Clients", false},
           {"$SYS/#", "$SYS/monitor/Clients", true},
           {"$SYS/monitor/+", "$SYS/monitor/Clients", true},
           {"+/#", "$SYS", false},
           {"$SYS/#", "$SYS", true},
           {"ACCOUNTS", "Accounts", false},
           {"/finance", "finance", false},
       }) {
    EXPECT_EQ(topic_matches(row.filter, row.topic), row.matches) << row.filter << " " << row.topic;
  }
}

TEST(TopicMatch, KnowsTheCorners) {
  for (const Row& row : {
           Row{"a", "a", true},       {"a", "ab", false},    {"ab", "a", false},     {"a/b", "a", false},
           {"a", "a/b", false},       {"a/", "a", false},    {"a", "a/", false},     {"a/b", "ab/b", false},
           {"+/b", "a/b", true},      {"+/b", "a/c", false}, {"+/b", "/b", true},    {"a/+/c", "a//c", true},
           {"a/+/c", "a/b/d", false}, {"+/+/#", "a", false}, {"+/+/#", "a/b", true}, {"+/#", "a", true},
           {"a/#", "ab", false},      {"a/#", "a/", true},   {"a/#", "a//", true},   {"/#", "/", true},
           {"/#", "a", false},        {"//#", "/", true},    {"//#", "//", true},    {"//#", "/a", false},
           {"+", "a", true},          {"+/", "a", false},    {"+/", "a/", true},     {"a/b/#", "a", false},
           {"a/+", "a", false},       {"a/+/#", "a", false}, {"a/+/#", "a/b", true}, {"", "a", false},
           {"#", "", false},          {"", "", false},       {"a/$x", "a/$x", true}, {"a/+", "a/$x", true},
       }) {
    EXPECT_EQ(topic_matches(row.filter, row.topic), row.matches) << row.filter << " " << row.topic;
  }
}

TEST(TopicMatch, LeavesOutTheParentWhereAwsDoes) {
  EXPECT_FALSE(topic_matches("a/#", "a", false));
  EXPECT_FALSE(topic_matches("+/#", "a", false));
  EXPECT_TRUE(topic_matches("a/#", "a/", false));
  EXPECT_TRUE(topic_matches("a/#", "a/b", false));
  EXPECT_TRUE(topic_matches("#", "a", false));
}

// Level by level, recursive, obviously right; against all short filters and topics over a small alphabet.
std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts(1);
  for (char c : text) {
    if (c == '/')
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

bool naive(const std::vector<std::string>& f, std::size_t i, const std::vector<std::string>& t, std::size_t j,
           bool parent) {
  if (i == f.size()) return j == t.size();
  if (f[i] == "#") return j < t.size() || parent;
  if (j == t.size()) return false;
  if (i == 0 && f[0] == "+" && t[0].starts_with('$')) return false;
  return (f[i] == "+" || f[i] == t[j]) && naive(f, i + 1, t, j + 1, parent);
}

void all_texts(const std::string& alphabet, std::size_t longest,
               const std::function<void(const std::string&)>& fn, const std::string& prefix = "") {
  if (!prefix.empty()) fn(prefix);
  if (prefix.size() == longest) return;
  for (char c : alphabet) all_texts(alphabet, longest, fn, prefix + c);
}

TEST(TopicMatch, AgreesWithANaiveOneOnAllShortTexts) {
  std::vector<std::string> filters, topics;
  all_texts("a$/+#", 5, [&](const std::string& text) {
    if (valid_topic_filter(text)) filters.push_back(text);
  });
  all_texts("a$/", 5, [&](const std::string& text) { topics.push_back(text); });
  std::size_t matched = 0;
  for (const std::string& filter : filters) {
    const auto f = split(filter);
    for (const std::string& topic : topics) {
      const auto t = split(topic);
      for (bool parent : {true, false}) {
        const bool dollar = filter[0] == '#' && topic[0] == '$';
        const bool expected = !dollar && naive(f, 0, t, 0, parent);
        ASSERT_EQ(topic_matches(filter, topic, parent), expected) << filter << " " << topic;
        matched += expected ? 1 : 0;
      }
    }
  }
  EXPECT_GT(matched, 1000U);
}

}  // namespace
}  // namespace sluice::mqtt
