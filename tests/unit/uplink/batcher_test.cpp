#include "uplink/batcher.hpp"

#include <zstd.h>

#include <nlohmann/json.hpp>

#include "tests/unit/uplink/uplink_fixture.hpp"
#include "uplink/json_check.hpp"

namespace sluice::test {
namespace {

using Format = BatchOptions::Format;

class Batching : public UplinkTest {
 protected:
  void batch(BatchOptions how) {
    options.routes.push_back({});
    options.routes.back().name = "r";
    options.routes.back().batch = how;
  }
  static std::string property(const std::string& wire, std::string_view key) {
    const auto at = wire.find(key);
    if (at == std::string::npos) return "";
    const auto size = at + key.size();
    const auto n = static_cast<std::uint8_t>(wire[size]) * 256U + static_cast<std::uint8_t>(wire[size + 1]);
    return wire.substr(size + 2, n);
  }
};

TEST_F(Batching, PacksReadingsOfOneTopicIntoAJsonArrayWithTheirIds) {
  batch({Format::json, 5000, 1s, false});
  start();
  say(R"({"v":1})");
  say(R"({"v":2})");
  say("3", "other");
  say(R"({"v":4})");
  pass(990ms);
  EXPECT_TRUE(cloud.received.empty()) << "max_wait is not over";
  pass(50ms);
  ASSERT_EQ(cloud.received.size(), 2U);
  const auto& r = cloud.received[cloud.received[0].topic == "t" ? 0 : 1];
  EXPECT_EQ(r.payload, R"([{"v":1},{"v":2},{"v":4}])");
  EXPECT_EQ(r.content_type, "application/json");
  EXPECT_EQ(property(r.user_properties, "sluice-ids"), "0badcafe-1-2,4");
  pass(1s);
  EXPECT_EQ(delivered(), 4U) << "one PUBACK delivers all";
}

TEST_F(Batching, PacksLines) {
  batch({Format::ndjson, 5000, 1s, false});
  start();
  say("1");
  say("two");
  say("bro\nken");
  pass(2s);
  EXPECT_EQ(payloads(), (std::vector<std::string>{"1\ntwo\n", "bro\nken"}));
  EXPECT_EQ(cloud.received[0].content_type, "application/x-ndjson");
}

TEST_F(Batching, APayloadThatIsNotJsonGoesAloneAndInOrder) {
  batch({Format::json, 5000, 1s, false});
  start();
  say("1");
  say("2");
  say("{broken");
  say("3");
  pass(2s);
  EXPECT_EQ(payloads(), (std::vector<std::string>{"[1,2]", "{broken", "[3]"}));
}

TEST_F(Batching, NeverExceedsItsMaximumAndFillsAtOnceFromABacklog) {
  batch({Format::json, 500, 60s, false});
  for (int i = 0; i < 1000; ++i) say(R"({"value":)" + std::to_string(1000 + i) + "}");
  settle();
  start();
  pass(3s);
  ASSERT_GE(cloud.received.size(), 30U);
  for (const auto& r : cloud.received) {
    EXPECT_LE(r.payload.size(), 500U);
    EXPECT_GT(r.payload.size(), 450U);
    EXPECT_TRUE(nlohmann::json::accept(r.payload));
  }
}

TEST_F(Batching, NeverExceedsWhatAwsTakes) {
  batch({Format::json, 1 << 20, 1s, false});
  start();
  const std::string big = "\"" + std::string(50'000, 'x') + "\"";
  for (int i = 0; i < 7; ++i) say(big);
  say("\"" + std::string(128 * 1024 - 2, 'y') + "\"");  // fits alone, but not with brackets
  pass_until([&] { return delivered() == 8; });
  for (const auto& r : cloud.received) EXPECT_LE(r.payload.size(), 128U * 1024);
  EXPECT_EQ(cloud.received.size(), 5U);
  EXPECT_EQ(dead_letters(), 0U);
}

TEST_F(Batching, CompressesAndSaysSo) {
  batch({Format::ndjson, 60'000, 1s, true});
  start();
  std::string lines;
  for (int i = 0; i < 500; ++i) {
    say(R"({"temperature":21.5,"humidity":40})");
    lines += R"({"temperature":21.5,"humidity":40})";
    lines += "\n";
  }
  pass(2s);
  ASSERT_EQ(cloud.received.size(), 1U);
  const auto& r = cloud.received[0];
  EXPECT_LT(r.payload.size(), 1000U);
  EXPECT_EQ(property(r.user_properties, "content-encoding"), "zstd");
  std::string plain(lines.size(), '\0');
  ASSERT_EQ(ZSTD_decompress(plain.data(), plain.size(), r.payload.data(), r.payload.size()), lines.size());
  EXPECT_EQ(plain, lines);
}

TEST_F(Batching, DoesNotCompressWith311BecauseNothingCouldSaySo) {
  options.cloud.mqtt5 = false;
  batch({Format::ndjson, 60'000, 1s, true});
  start();
  say("1");
  say("1");
  pass(2s);
  EXPECT_EQ(payloads(), std::vector<std::string>{"1\n1\n"});
}

TEST_F(Batching, SendsAWholeBatchAgainWhenItsAckIsLost) {
  batch({Format::json, 5000, 100ms, false});
  cloud.answer = [](const auto&) { return std::nullopt; };
  start();
  say("1");
  say("2");
  pass(1s);
  cloud.answer = nullptr;
  cloud.lose("gw", {});
  pass_until([&] { return delivered() == 2; });
  EXPECT_EQ(payloads(), (std::vector<std::string>{"[1,2]", "[1,2]"}));
}

TEST_F(Batching, ABatchThatIsRefusedAsTooLargeIsSentInSingles) {
  batch({Format::json, 5000, 100ms, false});
  cloud.answer = [](const auto& r) { return std::optional<std::uint8_t>(r.payload.size() > 4 ? 0x95 : 0); };
  start();
  say("1");
  say("2");
  say("3");
  pass_until([&] { return delivered() == 3; }, 1min);
  EXPECT_EQ(dead_letters(), 0U);
}

TEST_F(Batching, KeepsTheIdsPropertyShort) {
  batch({Format::json, 100'000, 1s, false});
  start();
  for (int i = 0; i < 1000; ++i) {
    say("1");
    say("2", "x", kGatewayLane, 5, "unbatched");
  }
  pass_until([&] { return delivered() == 2000; });
  for (const auto& r : cloud.received) {
    EXPECT_LE(property(r.user_properties, "sluice-ids").size(), 1024U);
  }
}

TEST(JsonCheck, AgreesWithAParser) {
  for (const std::string text : {"",
                                 " ",
                                 "1",
                                 "-0",
                                 "01",
                                 "1.",
                                 "1.5e+3",
                                 "1e",
                                 "-",
                                 "true",
                                 "tru",
                                 "null",
                                 "\"\"",
                                 "\"a\\u00e9\\n\"",
                                 "\"\\x\"",
                                 "\"\\u12g4\"",
                                 "\"\t\"",
                                 "[]",
                                 "[1,]",
                                 "[1,2]",
                                 "[1 2]",
                                 "{}",
                                 "{\"a\":1}",
                                 "{\"a\":1,}",
                                 "{\"a\"}",
                                 "{a:1}",
                                 "{\"a\":[{\"b\":[]}]}",
                                 "[[[]]",
                                 "[}",
                                 "1 2",
                                 " [ 1 , { \"x\" : null } ] ",
                                 "\"\xc3\xa9\"",
                                 "\"\xc3\"",
                                 "\"\xed\xa0\x80\"",
                                 "\"\xf4\x90\x80\x80\"",
                                 "\"\xe2\x82\xac\"",
                                 "{\"a\":}",
                                 "[,1]",
                                 "nul",
                                 "falsey",
                                 "\"open",
                                 "{\"a\":1",
                                 "+1",
                                 ".5",
                                 "NaN"}) {
    EXPECT_EQ(uplink::is_json(text), nlohmann::json::accept(text)) << text;
  }
  EXPECT_TRUE(uplink::is_json(std::string(100, '[') + std::string(100, ']')));
  EXPECT_FALSE(uplink::is_json(std::string(100'000, '[')));
}

TEST(RecordIds, AreRangesWhereTheyRise) {
  uplink::IdRanges ids;
  for (const std::uint64_t id : {12, 13, 14, 43, 45, 46}) ids.add(id);
  EXPECT_EQ(ids.text(), "12-14,43,45-46");
}

}  // namespace
}  // namespace sluice::test
