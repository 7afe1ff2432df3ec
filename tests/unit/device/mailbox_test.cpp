// Commands for devices that are away: kept, bounded, handed over, across restarts.
#include "device/mailbox.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/device/client.hpp"

namespace sluice::device::test {
namespace {

using mqtt::Reason;

Command command(std::string payload, std::uint32_t ttl = 0) {
  Command made;
  made.device = "t1";
  made.topic = "d/t1/cmd/reboot";
  made.payload = std::move(payload);
  made.ttl_seconds = ttl;
  return made;
}

TEST(Commands, WaitForADeviceThatIsAwayAcrossARestart) {
  World world;
  world.start();
  auto first = command("one");
  first.content_type = "text/plain";
  first.correlation_data = std::string("\0\1", 2);
  const auto ticket = world.devices->commands().deliver(first);
  EXPECT_GT(ticket, 0U);
  world.devices->commands().deliver(command("two"));
  ASSERT_TRUE(world.until([&] { return world.store.committed() >= ticket; }));
  world.restart(true);
  EXPECT_EQ(world.devices->devices()[0]["waiting"], 2);
  Client client(world, world.devices->port(0));
  ASSERT_EQ(client.connect(), Reason::success);
  ASSERT_EQ(client.subscribe("d/t1/cmd/#"), Reason::granted_qos1);
  auto got = client.expect<mqtt::Publish>();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->payload, "one");
  EXPECT_EQ(got->properties.content_type, "text/plain");
  EXPECT_EQ(got->properties.correlation_data, std::string_view("\0\1", 2));
  got = client.expect<mqtt::Publish>();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->payload, "two");
  world.settle();
  EXPECT_EQ(world.devices->devices()[0]["waiting"], 0);
  world.restart();
  EXPECT_EQ(world.devices->devices()[0]["waiting"], 0);
}

TEST(Commands, GoStraightToASessionThatIsThere) {
  World world;
  world.start();
  Client client(world, world.devices->port(0));
  ASSERT_EQ(client.connect(), Reason::success);
  ASSERT_EQ(client.subscribe("d/t1/cmd/#"), Reason::granted_qos1);
  world.devices->commands().deliver(command("now"));
  const auto got = client.expect<mqtt::Publish>();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->payload, "now");
  EXPECT_EQ(got->qos, 1);
  EXPECT_EQ(world.devices->status()["mailbox"]["waiting"], 0);
}

TEST(Commands, StayInADurableSessionWhoseClientIsAwayAndSurviveARestart) {
  World world;
  world.start();
  const Client::Login login{.id = "t1", .user = "t1", .token = "secret-1", .clean = false, .expiry = 3600};
  {
    Client client(world, world.devices->port(0));
    ASSERT_EQ(client.connect(login), Reason::success);
    ASSERT_EQ(client.subscribe("d/t1/cmd/#"), Reason::granted_qos1);
  }
  ASSERT_TRUE(world.until([&] { return world.devices->status()["links"] == 0; }));
  const auto ticket = world.devices->commands().deliver(command("kept"));
  EXPECT_EQ(world.devices->status()["mailbox"]["waiting"], 0);
  ASSERT_TRUE(world.until([&] { return world.store.committed() >= ticket; }));
  world.restart(true);
  Client again(world, world.devices->port(0));
  ASSERT_EQ(again.connect(login), Reason::success);
  const auto got = again.expect<mqtt::Publish>();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->payload, "kept");
}

TEST(Commands, AreKeptForTheDeviceEvenIfAMonitorListensIn) {
  World world;
  world.options.products.push_back({.name = "monitor",
                                    .identity = ProductOptions::Identity::gateway,
                                    .may_publish = {},
                                    .may_subscribe = {"d/#"},
                                    .limits = {}});
  world.options.devices.push_back({.id = "m1",
                                   .product = "monitor",
                                   .token_file = world.write("m", "m"),
                                   .token_hash = {},
                                   .certificate = {}});
  world.start();
  Client monitor(world, world.devices->port(0));
  ASSERT_EQ(monitor.connect({.id = "m1", .user = "m1", .token = "m"}), Reason::success);
  ASSERT_EQ(monitor.subscribe("d/#"), Reason::granted_qos1);
  world.devices->commands().deliver(command("x"));
  EXPECT_TRUE(monitor.expect<mqtt::Publish>());
  EXPECT_EQ(world.devices->status()["mailbox"]["waiting"], 1);
}

