// The adapter's half of the contract, with the test as the daemon: bytes in, bytes out.
#include <gtest/gtest.h>

#include "device/adapter_contract.hpp"
#include "mqtt/codec.hpp"
#include "plugins/sdk/session.hpp"
#include "tests/support/virtual_clock.hpp"

namespace sluice::adapter {
namespace {

using namespace std::chrono_literals;

// Remembers what it is told.
class ScriptedDriver final : public Driver {
 public:
  void start() override { ++starts; }
  void message(const Message& message, Reply reply) override {
    heard.push_back(std::string(message.device) + " " + std::string(message.topic) + " " +
                    std::string(message.payload) + " " + std::string(message.response_topic) + " " +
                    std::string(message.correlation_data));
    replies.push_back(std::move(reply));
  }
  void call(const Call& call, Reply reply) override {
    heard.push_back(std::string(call.operation) + " " + std::string(call.device) + " " +
                    std::string(call.update) + " " + std::to_string(call.offset) + " " +
                    std::string(call.bytes) + " " + std::to_string(call.deadline_ms));
    if (call.operation == "nothing") return Driver::call(call, std::move(reply));
    replies.push_back(std::move(reply));
  }
  void detached(std::string_view device, std::string_view, std::string_view text) override {
    heard.push_back("detached " + std::string(device) + " " + std::string(text));
  }
  int starts = 0;
  std::vector<std::string> heard;
  std::vector<Reply> replies;
};

// A packet that the session has sent, with its own memory.
struct Sent {
  mqtt::PacketType type{};
  std::string bytes;
  template <typename T>
  T as() const {
    return std::get<T>(*mqtt::decode(bytes, mqtt::Version::v5).packet);
  }
};

class SdkSession : public testing::Test {
 protected:
  SdkSession() { session.open(); }

  std::vector<Sent> sent() {
    std::vector<Sent> packets;
    std::string_view rest = session.out;
    while (!rest.empty()) {
      mqtt::FixedHeader header;
      EXPECT_EQ(mqtt::read_fixed_header(rest, header), mqtt::HeaderStatus::complete);
      packets.push_back({header.type(), std::string(rest.substr(0, header.total()))});
      rest.remove_prefix(header.total());
    }
    session.out.clear();
    return packets;
  }
  std::vector<Sent> sent(mqtt::PacketType type) {
    auto packets = sent();
    std::erase_if(packets, [type](const Sent& packet) { return packet.type != type; });
    return packets;
  }
  void welcome(std::uint16_t receive_maximum = 1024, std::uint32_t maximum_packet = 1000) {
    mqtt::Connack connack;
    connack.receive_maximum = receive_maximum;
    connack.maximum_packet_size = maximum_packet;
    std::string bytes;
    encode(connack, mqtt::Version::v5, bytes);
    session.receive(bytes);
    const auto subscribes = sent(mqtt::PacketType::subscribe);
    ASSERT_EQ(subscribes.size(), 1U);
    mqtt::Suback suback;
    suback.packet_id = subscribes[0].as<mqtt::Subscribe>().packet_id;
    suback.reasons = {mqtt::Reason::granted_qos1};
    bytes.clear();
    encode(suback, mqtt::Version::v5, bytes);
    session.receive(bytes);
  }
  void say(const std::string& topic, const std::string& payload, const std::string& correlation = "",
           const std::string& user = "", std::uint8_t qos = 1) {
    mqtt::Publish publish;
    publish.topic = topic;
    publish.payload = payload;
    publish.qos = qos;
    publish.packet_id = qos == 0 ? 0 : 77;
    if (!correlation.empty()) {
      publish.properties.response_topic = "$sluice/v1/answer";
      publish.properties.correlation_data = correlation;
    }
    publish.properties.user = user;
    std::string bytes;
    encode(publish, mqtt::Version::v5, bytes);
    session.receive(bytes);
  }
  void ack(std::uint16_t id, mqtt::Reason reason = mqtt::Reason::success) {
    mqtt::Ack ack;
    ack.packet_id = id;
    ack.reason = reason;
    std::string bytes;
    encode(ack, mqtt::Version::v5, bytes);
    session.receive(bytes);
  }
  // The one answer that was sent, by the daemon's own reader.
  device::AdapterAnswer answer(const std::string& correlation) {
    for (const auto& packet : sent(mqtt::PacketType::publish)) {
      const auto publish = packet.as<mqtt::Publish>();
      if (publish.topic != "$sluice/v1/answer" || publish.properties.correlation_data != correlation)
        continue;
      auto read = device::read_answer(publish.payload);
      EXPECT_TRUE(read);
      if (read) return *read;
    }
    ADD_FAILURE() << "no answer";
    return {};
  }

