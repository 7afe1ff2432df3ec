// Which readings a filter lets through, and what it cannot judge.
#include "ingest/filters.hpp"

#include "tests/unit/ingest/with_routes.hpp"

namespace sluice::ingest {
namespace {

using namespace test;
using FilterKind = FilterOptions::Kind;

class AFilter : public WithRoutes {
 protected:
  void filter(FilterOptions options) {
    auto route = to("#", "x/{topic}");
    route.name = "r";
    route.filter = std::move(options);
    start({route});
  }
  // True if it went to the cloud.
  bool passes(std::string_view payload, std::string_view topic = "t") {
    return offer(topic, payload).kind == Offer::Kind::queued;
  }
};

FilterOptions on_change(std::string pointer) {
  FilterOptions options;
  options.kind = FilterKind::on_change;
  options.pointer = std::move(pointer);
  return options;
}
FilterOptions deadband(std::string pointer, double change, bool percent = false) {
  FilterOptions options;
  options.kind = FilterKind::deadband;
  options.pointer = std::move(pointer);
  options.deadband = change;
  options.percent = percent;
  return options;
}

TEST_F(AFilter, OnChangePassesWhatIsNew) {
  filter(on_change("/v"));
  EXPECT_TRUE(passes(R"({"v": 1})"));
  EXPECT_FALSE(passes(R"({"v": 1})"));
  EXPECT_FALSE(passes(R"({"other": 7, "v":1.0})"));
  EXPECT_TRUE(passes(R"({"v": "1"})"));
  EXPECT_TRUE(passes(R"({"v": null})"));
  EXPECT_TRUE(passes(R"({"v": false})"));
  EXPECT_TRUE(passes(R"({"v": [1, 2]})"));
  EXPECT_FALSE(passes(R"({"v": [1,2]})"));
  EXPECT_TRUE(passes(R"({"v": [12]})"));
  EXPECT_TRUE(passes(R"({"v": {"a": "b"}})"));
  EXPECT_TRUE(passes(R"({"v": {"ab": ""}})"));
  EXPECT_EQ(counter("r", "filtered"), 3U);
  EXPECT_EQ(ledger(LedgerReason::filtered), 3U);
  expect_balanced();
}

TEST_F(AFilter, OnChangeWithoutAPointerWatchesTheWholePayload) {
  filter(on_change(""));
  EXPECT_TRUE(passes(R"({"a": 1, "b": 2})"));
  EXPECT_FALSE(passes(R"({ "a":1,"b":2 })"));
  EXPECT_TRUE(passes(R"({"a": 1, "b": 3})"));
  EXPECT_TRUE(passes("7"));
  EXPECT_FALSE(passes("7"));
}

TEST_F(AFilter, KeepsATopicsValueToItself) {
  filter(on_change("/v"));
  EXPECT_TRUE(passes(R"({"v":1})", "a"));
  EXPECT_TRUE(passes(R"({"v":1})", "b"));
  EXPECT_FALSE(passes(R"({"v":1})", "a"));
}

TEST_F(AFilter, DeadbandPassesWhatIsFarEnoughFromTheLastThatPassed) {
  filter(deadband("/v", 0.5));
  EXPECT_TRUE(passes(R"({"v": 20.0})"));
  EXPECT_FALSE(passes(R"({"v": 20.4})"));
  EXPECT_FALSE(passes(R"({"v": 19.6})"));
  EXPECT_TRUE(passes(R"({"v": 20.5})"));
  EXPECT_FALSE(passes(R"({"v": 20.9})"));  // measured from 20.5, so that slow drift adds up
  EXPECT_TRUE(passes(R"({"v": 21.0})"));
  EXPECT_TRUE(passes(R"({"v": -3})"));
}

TEST_F(AFilter, DeadbandInPercentIsOfTheLastThatPassed) {
  filter(deadband("/v", 10, true));
  EXPECT_TRUE(passes(R"({"v": -100})"));
  EXPECT_FALSE(passes(R"({"v": -109})"));
  EXPECT_TRUE(passes(R"({"v": -110})"));
  EXPECT_TRUE(passes(R"({"v": 0})"));
  EXPECT_FALSE(passes(R"({"v": 0})"));
  EXPECT_TRUE(passes(R"({"v": 0.001})"));
}

TEST_F(AFilter, HeartbeatPassesOneInItsTime) {
  auto options = on_change("/v");
  options.heartbeat = 1min;
  filter(options);
  EXPECT_TRUE(passes(R"({"v":1})"));
  clock_.advance(59s);
  EXPECT_FALSE(passes(R"({"v":1})"));
  clock_.advance(1s);
  EXPECT_TRUE(passes(R"({"v":1})"));
  EXPECT_FALSE(passes(R"({"v":1})"));
}

TEST_F(AFilter, SamplePassesOneInItsTimeWhateverItSays) {
  FilterOptions options;
  options.kind = FilterKind::sample;
  options.interval = 10s;
  filter(options);
  EXPECT_TRUE(passes("not json"));
  EXPECT_FALSE(passes("something else"));
  clock_.advance(10s);
  EXPECT_TRUE(passes(std::string_view("\x00\x01", 2)));
}

TEST_F(AFilter, PassesWhatItCannotJudge) {
  filter(deadband("/a/v", 100));
  const std::string deep = std::string(60'000, '[') + std::string(60'000, ']');
  for (const auto& payload :
       {std::string("not json"), std::string(""), std::string("{"), std::string("{\"a\":{}}"),
        std::string("[1,2]"), std::string("{\"a\":{\"v\":\"text\"}}"), std::string("{\"a\":7}"),
        std::string("{\"a\":{\"v\":1e999}}"), std::string("\x00\xff\x01", 3), deep}) {
    EXPECT_TRUE(passes(payload)) << payload.substr(0, 40);
  }
  EXPECT_EQ(counter("r", "filtered"), 0U);
}

TEST_F(AFilter, PassesTopicsThatAreTooLongToRemember) {
  filter(on_change(""));
  options_.routes[0].to = "fixed";
  reload(options_.routes);
  const std::string topic(kLongestFilteredTopic + 1, 'x');
  EXPECT_TRUE(passes("1", topic));
  EXPECT_TRUE(passes("1", topic));
  EXPECT_EQ(counter("r", "unfiltered"), 2U);
}

TEST_F(AFilter, ForgetsAtAReload) {
  filter(on_change("/v"));
  passes(R"({"v":1})");
  reload(options_.routes);
  EXPECT_TRUE(passes(R"({"v":1})"));
}

TEST(TheFiltersMemory, IsBoundedAndForgetsTheOneUsedLongestAgo) {
  Filters filters(3);
  const Filter filter{on_change(""), JsonPointer("")};
  const auto passes = [&](std::string_view topic) {
    const auto verdict = filters.judge(filter, 1, topic, "1", MonoTime{});
    filters.passed();
    return verdict == Verdict::pass;
  };
  for (const auto* topic : {"a", "b", "c"}) EXPECT_TRUE(passes(topic));
  EXPECT_FALSE(passes("a"));  // used: b is now the oldest
  EXPECT_TRUE(passes("d"));
  EXPECT_EQ(filters.remembered(), 3U);
  EXPECT_FALSE(passes("a"));
  EXPECT_TRUE(passes("b"));
}

}  // namespace
}  // namespace sluice::ingest
