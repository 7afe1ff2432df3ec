// WebSocket: the upgrade, frames in every cut, and what is refused.
#include "device/websocket.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/device/client.hpp"

namespace sluice::device::test {
namespace {

using mqtt::Reason;

struct WsWorld : World {
  WsWorld() { options.listen = {listener(ListenerOptions::Kind::ws)}; }
};

TEST(WebSocket, CarriesMqtt) {
  WsWorld world;
  world.start();
  Client client(world, world.devices->port(0));
  ASSERT_EQ(client.websocket(), 101);
  EXPECT_NE(client.error.find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            std::string::npos);  // RFC 6455, 1.3
  EXPECT_NE(client.error.find("Sec-WebSocket-Protocol: mqtt\r\n"), std::string::npos);
  ASSERT_EQ(client.connect(), Reason::success);
  EXPECT_EQ(client.publish("d/t1/x", "1"), Reason::success);
}

TEST(WebSocket, DoesNotCareHowPacketsAndMessagesAreCut) {
  WsWorld world;
  world.start();
  Client client(world, world.devices->port(0));
  ASSERT_EQ(client.websocket(), 101);
  // Two packets in one message, in three frames, with a ping between; then one packet byte by byte.
  const auto bytes =
      connect_packet({.id = "t1", .user = "t1", .token = "secret-1"}) + publish_packet("d/t1/a", "1", 1, 1);
  client.send_frame(bytes.substr(0, 5), 0x02);
  client.send_frame("hello", 0x89);
  client.send_frame(bytes.substr(5, 9), 0x00);
  client.send_frame(bytes.substr(14), 0x80);
  for (const char c : publish_packet("d/t1/b", "2", 1, 2)) client.send_frame({&c, 1});
  client.send_frame("", 0x82);
  ASSERT_TRUE(client.expect<mqtt::Connack>());
  ASSERT_TRUE(client.expect<mqtt::Ack>());
  ASSERT_TRUE(client.expect<mqtt::Ack>());
  EXPECT_EQ(client.error, "pong hello");
  EXPECT_EQ(world.readings.seen.size(), 2U);
}

TEST(WebSocket, AnswersWhatIsNoMqttUpgradeWithProperHttp) {
  WsWorld world;
  world.start();
  const auto status = [&](std::string_view path, std::string_view protocol) {
    Client client(world, world.devices->port(0));
    const int got = client.websocket(path, protocol);
    EXPECT_TRUE(client.wait_closed());
    return got;
  };
  EXPECT_EQ(status("/other", "mqtt"), 404);
  EXPECT_EQ(status("/mqtt", ""), 400);
  EXPECT_EQ(status("/mqtt", "chat"), 400);
  const auto raw = [&](std::string_view request) {
    Client client(world, world.devices->port(0));
    client.send(request);
    EXPECT_TRUE(client.wait_closed());
    return std::string(client.bytes().substr(0, 12));
  };
  EXPECT_EQ(raw("GET /mqtt HTTP/1.1\r\nHost: gw\r\n\r\n"), "HTTP/1.1 426");
  EXPECT_EQ(raw("POST /mqtt HTTP/1.1\r\nHost: gw\r\nContent-Length: 0\r\n\r\n"), "HTTP/1.1 405");
  EXPECT_EQ(raw("nonsense\r\n\r\n"), "HTTP/1.1 400");
  EXPECT_EQ(raw("GET /mqtt HTTP/1.1\r\nX: " + std::string(9000, 'x') + "\r\n\r\n"), "HTTP/1.1 431");
  EXPECT_EQ(raw("GET /mqtt HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: "
                "8\r\n\r\n"),
            "HTTP/1.1 426");
}

TEST(WebSocket, TakesASubProtocolAmongOthersAndAQuery) {
  WsWorld world;
  world.start();
  Client client(world, world.devices->port(0));
  EXPECT_EQ(client.websocket("/mqtt?x=1", "mqttv3.1, mqtt"), 101);
}

TEST(WebSocket, ClosesOnFramesThatMqttOrTheStandardForbid) {
  WsWorld world;
  world.start();
  const auto answer = [&](const std::function<void(Client&)>& act) {
    Client client(world, world.devices->port(0));
    EXPECT_EQ(client.websocket(), 101);
    client.error.clear();
    act(client);
    EXPECT_TRUE(client.wait_closed());
    return client.error;
  };
  EXPECT_EQ(answer([](Client& c) { c.send_frame("hi", 0x81); }), "close 1003");                  // text
  EXPECT_EQ(answer([](Client& c) { c.send(std::string_view("\x82\x01x", 3)); }), "close 1002");  // not masked
  EXPECT_EQ(answer([](Client& c) { c.send_frame("hi", 0xc2); }), "close 1002");  // reserved bit
  EXPECT_EQ(answer([](Client& c) { c.send_frame("hi", 0x80); }), "close 1002");  // continues nothing
  EXPECT_EQ(answer([](Client& c) { c.send_frame("hi", 0x83); }), "close 1002");  // unknown opcode
  EXPECT_EQ(answer([](Client& c) { c.send_frame("hi", 0x09); }), "close 1002");  // a ping in parts
  EXPECT_EQ(answer([](Client& c) { c.send_frame(std::string("\x03\xe8", 2), 0x88); }), "close 1000");
}

TEST(WebSocket, LetsNoWebPageUseAListenerWithoutCredentials) {
  WsWorld world;
  world.options.anonymous_product = "thermo";
  world.options.listen[0].anonymous = true;
  world.start();
  Client page(world, world.devices->port(0));
  EXPECT_EQ(page.websocket("/mqtt", "mqtt", "Origin: http://evil.example\r\n"), 403);
  for (const auto* foreign : {"Origin: http://localhost.evil.example\r\n", "Origin: null\r\n"}) {
    Client other(world, world.devices->port(0));
    EXPECT_EQ(other.websocket("/mqtt", "mqtt", foreign), 403) << foreign;
  }
  Client paho(world, world.devices->port(0));
  EXPECT_EQ(paho.websocket("/mqtt", "mqtt", "Origin: http://127.0.0.1:9001\r\n"), 101);
  Client program(world, world.devices->port(0));
  EXPECT_EQ(program.websocket(), 101);
}

TEST(WebSocket, HasADeadlineForTheUpgrade) {
  WsWorld world;
  world.start();
  Client client(world, world.devices->port(0));
  client.send("GET /mqtt HTTP/1.1\r\n");
  world.pass(11s);
  EXPECT_TRUE(client.wait_closed());
}

TEST(WebSocket, SurvivesEveryCutOfAConversation) {
  // The same bytes, cut in two at each place, give the same payload.
  const std::string request =
      "GET /mqtt HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: "
      "dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
  const std::string frames("\x82\x85\x00\x00\x00\x00hello\x82\xfe\x00\x80\x00\x00\x00\x00", 19);
  const std::string all = request + frames + std::string(128, 'z');
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    device::WebSocket socket("/mqtt", true);
    std::string payload, reply;
    const auto take = [&](std::string_view part) {
      payload += part;
      return true;
    };
    auto first = all.substr(0, cut), second = all.substr(cut);
    ASSERT_TRUE(socket.receive(first, take, reply)) << cut;
    ASSERT_TRUE(socket.receive(second, take, reply)) << cut;
    ASSERT_EQ(payload, "hello" + std::string(128, 'z')) << cut;
  }
}

}  // namespace
}  // namespace sluice::device::test