  test::VirtualClock clock;
  ScriptedDriver driver;
  std::string closed;
  int quit_code = -1;
  Session session{clock,
                  {.client_id = "$adapter/a",
                   .username = "a",
                   .password = "p",
                   .inbox = "$sluice/v1/to/a",
                   .keep_alive_s = 15},
                  driver,
                  {[this] { driver.start(); }, [] {}, [this](const std::string& why) { closed = why; },
                   [this](int code, const std::string&) { quit_code = code; }}};
};

TEST_F(SdkSession, ConnectsAsTheContractAsks) {
  const auto packets = sent();
  ASSERT_EQ(packets.size(), 1U);
  const auto connect = packets[0].as<mqtt::Connect>();
  EXPECT_EQ(connect.client_id, "$adapter/a");
  EXPECT_EQ(connect.password, "p");
  EXPECT_TRUE(connect.clean_start);
  EXPECT_EQ(connect.session_expiry.value_or(0), 0U);
  EXPECT_FALSE(connect.will);
}

TEST_F(SdkSession, ReportsAndStartsItsDriverWhenItHasSubscribed) {
  welcome();
  EXPECT_EQ(driver.starts, 1);
  const auto reports = sent(mqtt::PacketType::publish);
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_EQ(reports[0].as<mqtt::Publish>().topic, "$sluice/v1/health");
  EXPECT_TRUE(device::read_health(reports[0].as<mqtt::Publish>().payload));
}

TEST_F(SdkSession, SaysWhyItWasRefused) {
  mqtt::Connack connack;
  connack.reason = mqtt::Reason::not_authorized;
  connack.reason_string = "no";
  std::string bytes;
  encode(connack, mqtt::Version::v5, bytes);
  session.receive(bytes);
  EXPECT_EQ(closed, "refused: no");
}

TEST_F(SdkSession, AttachesInWordsThatTheDaemonReads) {
  welcome();
  sent();
  Device thing;
  thing.id = "s1";
  thing.model = "M";
  thing.capabilities = {{"update", true}};
  thing.subscribe = {"d/s1/#"};
  std::vector<Answer> answers;
  session.attach(thing, [&](Answer said) { answers.push_back(std::move(said)); });
  const auto packets = sent(mqtt::PacketType::publish);
  ASSERT_EQ(packets.size(), 1U);
  const auto publish = packets[0].as<mqtt::Publish>();
  EXPECT_EQ(publish.topic, "$sluice/v1/attach");
  EXPECT_EQ(publish.properties.response_topic, "$sluice/v1/to/a/answer");
  const auto read = device::read_attach(publish.payload);
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_TRUE(read->trusted);
  EXPECT_EQ(read->subscribe, std::vector<std::string>{"d/s1/#"});
  EXPECT_EQ(read->capabilities, Json({{"update", true}}));
  say("$sluice/v1/to/a/answer", device::no("busy", "adapter b has it"),
      std::string(*publish.properties.correlation_data));
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].error, "busy");
  EXPECT_EQ(answers[0].text, "adapter b has it");
  say("$sluice/v1/to/a/answer", device::yes(), std::string(*publish.properties.correlation_data));
  EXPECT_EQ(answers.size(), 1U);  // once
}

