#include "cloud/local/publish_log.hpp"

#include <gtest/gtest.h>
#include <zstd.h>

#include <nlohmann/json.hpp>

#include "cloud/local/batch_payload.hpp"
#include "cloud/local/files.hpp"
#include "cloud/local/json_text.hpp"
#include "cloud/local/presence.hpp"
#include "mqtt/codec.hpp"
#include "tests/support/scratch.hpp"
#include "tests/support/virtual_clock.hpp"

namespace sluice::cloud {
namespace {

using nlohmann::json;

std::string compress(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

json unpacked(const std::string& payload, const BatchHints& hints) {
  const auto text = unpack_batch(payload, hints);
  return text ? json::parse(*text, nullptr, false) : json("not a batch");
}

TEST(BatchPayload, UnpacksWhatCarriesIds) {
  const BatchHints ids{"", true, false};
  EXPECT_EQ(unpacked(R"([{"seq":1},{"seq":2}])", ids), json::parse(R"([{"seq":1},{"seq":2}])"));
  EXPECT_EQ(unpacked("{\"seq\":1}\n{\"seq\":2}\n", ids), json::parse(R"([{"seq":1},{"seq":2}])"));
  EXPECT_EQ(unpacked("{\"seq\":1}\nplain text\n", ids), json::parse(R"([{"seq":1},"plain text"])"));
  EXPECT_EQ(unpacked("[1]\n[2]\n", {"application/x-ndjson", true, false}), json::parse("[[1],[2]]"));
  EXPECT_EQ(unpacked("[\n1,\r\n2]", ids), json::parse("[1,2]"));
  EXPECT_EQ(unpack_batch("[\n1]", ids)->find('\n'), std::string::npos);
}

TEST(BatchPayload, UndoesZstd) {
  const std::string lines = "{\"seq\":1}\n{\"seq\":2}";
  EXPECT_EQ(unpacked(compress(lines), {"application/x-ndjson+zstd", true, false}),
            json::parse(R"([{"seq":1},{"seq":2}])"));
  EXPECT_EQ(unpacked(compress("[7]"), {"", false, true}), json::parse("[7]"));
  EXPECT_EQ(unpacked(compress(lines).substr(0, 15), {"", true, false}), "not a batch");
}

TEST(BatchPayload, DoesNotFallForABomb) {
  const std::string bomb = compress(std::string(64 * 1024 * 1024, ' '));
  EXPECT_LT(bomb.size(), 100'000U);
  EXPECT_FALSE(unpack_batch(bomb, {"", true, false}));
}

TEST(BatchPayload, LeavesSingleReadingsAlone) {
  EXPECT_FALSE(unpack_batch(R"([1,2])", {"application/json", false, false}));
  EXPECT_FALSE(unpack_batch(R"({"seq":1})", {"", false, false}));
  EXPECT_FALSE(unpack_batch(R"({"seq":1})", {"", false, true}));
  EXPECT_FALSE(unpack_batch("two\nlines", {"", false, true}));
  EXPECT_FALSE(unpack_batch("", {"", true, false}));
  EXPECT_EQ(unpacked("{\"seq\":1}\n{\"seq\":2}\n", {"", false, true}),
            json::parse(R"([{"seq":1},{"seq":2}])"));
}

TEST(JsonText, EscapesWhatJsonForbids) {
  std::string all;
  for (int c = 0; c < 0x80; ++c) all += static_cast<char>(c);
  all += "é€😀";
  std::string text;
  append_json_string(all, text);
  EXPECT_EQ(json::parse(text).get<std::string>(), all);
  EXPECT_EQ(text.find('\n'), std::string::npos);
}

TEST(JsonText, SpeaksBase64) {
  const char* rows[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}};
  for (const auto& row : rows) {
    EXPECT_EQ(base64(row[0]), row[1]);
    std::string back;
    EXPECT_TRUE(from_base64(row[1], back));
    EXPECT_EQ(back, row[0]);
  }
  std::string bytes;
  for (const char* bad : {"Zg", "Z===", "Zg=a", "Zm9v!A==", "Zg==Zg=="})
    EXPECT_FALSE(from_base64(bad, bytes)) << bad;
}

struct PublishLogTest : testing::Test {
  json line_of(const mqtt::Publish& publish, bool mqtt5 = true) {
    PublishLog log(LogFormat::full, clock);
    log.add({"client-1", "thing-1", mqtt5, false, &publish});
    return json::parse(log.latest().back().text);
  }
  sluice::test::Scratch scratch;
  sluice::test::VirtualClock clock;
};

TEST_F(PublishLogTest, WritesOneLineWithEverything) {
  std::string user;
  mqtt::append_user_property(user, "sluice-id", "0001");
  mqtt::append_user_property(user, "k", "v1");
  mqtt::append_user_property(user, "k", "v2");
  mqtt::Publish publish;
  publish.topic = "$aws/rules/r1/dt/x";
  publish.payload = "{\"a\":\"\n\"}";
  publish.qos = 1;
  publish.properties.user = user;
  publish.properties.content_type = "application/json";
  EXPECT_EQ(line_of(publish), json::parse(R"({"t":1793491200000,"client":"client-1","thing":"thing-1",
      "topic":"$aws/rules/r1/dt/x","qos":1,"mqtt":5,"user":{"sluice-id":"0001","k":["v1","v2"]},
      "content_type":"application/json","rule":"r1","rule_topic":"dt/x","payload":"{\"a\":\"\n\"}"})"));
}

TEST_F(PublishLogTest, WritesBytesAsBase64) {
  mqtt::Publish publish;
  publish.topic = "a";
  publish.payload = "\xff\x01";
  const auto line = line_of(publish, false);
  EXPECT_EQ(line["payload_b64"], "/wE=");
  EXPECT_EQ(line["mqtt"], 4);
  EXPECT_FALSE(line.contains("payload"));
}

TEST_F(PublishLogTest, HasInTheFileWhatItFlushed) {
  const auto path = scratch.path() / "log";
  PublishLog log(LogFormat::full, clock);
  ASSERT_TRUE(log.open(path));
  mqtt::Publish publish;
  publish.topic = "a";
  log.add({"c", "t", true, false, &publish});
  EXPECT_EQ(*read_file(path), "");
  ASSERT_TRUE(log.flush());
  const auto text = *read_file(path);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  PublishLog second(LogFormat::full, clock);
  ASSERT_TRUE(second.open(path));
  second.add({"c", "t", true, false, &publish});
  ASSERT_TRUE(second.flush());
  EXPECT_GT(read_file(path)->size(), text.size()) << "a restarted cloud appends";
}

TEST_F(PublishLogTest, SaysThatItCannotWriteFromThenOn) {
  PublishLog log(LogFormat::full, clock);
  ASSERT_TRUE(log.open("/dev/full"));
  mqtt::Publish publish;
  publish.topic = "a";
  log.add({"c", "t", true, false, &publish});
  EXPECT_FALSE(log.flush());
  EXPECT_FALSE(log.flush());
  EXPECT_FALSE(PublishLog(LogFormat::full, clock).open("/nowhere/at/all"));
}

TEST_F(PublishLogTest, HasAShortFormForHighRates) {
  const auto path = scratch.path() / "log";
  PublishLog log(LogFormat::ids, clock);
  ASSERT_TRUE(log.open(path));
  std::string user;
  mqtt::append_user_property(user, "sluice-ids", "1-20");
  mqtt::Publish publish;
  publish.topic = "dt/x";
  publish.properties.user = user;
  log.add({"c", "t", true, false, &publish});
  ASSERT_TRUE(log.flush());
  EXPECT_EQ(json::parse(*read_file(path)),
            json::parse(R"({"t":1793491200000,"thing":"t","topic":"dt/x","ids":"1-20"})"));
}

TEST_F(PublishLogTest, KeepsABoundedTail) {
  PublishLog log(LogFormat::full, clock);
  const std::string big(100'000, 'x');
  mqtt::Publish publish;
  publish.topic = "a";
  for (int i = 0; i < 5000; ++i) log.add({"c", "t", true, false, &publish});
  EXPECT_EQ(log.latest().size(), 4096U);
  EXPECT_EQ(log.latest().back().number, 5000U);
  publish.payload = big;
  for (int i = 0; i < 200; ++i) log.add({"c", "t", true, false, &publish});
  EXPECT_LT(log.latest().size(), 100U);
}

struct PresenceTest : testing::Test {
  sluice::test::VirtualClock clock;
  Presence presence{clock};
  PresenceClient client{"gw-1", "gw-1", "session", "principal", "10.0.0.1", 4};
};

TEST_F(PresenceTest, HasTheFieldsOfTheGuide) {
  const auto connected = presence.connected(client);
  EXPECT_EQ(connected.topic, "$aws/events/presence/connected/gw-1");
  EXPECT_EQ(json::parse(connected.payload), json::parse(R"({"clientId":"gw-1","thingName":"gw-1",
      "timestamp":1793491200000,"eventType":"connected","sessionIdentifier":"session","principalIdentifier":"principal",
      "ipAddress":"10.0.0.1","versionNumber":4})"));
  const auto gone = presence.disconnected(client, mqtt::DisconnectCause::keep_alive_timeout, false);
  EXPECT_EQ(gone.topic, "$aws/events/presence/disconnected/gw-1");
  EXPECT_EQ(json::parse(gone.payload)["disconnectReason"], "MQTT_KEEP_ALIVE_TIMEOUT");
  EXPECT_EQ(json::parse(gone.payload)["clientInitiatedDisconnect"], false);
  const auto failed = presence.connect_failed(client);
  EXPECT_EQ(failed.topic, "$aws/events/presence/connect_failed/gw-1");
  EXPECT_EQ(json::parse(failed.payload)["connectFailureReason"], "AUTHORIZATION_FAILED");
  const auto subscribed = presence.subscriptions(client, true, {"a", "b/#"});
  EXPECT_EQ(subscribed.topic, "$aws/events/subscriptions/subscribed/gw-1");
  EXPECT_EQ(json::parse(subscribed.payload)["topics"], json::parse(R"(["a","b/#"])"));
  EXPECT_EQ(presence.subscriptions(client, false, {"a"}).topic,
            "$aws/events/subscriptions/unsubscribed/gw-1");
}

TEST_F(PresenceTest, SaysNothingOfClientIdsWithWildcards) {
  client.client_id = "a+b";
  EXPECT_TRUE(presence.connected(client).topic.empty());
  client.client_id = "a#";
  EXPECT_TRUE(presence.connected(client).topic.empty());
}

TEST_F(PresenceTest, NamesEveryReason) {
  using enum mqtt::DisconnectCause;
  EXPECT_EQ(disconnect_reason(client_disconnect, false), "CLIENT_INITIATED_DISCONNECT");
  EXPECT_EQ(disconnect_reason(connection_lost, false), "CONNECTION_LOST");
  EXPECT_EQ(disconnect_reason(protocol_violation, false), "CLIENT_ERROR");
  EXPECT_EQ(disconnect_reason(taken_over, false), "DUPLICATE_CLIENTID");
  EXPECT_EQ(disconnect_reason(by_host, true), "FORBIDDEN_ACCESS");
}

TEST_F(PresenceTest, CountsVersionsAndForgetsAfterAnHourAway) {
  EXPECT_EQ(presence.next_version("gw-1"), 0U);
  clock.advance(2h);
  EXPECT_EQ(presence.next_version("gw-1"), 1U) << "it was connected all the time";
  presence.disconnected(client, mqtt::DisconnectCause::taken_over, false);
  presence.disconnected(client, mqtt::DisconnectCause::connection_lost, false);
  clock.advance(30min);
  EXPECT_EQ(presence.next_version("gw-1"), 2U);
  presence.disconnected(client, mqtt::DisconnectCause::connection_lost, false);
  clock.advance(61min);
  EXPECT_EQ(presence.next_version("gw-1"), 0U);
}

}  // namespace
}  // namespace sluice::cloud
