// Listeners, logins and publishes on the plain path.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "tests/unit/device/client.hpp"

namespace sluice::device::test {
namespace {

using mqtt::Reason;
using mqtt::Version;

TEST(Devices, AcknowledgeAPublishOnlyWhenItIsCommitted) {
  World world;
  world.store.commit_by_itself(false);
  world.readings.answer = Offer::Kind::queued;
  world.start();
  Client client(world, world.devices->port(0));
  ASSERT_EQ(client.connect(), Reason::success);
  client.send_publish("d/t1/temp", "21", 1, 7);
  EXPECT_TRUE(client.silent());
  ASSERT_EQ(world.readings.seen.size(), 1U);
  EXPECT_EQ(world.readings.seen[0].topic, "d/t1/temp");
  EXPECT_EQ(world.readings.seen[0].device, "t1");
  EXPECT_EQ(world.readings.seen[0].product, "thermo");
  world.store.commit();
  const auto ack = client.expect<mqtt::Ack>();
  ASSERT_TRUE(ack);
  EXPECT_EQ(ack->packet_id, 7);
}

TEST(Devices, SpeakOnIpv4Ipv6AndUnixSockets) {
  World world;
  auto v6 = world.listener(ListenerOptions::Kind::mqtt);
  v6.address = "[::1]";
  world.options.listen.push_back(v6);
  world.options.listen.push_back(world.listener(ListenerOptions::Kind::unix_socket));
  world.start();
  Client four(world, world.devices->port(0));
  EXPECT_EQ(four.connect({.id = "t1.a", .user = "t1", .token = "secret-1"}), Reason::success);
  Client six(world, world.devices->port(1), "::1");
  EXPECT_EQ(six.connect({.id = "t1.b", .user = "t1", .token = "secret-1"}), Reason::success);
  Client local(world, world.scratch.path() / "mqtt.sock");
  EXPECT_EQ(local.connect({.id = "t1.c", .user = "t1", .token = "secret-1"}), Reason::success);
  struct stat info{};
  ASSERT_EQ(::stat((world.scratch.path() / "mqtt.sock").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0660U);
  const auto status = world.devices->status();
  EXPECT_EQ(status["clients"].size(), 3U);
  EXPECT_EQ(status["connected"], 1);
}

TEST(Devices, ReplaceASocketFileThatNobodyServes) {
  World world;
  world.options.listen = {world.listener(ListenerOptions::Kind::unix_socket)};
  world.start();
  // A kill leaves the file: make it so by hand.
  const auto path = world.scratch.path() / "mqtt.sock";
  const auto kept = world.scratch.path() / "kept.sock";
  std::filesystem::rename(path, kept);
  world.devices.reset();
  std::filesystem::rename(kept, path);
  world.start();
  Client client(world, path);
  EXPECT_EQ(client.connect(), Reason::success);
}

TEST(Devices, LeaveAFileThatIsNoSocketAlone) {
  World world;
  world.options.listen = {world.listener(ListenerOptions::Kind::unix_socket)};
  world.write("mqtt.sock", "precious");
  const auto started = world.try_start();
  ASSERT_FALSE(started.has_value());
  EXPECT_NE(started.error().text.find("not a socket"), std::string::npos) << started.error().text;
}

TEST(Devices, ReportEveryListenerThatCannotBeAtOnce) {
  World first;
  first.start();
  World world;
  auto taken = world.listener(ListenerOptions::Kind::mqtt);
  taken.port = first.devices->port(0);
  taken.text = "mqtt://127.0.0.1:taken";
  auto nowhere = world.listener(ListenerOptions::Kind::mqtt);
  nowhere.address = "203.0.113.7";
  nowhere.port = 1883;
  auto name = world.listener(ListenerOptions::Kind::mqtt);
  name.address = "no-address";
  world.options.listen = {taken, nowhere, name};
  const auto started = world.try_start();
  ASSERT_FALSE(started.has_value());
  for (const char* words : {"mqtt://127.0.0.1:taken", "another program", "no interface of this machine",
                            "is not an IP address"}) {
    EXPECT_NE(started.error().text.find(words), std::string::npos) << words << "\n" << started.error().text;
  }
}

TEST(Devices, RefuseAnUnknownTopicAndKeepAVersion5Connection) {
  World world;
  world.start();
  Client client(world, world.devices->port(0));
  ASSERT_EQ(client.connect(), Reason::success);
  EXPECT_EQ(client.publish("d/t2/temp", "21", 1), Reason::not_authorized);
  EXPECT_EQ(client.publish("d/t1/temp", "21", 2), Reason::success);
  EXPECT_EQ(world.readings.seen.size(), 1U);
  EXPECT_TRUE(world.logged("t1 may not publish to `d/t2/temp`"));
  EXPECT_EQ(world.devices->status()["publishes"]["denied"], 1);
}

TEST(Devices, CloseAVersion311ConnectionThatPublishesToAnUnknownTopic) {
  World world;
  world.start();
  Client client(world, world.devices->port(0));
  ASSERT_EQ(client.connect({.id = "t1", .user = "t1", .token = "secret-1", .version = Version::v311}),
            Reason::success);
  client.send_publish("d/t2/temp", "21", 1, 3);
  EXPECT_TRUE(client.wait_closed());
  EXPECT_TRUE(world.readings.seen.empty());
}

TEST(Devices, GrantOnlySubscriptionsThatTheProductCovers) {
  World world;
  world.start();
  Client client(world, world.devices->port(0));
  ASSERT_EQ(client.connect(), Reason::success);
  EXPECT_EQ(client.subscribe("d/t1/cmd/+"), Reason::granted_qos1);
  EXPECT_EQ(client.subscribe("$share/g/all/x"), Reason::granted_qos1);
  EXPECT_EQ(client.subscribe("d/+/cmd"), Reason::not_authorized);
  EXPECT_EQ(client.subscribe("#"), Reason::not_authorized);
  EXPECT_EQ(client.subscribe("$share/g/#"), Reason::not_authorized);
}

struct Answer {
  Offer::Kind kind;
  Version version;
  std::optional<Reason> ack;  // none: withheld
};

TEST(Devices, AnswerAPublishAsIngestJudgesIt) {
  const Answer answers[] = {
      {Offer::Kind::queued, Version::v5, Reason::success},
      {Offer::Kind::local, Version::v5, Reason::success},
      {Offer::Kind::ended, Version::v5, Reason::success},
      {Offer::Kind::refused, Version::v5, Reason::not_authorized},
      {Offer::Kind::full, Version::v5, Reason::quota_exceeded},
      {Offer::Kind::full, Version::v311, std::nullopt},
      {Offer::Kind::unavailable, Version::v5, std::nullopt},
      {Offer::Kind::unavailable, Version::v311, std::nullopt},
      {Offer::Kind::queued, Version::v311, Reason::success},
  };
  for (const auto& answer : answers) {
    World world;
    world.readings.answer = answer.kind;
    world.start();
    Client client(world, world.devices->port(0));
    ASSERT_EQ(client.connect({.id = "t1", .user = "t1", .token = "secret-1", .version = answer.version}),
              Reason::success);
    client.send_publish("d/t1/temp", "21", 1, 9);
    if (answer.ack) {
      const auto ack = client.expect<mqtt::Ack>();
      ASSERT_TRUE(ack) << static_cast<int>(answer.kind);
      EXPECT_EQ(ack->reason, *answer.ack);
    } else {
      EXPECT_TRUE(client.silent());
      EXPECT_FALSE(client.closed());
    }
  }
}

TEST(Devices, SendClientsOffToSendAgainWhenTheStoreTakesReadingsAgain) {
  World world;
  world.readings.answer = Offer::Kind::unavailable;
  world.start();
  Client client(world, world.devices->port(0));
  ASSERT_EQ(client.connect(), Reason::success);
  client.send_publish("d/t1/temp", "21", 1, 9);
  EXPECT_TRUE(client.silent());
  world.readings.answer = Offer::Kind::local;
  world.devices->relieved();
  EXPECT_TRUE(client.wait_closed());
  Client again(world, world.devices->port(0));
  ASSERT_EQ(again.connect(), Reason::success);
  EXPECT_EQ(again.publish("d/t1/temp", "21", 9), Reason::success);
}

TEST(Devices, DoNotLeaveAClientWithoutAnAckForEver) {
  World world;
  world.readings.answer = Offer::Kind::full;
  world.start();
  Client client(world, world.devices->port(0));
  ASSERT_EQ(client.connect(
                {.id = "t1", .user = "t1", .token = "secret-1", .version = Version::v311, .keep_alive = 600}),
            Reason::success);
  client.send_publish("d/t1/temp", "21", 1, 9);
  EXPECT_TRUE(client.silent());
  world.pass(31s);
  EXPECT_TRUE(client.wait_closed());
}

TEST(Devices, StopReadingWhileTheStoreAsksForAPause) {
  World world;
  world.start();
  Client client(world, world.devices->port(0));
  ASSERT_EQ(client.connect(), Reason::success);
  world.settle();
  world.store.press(true);
  client.send_publish("d/t1/temp", "1", 1, 1);  // the read that is already asked for
  client.next(20);
  client.send_publish("d/t1/temp", "2", 1, 2);
  EXPECT_TRUE(client.silent());
  EXPECT_EQ(world.readings.seen.size(), 1U);
  // Its keep-alive does not run out by our doing.
  world.pass(200s);
  EXPECT_FALSE(client.closed());
  world.store.press(false);
  const auto ack = client.expect<mqtt::Ack>();
  ASSERT_TRUE(ack);
  EXPECT_EQ(ack->packet_id, 2);
}

TEST(Devices, HoldAClientToItsRateWithoutCuttingIt) {
  World world;
  world.options.products[0].limits.publishes_per_second = 10;
  world.start();
  Client client(world, world.devices->port(0));
  ASSERT_EQ(client.connect(), Reason::success);
  std::string many;
  for (std::uint16_t i = 1; i <= 200; ++i) many += publish_packet("d/t1/temp", std::string(80, 'x'), 1, i);
  client.send(many);
  world.pass(1s);
  client.pump();
  EXPECT_LT(world.readings.count, 40U);
  world.pass(10s);
  EXPECT_GT(world.readings.count, 80U);
  EXPECT_LT(world.readings.count, 140U);
  world.pass(10s);
  EXPECT_EQ(world.readings.count, 200U);
  EXPECT_FALSE(client.closed());
}

TEST(Devices, RefuseAPacketLargerThanTheProductAllows) {
  World world;
  world.options.products[0].limits.packet_size = 2000;
  world.options.products.push_back(world.options.products[0]);
  world.options.products[1].name = "camera";
  world.options.products[1].limits.packet_size = 100'000;
  world.start();
  Client client(world, world.devices->port(0));
  ASSERT_EQ(client.connect(), Reason::success);
  EXPECT_EQ(client.publish("d/t1/x", std::string(1500, 'x')), Reason::success);
  client.send_publish("d/t1/x", std::string(3000, 'x'), 1, 2);
  EXPECT_TRUE(client.wait_closed());
  EXPECT_EQ(world.readings.count, 1U);
}

TEST(Devices, TellEachClientTheLimitsOfItsProduct) {
  World world;
  world.options.products.push_back(world.options.products[0]);
  world.options.products[0].limits.inflight = 7;
  world.options.products[0].limits.packet_size = 2000;
  world.options.products[1].name = "camera";
  world.start();
  Client client(world, world.devices->port(0));
  client.send_connect({.id = "t1", .user = "t1", .token = "secret-1"});
  const auto connack = client.expect<mqtt::Connack>();
  ASSERT_TRUE(connack);
  EXPECT_EQ(connack->receive_maximum, 7);
  EXPECT_EQ(connack->maximum_packet_size, 2000U);
}

TEST(Devices, KeepNoMoreForAClientThatIsAwayThanItsProductAllows) {
  World world;
  world.options.products.push_back(world.options.products[0]);
  world.options.products[0].limits.queue_messages = 2;
  world.options.products[1].name = "camera";
  world.start();
  const Client::Login login{.id = "t1", .user = "t1", .token = "secret-1", .clean = false, .expiry = 600};
  {
    Client client(world, world.devices->port(0));
    ASSERT_EQ(client.connect(login), Reason::success);
    ASSERT_EQ(client.subscribe("d/t1/note"), Reason::granted_qos1);
  }
  world.settle();  // its connection has gone
  Client other(world, world.devices->port(0));
  ASSERT_EQ(other.connect({.id = "t1.other", .user = "t1", .token = "secret-1"}), Reason::success);
  for (std::uint16_t i = 1; i <= 3; ++i) {
    ASSERT_EQ(other.publish("d/t1/note", std::to_string(i), i), Reason::success);
  }
  Client back(world, world.devices->port(0));
  ASSERT_EQ(back.connect(login), Reason::success);
  for (const auto* payload : {"1", "2"}) {
    const auto kept = back.expect<mqtt::Publish>();
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->payload, payload);
  }
  EXPECT_TRUE(back.silent());
}

TEST(Devices, SayGoodbyeAndKeepSessionsWhenTheyShutDown) {
  World world;
  world.start();
  Client client(world, world.devices->port(0));
  ASSERT_EQ(client.connect(), Reason::success);
  bool done = false;
  world.devices->shut_down([&] { done = true; });
  const auto goodbye = client.expect<mqtt::Disconnect>();
  ASSERT_TRUE(goodbye);
  EXPECT_EQ(goodbye->reason, Reason::server_shutting_down);
  EXPECT_TRUE(client.wait_closed());
  ::close(client.fd);
  client.fd = -1;
  EXPECT_TRUE(world.until([&] { return done; }));
}

TEST(Devices, DeliverAWillOnlyWhereItsDeviceMayPublish) {
  World world;
  world.start();
  Client watcher(world, world.devices->port(0));
  ASSERT_EQ(watcher.connect({.id = "t1.watch", .user = "t1", .token = "secret-1"}), Reason::success);
  ASSERT_EQ(watcher.subscribe("d/t1/#"), Reason::granted_qos1);
  for (const char* topic : {"d/t1/gone", "d/t2/gone"}) {
    Client client(world, world.devices->port(0));
    mqtt::Connect connect;
    connect.client_id = "t1.w";
    connect.username = "t1";
    connect.password = "secret-1";
    connect.will =
        mqtt::Will{.topic = topic, .payload = "x", .qos = 0, .retain = false, .delay = 0, .properties = {}};
    std::string bytes;
    mqtt::encode(connect, bytes);
    client.send(bytes);
    ASSERT_TRUE(client.expect<mqtt::Connack>());
    ::close(client.fd);
    client.fd = -1;
  }
  const auto will = watcher.expect<mqtt::Publish>();
  ASSERT_TRUE(will);
  EXPECT_EQ(will->topic, "d/t1/gone");
  EXPECT_TRUE(watcher.silent());
  EXPECT_EQ(world.readings.seen.size(), 1U);
}

}  // namespace
}  // namespace sluice::device::test