TEST_F(SdkSession, TellsWhatBecameOfAReading) {
  welcome();
  sent();
  std::vector<Published> done;
  ASSERT_TRUE(
      session.publish("s1", "d/s1/t", "21", [&](const Published& published) { done.push_back(published); }));
  ASSERT_TRUE(
      session.publish("s1", "d/s1/t", "22", [&](const Published& published) { done.push_back(published); }));
  const auto packets = sent(mqtt::PacketType::publish);
  ASSERT_EQ(packets.size(), 2U);
  EXPECT_EQ(packets[0].as<mqtt::Publish>().topic, "$sluice/v1/pub/s1/d/s1/t");
  EXPECT_EQ(session.unacknowledged(), 2U);
  EXPECT_TRUE(done.empty());
  ack(packets[1].as<mqtt::Publish>().packet_id, mqtt::Reason::quota_exceeded);
  ack(packets[0].as<mqtt::Publish>().packet_id);
  ASSERT_EQ(done.size(), 2U);
  EXPECT_FALSE(done[0].on_disk);
  EXPECT_EQ(done[0].reason, 0x97);
  EXPECT_TRUE(done[1].on_disk);
  ack(packets[0].as<mqtt::Publish>().packet_id);  // twice
  EXPECT_EQ(done.size(), 2U);
}

TEST_F(SdkSession, NeverHasMoreOpenThanTheDaemonTakes) {
  welcome(10);
  std::size_t taken = 0;
  while (taken < 100 && session.publish("s1", "t", "x", {})) ++taken;
  EXPECT_EQ(taken, 5U);  // the other half is for answers
  bool room = false;
  session.on_room([&] { room = true; });
  std::vector<std::uint16_t> ids;
  for (const auto& packet : sent(mqtt::PacketType::publish)) {
    const auto publish = packet.as<mqtt::Publish>();
    if (publish.topic.starts_with("$sluice/v1/pub/")) ids.push_back(publish.packet_id);
  }
  ASSERT_EQ(ids.size(), 5U);
  ack(ids[0]);
  EXPECT_FALSE(room);
  for (const auto id : {ids[1], ids[2]}) ack(id);
  EXPECT_TRUE(room);
  EXPECT_TRUE(session.publish("s1", "t", "x", {}));
}

TEST_F(SdkSession, KeepsNoMoreUnsentThanAQuarterOfAMebibyte) {
  welcome();
  sent();
  int rooms = 0;
  session.on_room([&] { ++rooms; });
  const std::string payload(800, 'x');
  std::size_t taken = 0;
  while (taken < 1000 && session.publish("s1", "t", payload, {})) ++taken;
  EXPECT_LT(taken, 500U);
  EXPECT_LT(session.out.size(), 257U * 1024);
  const auto before = session.out.size();
  clock.advance(1s);
  session.health("degraded", "reports wait, too");
  EXPECT_EQ(session.out.size(), before);
  session.flushed();  // nothing has left
  EXPECT_EQ(rooms, 0);
  sent();
  session.flushed();
  EXPECT_EQ(rooms, 1);
  EXPECT_TRUE(session.publish("s1", "t", payload, {}));
  clock.advance(1s);
  const auto packets = sent(mqtt::PacketType::publish);
  ASSERT_EQ(packets.size(), 2U);
  EXPECT_EQ(packets[1].as<mqtt::Publish>().topic, "$sluice/v1/health");
}

TEST_F(SdkSession, RefusesWhatTheDaemonWouldEndTheConnectionFor) {
  welcome();
  sent();
  std::vector<Published> done;
  const auto remember = [&](const Published& published) { done.push_back(published); };
  EXPECT_TRUE(session.publish("s1", "d/#", "x", remember));
  EXPECT_TRUE(session.publish("s1", "t", std::string(2000, 'x'), remember));
  ASSERT_EQ(done.size(), 2U);
  EXPECT_FALSE(done[0].on_disk || done[1].on_disk);
  EXPECT_TRUE(sent().empty());
}

TEST_F(SdkSession, AnswersAPingItself) {
  welcome();
  sent();
  say("$sluice/v1/to/a/call/ping", "{}", "c1");
  EXPECT_TRUE(answer("c1").ok);
  EXPECT_TRUE(driver.heard.empty());
}

TEST_F(SdkSession, BringsCallsAndTheirAnswers) {
  welcome();
  sent();
  std::string user;
  mqtt::append_user_property(user, "deadline-ms", "2500");
  say("$sluice/v1/to/a/call/write/s1/u-1/4096", std::string("\0\1", 2), "c2", user);
  ASSERT_EQ(driver.heard.size(), 1U);
  EXPECT_EQ(driver.heard[0], std::string("write s1 u-1 4096 \0\1 2500", 25));
  driver.replies[0](yes({{"offset", 4098}}));
  driver.replies[0](no("lost", "said before"));  // once
  const auto said = answer("c2");
  EXPECT_TRUE(said.ok);
  EXPECT_EQ(said.value.at("offset"), 4098);
  say("$sluice/v1/to/a/call/nothing/s1", "{}", "c3");
  EXPECT_EQ(answer("c3").error, "unsupported");
  say("$sluice/v1/to/a/call/probe/s1", "no JSON", "c4");
  EXPECT_EQ(answer("c4").error, "permanent");
}