TEST(Commands, WaitOnlyForTheSubscriptionThatMatches) {
  World world;
  world.start();
  world.devices->commands().deliver(command("x"));
  Client client(world, world.devices->port(0));
  ASSERT_EQ(client.connect(), Reason::success);
  ASSERT_EQ(client.subscribe("d/t1/other"), Reason::granted_qos1);
  EXPECT_TRUE(client.silent());
  EXPECT_EQ(world.devices->status()["mailbox"]["waiting"], 1);
  ASSERT_EQ(client.subscribe("d/t1/cmd/+"), Reason::granted_qos1);
  EXPECT_TRUE(client.expect<mqtt::Publish>());
}

TEST(Commands, ForNobodyOrAtQosZeroDoNotWait) {
  World world;
  world.start();
  auto unknown = command("x");
  unknown.device = "t9";
  world.devices->commands().deliver(unknown);
  auto light = command("x");
  light.qos = 0;
  world.devices->commands().deliver(light);
  EXPECT_EQ(world.devices->status()["mailbox"]["waiting"], 0);
}

TEST(Mailbox, DropsTheOldestBeyondItsBoundsAndCounts) {
  World world;
  Mailbox mailbox(world.store, Log(), {.messages = 3, .bytes = 2000, .bytes_total = 2500});
  for (const char* payload : {"1", "2", "3", "4"}) mailbox.put(command(payload));
  EXPECT_EQ(mailbox.waiting("t1"), 3U);
  EXPECT_EQ(mailbox.displaced, 1U);
  mailbox.put(command(std::string(1900, 'x')));
  EXPECT_EQ(mailbox.waiting("t1"), 1U);
  EXPECT_EQ(mailbox.displaced, 4U);
  mailbox.put(command(std::string(3000, 'x')));
  EXPECT_EQ(mailbox.refused, 1U);
  auto other = command(std::string(1000, 'y'));
  other.device = "t2";
  mailbox.put(other);
  EXPECT_EQ(mailbox.refused, 2U);
  mailbox.forget("t1");
  mailbox.put(other);
  EXPECT_EQ(mailbox.waiting("t2"), 1U);
  world.store.commit();
  Mailbox again(world.store, Log());
  ASSERT_TRUE(again.restore().has_value());
  EXPECT_EQ(again.waiting(), 1U);
  EXPECT_EQ(again.bytes(), mailbox.bytes());
}

TEST(Mailbox, ForgetsWhatHasExpiredAndTellsTheTimeThatIsLeft) {
  World world;
  Mailbox mailbox(world.store, Log());
  mailbox.put(command("short", 10));
  mailbox.put(command("long", 100));
  mailbox.put(command("ever"));
  world.clock.advance(40s);
  std::vector<std::pair<std::string, std::uint32_t>> given;
  mailbox.hand_over("t1", [&](const Command& c) {
    given.emplace_back(c.payload, c.ttl_seconds);
    return false;
  });
  ASSERT_EQ(given.size(), 2U);
  EXPECT_EQ(given[0], std::pair(std::string("long"), 60U));
  EXPECT_EQ(given[1], std::pair(std::string("ever"), 0U));
  EXPECT_EQ(mailbox.expired, 1U);
  world.clock.advance(70s);
  mailbox.tick();
  EXPECT_EQ(mailbox.waiting(), 1U);
}

TEST(Mailbox, LeavesOutWhatItCannotRead) {
  World world;
  world.store.put(kMailboxSpace, "t1", "x");
  world.store.put(kMailboxSpace, std::string("t1\0\0\0\0\0\0\0\0\1", 11), "garbage");
  world.store.put(kMailboxSpace, std::string("t1\0\0\0\0\0\0\0\0\2", 11), "");
  world.store.commit();
  Mailbox mailbox(world.store, Log());
  ASSERT_TRUE(mailbox.restore().has_value());
  EXPECT_EQ(mailbox.waiting(), 0U);
}

}  // namespace
}  // namespace sluice::device::test
