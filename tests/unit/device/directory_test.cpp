// Devices that come, change and go while the gateway runs; what the directory says of the config; own
// identities.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "device/token_hash.hpp"
#include "tests/unit/device/client.hpp"

namespace sluice::device::test {
namespace {

using mqtt::Reason;

struct Outcome {
  bool done = false;
  std::string error;
  Done into() {
    return [this](result<void> r) {
      done = true;
      error = r ? "" : r.error().text;
    };
  }
};

TEST(RunTimeDevices, AreAddedAndSurviveARestart) {
  World world;
  world.start();
  Outcome added;
  world.devices->add_device("t2", "thermo", "secret-2", added.into());
  ASSERT_TRUE(world.until([&] { return added.done; }));
  EXPECT_EQ(added.error, "");
  for (const auto& [key, value] : world.registry.rows) EXPECT_EQ(value.find("secret"), std::string::npos);
  Client client(world, world.devices->port(0));
  EXPECT_EQ(client.connect({.id = "t2", .user = "t2", .token = "secret-2"}), Reason::success);
  world.restart();
  Client again(world, world.devices->port(0));
  EXPECT_EQ(again.connect({.id = "t2", .user = "t2", .token = "secret-2"}), Reason::success);
  EXPECT_EQ(again.publish("d/t2/x", "1"), Reason::success);
}

TEST(RunTimeDevices, AreNotThereWhenTheRegistryCannotWrite) {
  World world;
  world.start();
  world.registry.broken = true;
  Outcome added;
  world.devices->add_device("t2", "thermo", "secret-2", added.into());
  ASSERT_TRUE(world.until([&] { return added.done; }));
  EXPECT_EQ(added.error, "the registry is broken");
  EXPECT_EQ(world.devices->devices().size(), 1U);
}

TEST(RunTimeDevices, SayWhatIsWrong) {
  World world;
  world.start();
  const auto error = [&](auto call) {
    Outcome outcome;
    call(outcome.into());
    EXPECT_TRUE(world.until([&] { return outcome.done; }));
    return outcome.error;
  };
  auto& devices = *world.devices;
  EXPECT_NE(error([&](Done d) { devices.add_device("t1", "thermo", "x", d); }).find("already"),
            std::string::npos);
  EXPECT_NE(error([&](Done d) { devices.add_device("t2", "none", "x", d); }).find("no product `none`"),
            std::string::npos);
  EXPECT_NE(error([&](Done d) { devices.add_device("t+", "thermo", "x", d); }).find("A-Z"),
            std::string::npos);
  EXPECT_NE(error([&](Done d) { devices.add_device("t2", "thermo", "", d); }).find("token"),
            std::string::npos);
  EXPECT_NE(error([&](Done d) { devices.remove_device("t1", d); }).find("config file"), std::string::npos);
  EXPECT_NE(error([&](Done d) { devices.set_token("t1", "x", d); }).find("config file"), std::string::npos);
  EXPECT_NE(error([&](Done d) { devices.remove_device("t7", d); }).find("no device"), std::string::npos);
}

TEST(RunTimeDevices, GoAtOnceWhenTheyAreDisabledRemovedOrGetANewToken) {
  World world;
  world.start();
  Outcome added;
  world.devices->add_device("t2", "thermo", hash_token("secret-2"), added.into());
  ASSERT_TRUE(world.until([&] { return added.done; }));
  const Client::Login login{.id = "t2", .user = "t2", .token = "secret-2", .clean = false, .expiry = 3600};

  Client first(world, world.devices->port(0));
  ASSERT_EQ(first.connect(login), Reason::success);
  Outcome disabled;
  world.devices->set_enabled("t2", false, disabled.into());
  EXPECT_TRUE(first.wait_closed());
  Client out(world, world.devices->port(0));
  EXPECT_EQ(out.connect(login), Reason::banned);
  world.restart();
  Client still_out(world, world.devices->port(0));
  EXPECT_EQ(still_out.connect(login), Reason::banned);
  Outcome enabled;
  world.devices->set_enabled("t2", true, enabled.into());
  ASSERT_TRUE(world.until([&] { return enabled.done; }));

  Client second(world, world.devices->port(0));
  ASSERT_EQ(second.connect(login), Reason::success);
  Outcome changed;
  world.devices->set_token("t2", "secret-3", changed.into());
  EXPECT_TRUE(second.wait_closed());
  ASSERT_TRUE(world.until([&] { return changed.done; }));
  Client old(world, world.devices->port(0));
  EXPECT_EQ(old.connect(login), Reason::bad_user_name_or_password);

  Client third(world, world.devices->port(0));
  ASSERT_EQ(third.connect({.id = "t2", .user = "t2", .token = "secret-3"}), Reason::success);
  Outcome removed;
  world.devices->remove_device("t2", removed.into());
  EXPECT_TRUE(third.wait_closed());
  ASSERT_TRUE(world.until([&] { return removed.done; }));
  EXPECT_EQ(removed.error, "");
  EXPECT_EQ(world.devices->devices().size(), 1U);
  EXPECT_EQ(world.devices->status()["broker"]["sessions"], 0);
}

TEST(RunTimeDevices, OfTheConfigFileStayDisabledAcrossARestart) {
  World world;
  world.start();
  Outcome disabled;
  world.devices->set_enabled("t1", false, disabled.into());
  ASSERT_TRUE(world.until([&] { return disabled.done; }));
  world.restart();
  Client client(world, world.devices->port(0));
  EXPECT_EQ(client.connect(), Reason::banned);
}

TEST(Directory, ReportsEveryProblemOfTheConfigAtOnce) {
  World world;
  world.options.products[0].may_publish.push_back("a/#/b");
  world.options.devices.push_back(
      {.id = "t 2", .product = "thermo", .token_file = {}, .token_hash = {}, .certificate = {}});
  world.options.devices.push_back(
      {.id = "t3", .product = "none", .token_file = {}, .token_hash = {}, .certificate = {}});
  world.options.devices.push_back(
      {.id = "t4", .product = "thermo", .token_file = {}, .token_hash = "plain", .certificate = {}});
  world.options.devices.push_back(
      {.id = "t5", .product = "thermo", .token_file = "/no/such/token", .token_hash = {}, .certificate = {}});
  const auto started = world.try_start();
  ASSERT_FALSE(started.has_value());
  for (const char* words : {"a/#/b", "t 2", "no product `none`"}) {
    EXPECT_NE(started.error().text.find(words), std::string::npos) << words << "\n" << started.error().text;
  }
  world.options.products[0].may_publish.pop_back();
  const auto again = world.try_start();
  ASSERT_FALSE(again.has_value());
  for (const char* words : {"t4: token_hash", "/no/such/token"}) {
    EXPECT_NE(again.error().text.find(words), std::string::npos) << words << "\n" << again.error().text;
  }
}

TEST(OwnIdentities, AreDevicesOfSuchAProductThatHaveACertificate) {
  World world;
  world.options.certificates = world.scratch.path();
  world.options.products[0].identity = ProductOptions::Identity::own;
  world.options.devices.push_back(
      {.id = "t2", .product = "thermo", .token_file = {}, .token_hash = {}, .certificate = {}});
  world.write("t1.crt", "c");
  world.write("t1.key", "k");
  world.write("t2.crt", "c");  // no key
  world.start();
  const auto own = world.devices->own_identities();
  ASSERT_EQ(own.size(), 1U);
  EXPECT_EQ(own[0].device, "t1");
  EXPECT_EQ(own[0].lane, world.store.name_id("t1"));
  EXPECT_EQ(own[0].tls.key, world.scratch.path() / "t1.key");
  Client client(world, world.devices->port(0));
  ASSERT_EQ(client.connect(), Reason::success);
  ASSERT_EQ(client.publish("d/t1/x", "1"), Reason::success);
  EXPECT_EQ(world.readings.seen.at(0).lane, own[0].lane);

  int changes = 0;
  world.devices->on_own_identities_changed([&] { ++changes; });
  world.write("t2.key", "k");
  world.pass(61s);
  EXPECT_EQ(changes, 1);
  EXPECT_EQ(world.devices->own_identities().size(), 2U);
}

}  // namespace
}  // namespace sluice::device::test