TEST_F(SdkSession, BringsMessagesAndAcknowledgesThem) {
  welcome();
  sent();
  std::string user;
  mqtt::append_user_property(user, "response-topic", "d/s1/reply");
  mqtt::append_user_property(user, "correlation-data", device::base64("\x01\xff"));
  say("$sluice/v1/to/a/msg/s1/d/s1/cmd", "on", "m1/s1", user);
  ASSERT_EQ(driver.heard.size(), 1U);
  EXPECT_EQ(driver.heard[0], "s1 d/s1/cmd on d/s1/reply \x01\xff");
  EXPECT_EQ(sent(mqtt::PacketType::puback).size(), 1U);
  driver.replies[0](yes());
  EXPECT_TRUE(answer("m1/s1").ok);
  say("$sluice/v1/to/a/msg/s1/d/s1/cmd", "off", "", "", 0);
  ASSERT_EQ(driver.replies.size(), 2U);
  driver.replies[1](yes());
  EXPECT_TRUE(sent().empty());
}

TEST_F(SdkSession, ReportsAtMostOnceASecond) {
  welcome();
  sent();
  for (std::uint64_t i = 1; i <= 1000; ++i) session.counter("frames", i);
  session.health("degraded", "unplugged");
  session.device_state("s1", "offline");
  EXPECT_TRUE(sent().empty());
  clock.advance(1s);
  const auto reports = sent(mqtt::PacketType::publish);
  ASSERT_EQ(reports.size(), 1U);
  const auto report = device::read_health(reports[0].as<mqtt::Publish>().payload);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->counters.at("frames"), 1000);
  EXPECT_EQ(report->text, "unplugged");
  EXPECT_EQ(report->devices.at("s1"), "offline");
}

TEST_F(SdkSession, ReportsNoMoreSilentDevicesThanTheDaemonReads) {
  welcome(1024, 1 << 20);
  sent();
  session.health("degraded", "no answers");
  for (int i = 0; i < 5000; ++i)
    session.device_state("boiler-room-meter-" + std::to_string(i), "off \"line\"");
  clock.advance(1s);
  const auto reports = sent(mqtt::PacketType::publish);
  ASSERT_EQ(reports.size(), 1U);
  const auto publish = reports[0].as<mqtt::Publish>();
  const auto report = device::read_health(publish.payload);
  ASSERT_TRUE(report) << report.error().text;
  EXPECT_GT(report->devices.size(), 1000U);
  EXPECT_EQ(report->text,
            "no answers; " + std::to_string(5000 - report->devices.size()) + " more devices are not online");
}

TEST_F(SdkSession, PingsWhenItIsQuiet) {
  welcome();
  sent();
  clock.advance(15s);
  EXPECT_GE(sent(mqtt::PacketType::pingreq).size(), 1U);
}

TEST_F(SdkSession, SurvivesAReplyAfterItsEnd) {
  Reply late;
  {
    test::VirtualClock other;
    ScriptedDriver its;
    Session session2{other,
                     {.client_id = "x", .username = "x", .password = "x", .inbox = "in"},
                     its,
                     {[] {}, [] {}, [](auto) {}, [](auto, auto) {}}};
    std::string bytes;
    mqtt::Publish publish;
    publish.topic = "in/call/probe/s1";
    publish.payload = "{}";
    publish.properties.response_topic = "r";
    encode(publish, mqtt::Version::v5, bytes);
    session2.receive(bytes);
    ASSERT_EQ(its.replies.size(), 1U);
    late = its.replies[0];
  }
  late(yes());
}

TEST_F(SdkSession, EndsOnBytesThatAreNoMqtt) {
  welcome();
  session.receive(std::string(8, '\xff'));
  EXPECT_EQ(closed, "the daemon sent no MQTT");
  session.receive("more");
  EXPECT_FALSE(session.publish("s1", "t", "x", {}));
}

}  // namespace
}  // namespace sluice::adapter
