// What an adapter may say, word by word.
#include "device/adapter_contract.hpp"

#include <gtest/gtest.h>

namespace sluice::device {
namespace {

using Kind = AdapterTopic::Kind;

TEST(AdapterContract, KnowsItsTopics) {
  EXPECT_EQ(read_adapter_topic("$sluice/v1/attach").kind, Kind::attach);
  EXPECT_EQ(read_adapter_topic("$sluice/v1/answer").kind, Kind::answer);
  const auto publish = read_adapter_topic("$sluice/v1/pub/th-1/d/th-1/temp");
  EXPECT_EQ(publish.kind, Kind::publish);
  EXPECT_EQ(publish.device, "th-1");
  EXPECT_EQ(publish.topic, "d/th-1/temp");
  EXPECT_EQ(read_adapter_topic("$sluice/v1/pub/th-1//x").topic, "/x");  // an empty level is a level
  for (const auto* topic : {"", "$sluice", "$sluice/v2/attach", "$sluice/v1/attach/x", "$sluice/v1/pub/th-1",
                            "$sluice/v1/pub/th-1/", "$sluice/v1/pub//x", "$sluice/v1/to/a/call/ping",
                            "d/th-1/temp", "sluice/v1/attach"})
    EXPECT_EQ(read_adapter_topic(topic).kind, Kind::unknown) << topic;
}

TEST(AdapterContract, ReservesItsTopicsBehindSharedFiltersToo) {
  for (const auto* topic : {"$sluice", "$sluice/v1/attach", "$share/g/$sluice/#", "$share/g", "$share//x"})
    EXPECT_TRUE(is_reserved(topic)) << topic;
  for (const auto* topic : {"#", "d/x", "sluice/x", "$share/g/d/#", "$sluicex/a"})
    EXPECT_FALSE(is_reserved(topic)) << topic;
}

TEST(AdapterContract, ReadsAnAttach) {
  const auto request = read_attach(
      R"({"device": "th-7", "product": "thermo", "accessToken": "t", "model": "M", "hardware": "B",
    "firmware": "1", "capabilities": {"update": true}, "subscribe": ["d/th-7/#"], "expiry_s": 60, "later": 1})");
  ASSERT_TRUE(request) << request.error().text;
  EXPECT_EQ(request->device, "th-7");
  EXPECT_EQ(request->token, "t");
  EXPECT_FALSE(request->trusted);
  EXPECT_EQ(request->expiry_s, 60U);
}

TEST(AdapterContract, RefusesWhatIsNoAttach) {
  const std::string wide(200, 'x');
  for (const auto& text :
       {std::string(""), std::string("[]"), std::string("{}"),
        std::string(R"({"device": "a/b", "trusted": true})"), std::string(R"({"device": "a"})"),
        std::string(R"({"device": "a", "trusted": true, "accessToken": "t"})"),
        std::string(R"({"device": "a", "trusted": "yes"})"),
        std::string(R"({"device": "a", "trusted": true, "model": 7})"),
        R"({"device": "a", "trusted": true, "model": ")" + wide + "\"}",
        std::string(R"({"device": "a", "trusted": true, "model": "a\u0000b"})"),
        std::string(R"({"device": "a", "trusted": true, "subscribe": "d/#"})"),
        std::string(R"({"device": "a", "trusted": true, "subscribe": ["a#"]})"),
        std::string(R"({"device": "a", "trusted": true, "subscribe": ["$sluice/#"]})"),
        std::string(R"({"device": "a", "trusted": true, "expiry_s": -1})"),
        std::string(R"({"device": "a", "trusted": true, "expiry_s": 999999999})"),
        std::string(R"({"device": "a", "trusted": true, "capabilities": []})"),
        R"({"device": "a", "trusted": true, "capabilities": {"x": ")" + std::string(5000, 'x') + "\"}}",
        R"({"device": "a", "trusted": true, "deep": )" + std::string(100, '[') + std::string(100, ']') + "}",
        std::string(100'000, ' ')})
    EXPECT_FALSE(read_attach(text)) << text.substr(0, 200);
}

TEST(AdapterContract, ReadsHealthAndRefusesWhatIsNone) {
  const auto report = read_health(
      R"({"state": "degraded", "text": "un\nplugged", "counters": {"a": 1.5}, "devices": {"x": "off"}})");
  ASSERT_TRUE(report);
  EXPECT_EQ(report->text, "un plugged");
  EXPECT_EQ(report->counters.at("a"), 1.5);
  std::string many = R"({"state": "ok", "counters": {)";
  for (int i = 0; i < 33; ++i) many += (i == 0 ? "\"k" : ",\"k") + std::to_string(i) + "\": 1";
  for (const auto& text :
       {std::string(R"({"state": "well"})"), std::string(R"({"state": "ok", "counters": {"a": "1"}})"),
        std::string(R"({"state": "ok", "devices": {"a/b": "off"}})"), many + "}}"})
    EXPECT_FALSE(read_health(text)) << text.substr(0, 100);
}

TEST(AdapterContract, ReadsAnswers) {
  EXPECT_TRUE(read_answer(yes({{"offset", 1}}))->ok);
  const auto refused = read_answer(no("busy", "writing"));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->error, "busy");
  EXPECT_TRUE(refused->again());
  EXPECT_EQ(read_answer(R"({"ok": false})")->error, "permanent");
  for (const auto* text : {"", "true", "{}", R"({"ok": 1})", R"({"ok": false, "error": 7})"})
    EXPECT_FALSE(read_answer(text)) << text;
}

}  // namespace
}  // namespace sluice::device
