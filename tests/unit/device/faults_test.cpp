// The fault list, as far as it concerns connections: each test injects its fault.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <random>

#include "device/durable.hpp"
#include "tests/unit/device/client.hpp"

namespace sluice::device::test {
namespace {

using mqtt::Reason;

TEST(F6Descriptors, PausesAcceptingWithoutSpinningAndKeepsThoseWhoAreThere) {
  World world;
  world.start();
  Client there(world, world.devices->port(0));
  ASSERT_EQ(there.connect(), Reason::success);
  Client late(world, world.devices->port(0));  // in the accept queue before the limit falls
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const int lowest = ::dup(0);
  ::close(lowest);
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(lowest);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  late.send_connect({.id = "t1.late", .user = "t1", .token = "secret-1"});
  std::size_t handlers = 0;
  for (int i = 0; i < 200; ++i) {
    world.loop.restart();
    handlers += world.loop.poll();
  }
  EXPECT_LT(handlers, 20U) << "the accept loop spins";
  EXPECT_TRUE(world.logged("cannot accept: Too many open files"));
  EXPECT_FALSE(world.devices->status()["listeners"][0]["trouble"].get<std::string>().empty());
  EXPECT_EQ(there.publish("d/t1/x", "1"), Reason::success);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  world.pass(500ms);
  EXPECT_TRUE(late.expect<mqtt::Connack>());
  EXPECT_TRUE(world.devices->status()["listeners"][0]["trouble"].get<std::string>().empty());
}

TEST(F10Suspend, DoesNotCutClientsWhoseBytesWereWaiting) {
  World world;
  world.start();
  Client client(world, world.devices->port(0));
  ASSERT_EQ(client.connect({.id = "t1", .user = "t1", .token = "secret-1", .keep_alive = 10}),
            Reason::success);
  // One hour in which we did not run at all; then the late tick comes before the first read.
  std::string ping;
  mqtt::encode_pingreq(ping);
  world.leaping.leap(3600s);
  world.clock.advance(250ms);
  for (int i = 0; i < 30; ++i) {
    client.send(ping);
    ASSERT_TRUE(client.expect<mqtt::Pingresp>()) << i;
    world.pass(10s);
  }
  // And one that is silent is found out after all.
  world.pass(16s);
  EXPECT_TRUE(client.wait_closed());
}

TEST(F10Suspend, MakesUpForTheGapSoThatExpiryStillComes) {
  BrokerTime time(1000, MonoTime(0s));
  EXPECT_EQ(time.step(MonoTime(1s), false), 1'001'000);
  EXPECT_EQ(time.step(MonoTime(101s), false), 1'001'250);
  EXPECT_EQ(time.behind(), 99'750);
  auto now = MonoTime(101s);
  for (int i = 0; i < 399; ++i) time.step(now += 1s, false);
  EXPECT_EQ(time.behind(), 0);
  EXPECT_EQ(time.now(), 1'500'000);
  const auto held = time.now();
  EXPECT_EQ(time.step(now += 1s, true), held);
  EXPECT_EQ(time.step(MonoTime(0s), false), held);  // never back
}

TEST(F13HalfOpen, APeerThatVanishesIsGoneAfterOneAndAHalfKeepAlives) {
  World world;
  world.start();
  Client watcher(world, world.devices->port(0));
  ASSERT_EQ(watcher.connect({.id = "t1.w", .user = "t1", .token = "secret-1", .keep_alive = 600}),
            Reason::success);
  Client client(world, world.devices->port(0));
  ASSERT_EQ(client.connect({.id = "t1", .user = "t1", .token = "secret-1", .keep_alive = 10}),
            Reason::success);
  world.pass(14s);
  EXPECT_EQ(world.devices->status()["clients"].size(), 2U);
  world.pass(2s);
  EXPECT_EQ(world.devices->status()["clients"].size(), 1U);
  world.pass(3s);  // the socket goes, too, though the peer never hangs up
  EXPECT_EQ(world.devices->status()["links"], 1);
}

TEST(F13HalfOpen, SocketsHaveAUserTimeout) {
  World world;
  world.start();
  Client client(world, world.devices->port(0));
  ASSERT_EQ(client.connect(), Reason::success);
  bool found = false;
  for (int fd = 3; fd < 64; ++fd) {
    unsigned timeout = 0;
    socklen_t size = sizeof timeout;
    if (fd != client.fd && ::getsockopt(fd, IPPROTO_TCP, 18 /* TCP_USER_TIMEOUT */, &timeout, &size) == 0 &&
        timeout == 60'000)
      found = true;
  }
  EXPECT_TRUE(found);
}

TEST(F14SlowConsumer, APeerThatNeverReadsIsBoundedAndCut) {
  World world;
  world.start();
  Client slow(world, world.devices->port(0));
  const int small = 4096;
  ::setsockopt(slow.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  ASSERT_EQ(slow.connect({.id = "t1.slow", .user = "t1", .token = "secret-1", .keep_alive = 600}),
            Reason::success);
  ASSERT_EQ(slow.subscribe("d/t1/#", 0), Reason::success);
  Client busy(world, world.devices->port(0));
  ASSERT_EQ(busy.connect({.id = "t1", .user = "t1", .token = "secret-1", .keep_alive = 600}),
            Reason::success);
  const std::string payload(60'000, 'x');
  for (std::uint16_t i = 1; i <= 300; ++i)
    ASSERT_EQ(busy.publish("d/t1/x", payload, i), Reason::success) << i;
  EXPECT_GT(world.devices->status()["broker"]["dropped_qos0"], 0);
  for (int i = 0; i < 40; ++i) {  // 40 s: longer than a stall may last
    world.pass(1s);
    ASSERT_EQ(busy.publish("d/t1/x", "y", 1), Reason::success);
  }
  EXPECT_EQ(world.devices->status()["clients"].size(), 1U);
  EXPECT_EQ(world.devices->status()["broker"]["slow_consumers_cut"], 1);
  world.pass(3s);
  EXPECT_EQ(world.devices->status()["links"], 1);
}

TEST(F14SlowConsumer, APeerThatAsksButDoesNotReadAnswersIsNotReadEither) {
  World world;
  world.start();
  Client client(world, world.devices->port(0));
  const int small = 4096;
  ::setsockopt(client.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  ASSERT_EQ(client.connect({.id = "t1", .user = "t1", .token = "secret-1", .keep_alive = 600}),
            Reason::success);
  std::string pings;
  for (int i = 0; i < 32'768; ++i) mqtt::encode_pingreq(pings);
  for (int i = 0; i < 400; ++i) {
    (void)!::send(client.fd, pings.data(), pings.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    world.settle();
  }
  char more = 0;
  EXPECT_LT(::send(client.fd, &more, 1, MSG_NOSIGNAL | MSG_DONTWAIT), 1) << "it is still being read";
  world.pass(40s);
  EXPECT_TRUE(world.until([&] { return world.devices->status()["links"] == 0; }));
}

TEST(F20Malformed, GarbageOnAConnectionHarmsNobodyElse) {
  World world;
  world.start();
  Client good(world, world.devices->port(0));
  ASSERT_EQ(good.connect(), Reason::success);
  std::mt19937 random(20);
  for (int round = 0; round < 200; ++round) {
    Client bad(world, world.devices->port(0));
    std::string bytes;
    if (round % 2 == 0) bytes = connect_packet({.id = "t1.bad", .user = "t1", .token = "secret-1"});
    for (int i = 0; i < 200; ++i) bytes.push_back(static_cast<char>(random()));
    if (round % 4 == 0) bytes[random() % bytes.size()] ^= 0x55;
    bad.send(bytes);
    world.settle();
  }
  EXPECT_EQ(good.publish("d/t1/x", "1"), Reason::success);
  EXPECT_TRUE(world.until([&] { return world.devices->status()["links"] == 1; }));
}

TEST(F20Malformed, AConnectionThatSaysNothingIsClosedAfterItsDeadline) {
  World world;
  world.start();
  Client silent(world, world.devices->port(0));
  Client slow(world, world.devices->port(0));
  slow.send("\x10");
  world.pass(6s);
  EXPECT_TRUE(silent.wait_closed());
  EXPECT_TRUE(slow.wait_closed());
}

TEST(F23Reload, KeepsSessionsOfListenersThatStay) {
  World world;
  world.options.listen.push_back(world.listener(ListenerOptions::Kind::unix_socket));
  world.start();
  Client stays(world, world.devices->port(0));
  ASSERT_EQ(stays.connect({.id = "t1.a", .user = "t1", .token = "secret-1"}), Reason::success);
  Client leaves(world, world.scratch.path() / "mqtt.sock");
  ASSERT_EQ(leaves.connect({.id = "t1.b", .user = "t1", .token = "secret-1"}), Reason::success);
  const auto port = world.devices->port(0);

  auto options = world.options;
  options.listen.pop_back();
  options.listen.push_back(world.listener(ListenerOptions::Kind::ws));
  options.products[0].may_publish = {"other/{device}"};
  const auto reloaded = world.devices->reload(options);
  ASSERT_TRUE(reloaded.has_value()) << reloaded.error().text;
  EXPECT_TRUE(leaves.wait_closed());
  EXPECT_EQ(world.devices->port(0), port);
  EXPECT_EQ(stays.publish("d/t1/x", "1", 1), Reason::not_authorized);
  EXPECT_EQ(stays.publish("other/t1", "1", 2), Reason::success);
  Client web(world, world.devices->port(1));
  EXPECT_EQ(web.websocket(), 101);
}

TEST(F23Reload, ChangesNothingWhenAnythingIsWrong) {
  World world;
  world.start();
  Client client(world, world.devices->port(0));
  ASSERT_EQ(client.connect(), Reason::success);
  auto options = world.options;
  options.listen.push_back(world.listener(ListenerOptions::Kind::unix_socket));
  options.products[0].may_publish = {"bad/#/filter"};
  EXPECT_FALSE(world.devices->reload(options).has_value());
  EXPECT_FALSE(std::filesystem::exists(world.scratch.path() / "mqtt.sock"));
  options = world.options;
  options.listen[0].anonymous = true;  // without a product for it
  EXPECT_FALSE(world.devices->reload(options).has_value());
  EXPECT_EQ(client.publish("d/t1/x", "1"), Reason::success);
  Client nobody(world, world.devices->port(0));
  EXPECT_EQ(nobody.connect({.id = "probe", .user = "", .token = ""}), Reason::not_authorized);
}

TEST(F23Reload, PutsDevicesThatHaveGoneOutAndTakesTheirSubscriptionsBack) {
  World world;
  world.options.devices.push_back({.id = "t2",
                                   .product = "thermo",
                                   .token_file = world.write("2", "2"),
                                   .token_hash = {},
                                   .certificate = {}});
  world.start();
  Client one(world, world.devices->port(0)), two(world, world.devices->port(0));
  ASSERT_EQ(one.connect(), Reason::success);
  ASSERT_EQ(one.subscribe("all/#"), Reason::granted_qos1);
  ASSERT_EQ(two.connect({.id = "t2", .user = "t2", .token = "2"}), Reason::success);
  auto options = world.options;
  options.devices.pop_back();
  options.products[0].may_subscribe = {"d/{device}/#"};
  ASSERT_TRUE(world.devices->reload(options).has_value());
  EXPECT_TRUE(two.wait_closed());
  Command command;
  command.topic = "all/news";
  command.payload = "x";
  world.devices->commands().deliver(command);
  EXPECT_TRUE(one.silent());
}

TEST(IdleConnections, CostLittleMemory) {
  // Socket, link, engine and session of a client that has logged in and says nothing; the kernel's part is
  // its own.
  World world;
  world.options.listen = {world.listener(ListenerOptions::Kind::unix_socket)};
  world.start();
  const auto path = world.scratch.path() / "mqtt.sock";
  constexpr std::size_t kClients = 400;
  std::vector<std::unique_ptr<Client>> clients;
  clients.reserve(kClients);
  for (std::size_t i = 0; i < kClients; ++i) clients.push_back(std::make_unique<Client>(world, path));
  const auto before = ::mallinfo2().uordblks;
  for (std::size_t i = 0; i < kClients; ++i) {
    const auto bytes = connect_packet(
        {.id = "t1." + std::to_string(i), .user = "t1", .token = "secret-1", .keep_alive = 600});
    ASSERT_EQ(::send(clients[i]->fd, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  ASSERT_TRUE(world.until([&] { return world.devices->status()["clients"].size() == kClients; }));
  world.pass(1s);
  const auto each = (::mallinfo2().uordblks - before) / kClients;
  RecordProperty("bytes_per_idle_connection", static_cast<int>(each));
  EXPECT_LT(each, 3'000U);
}

}  // namespace
}  // namespace sluice::device::test
