// Who is let in: tokens, hashes, client ids, anonymous clients, disabled devices, storms and guessing.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "device/authenticator.hpp"
#include "device/token_hash.hpp"
#include "tests/unit/device/client.hpp"

namespace sluice::device::test {
namespace {

using mqtt::Reason;
using mqtt::Version;

TEST(Authentication, TellsAnUnknownDeviceAndAWrongTokenNothingApart) {
  World world;
  world.start();
  Client wrong(world, world.devices->port(0));
  EXPECT_EQ(wrong.connect({.id = "t1", .user = "t1", .token = "secret-2"}),
            Reason::bad_user_name_or_password);
  Client unknown(world, world.devices->port(0));
  EXPECT_EQ(unknown.connect({.id = "t9", .user = "t9", .token = "secret-1"}),
            Reason::bad_user_name_or_password);
  // Both cost a hash: time tells nothing either.
  EXPECT_EQ(world.devices->status()["auth"]["hashes"], 2);
  EXPECT_TRUE(world.logged("unknown device or wrong token"));
  for (const auto& line : world.log) EXPECT_EQ(line.find("secret"), std::string::npos) << line;
}

TEST(Authentication, AnswersVersion311WithItsOwnCodes) {
  World world;
  world.start();
  Client wrong(world, world.devices->port(0));
  EXPECT_EQ(wrong.connect({.id = "t1", .user = "t1", .token = "no", .version = Version::v311}),
            Reason::bad_user_name_or_password);
  Client nobody(world, world.devices->port(0));
  EXPECT_EQ(nobody.connect({.id = "t1", .user = "", .token = "", .version = Version::v311}),
            Reason::not_authorized);
}

TEST(Authentication, TakesTheUsernameWhereThereIsNoClientId) {
  World world;
  world.start();
  Client client(world, world.devices->port(0));
  EXPECT_EQ(client.connect({.id = "", .user = "t1", .token = "secret-1"}), Reason::success);
  EXPECT_EQ(world.devices->status()["clients"][0]["id"], "t1");
}

TEST(Authentication, DoesNotMakeAnSdksSuffixOfTheUsernameAClientId) {
  World world;
  world.start();
  Client named(world, world.devices->port(0));
  EXPECT_EQ(named.connect({.id = "t1", .user = "t1?SDK=Cpp&Version=1.2", .token = "secret-1"}),
            Reason::success);
  Client nameless(world, world.devices->port(0));
  EXPECT_EQ(nameless.connect({.id = "", .user = "t1?SDK=+/#", .token = "secret-1"}), Reason::success);
  EXPECT_EQ(world.devices->status()["clients"][0]["id"], "t1");
}

TEST(Authentication, GivesEachNamelessAnonymousClientASessionOfItsOwn) {
  World world;
  world.options.anonymous_product = "thermo";
  world.options.listen[0].anonymous = true;
  world.start();
  Client one(world, world.devices->port(0)), two(world, world.devices->port(0));
  EXPECT_EQ(one.connect({.id = "", .user = "", .token = ""}), Reason::success);
  EXPECT_EQ(two.connect({.id = "", .user = "", .token = ""}), Reason::success);
  const auto clients = world.devices->status()["clients"];
  ASSERT_EQ(clients.size(), 2U);
  EXPECT_NE(clients[0]["id"], clients[1]["id"]);
  EXPECT_EQ(clients[0]["device"], "anonymous");
}

TEST(Authentication, BindsTheClientIdToTheDevice) {
  World world;
  world.options.devices.push_back({.id = "t1-b",
                                   .product = "thermo",
                                   .token_file = world.write("b", "secret-b"),
                                   .token_hash = {},
                                   .certificate = {}});
  world.start();
  const std::pair<const char*, Reason> ids[] = {
      {"t1", Reason::success},
      {"t1.second", Reason::success},
      {"t1-b", Reason::client_identifier_not_valid},  // another device's session
      {"t1-b.x", Reason::client_identifier_not_valid},
      {"t2", Reason::client_identifier_not_valid},
      {"t1/+", Reason::client_identifier_not_valid},
      {"t1.#", Reason::client_identifier_not_valid},
      {"+", Reason::client_identifier_not_valid},
  };
  for (const auto& [id, reason] : ids) {
    Client client(world, world.devices->port(0));
    EXPECT_EQ(client.connect({.id = id, .user = "t1", .token = "secret-1"}), reason) << id;
  }
}

TEST(Authentication, HashesATokenOnceAndThenKnowsIt) {
  World world;
  world.options.devices[0].token_file.clear();
  world.options.devices[0].token_hash = hash_token("hashed-1");
  world.start();
  for (int i = 0; i < 3; ++i) {
    Client client(world, world.devices->port(0));
    EXPECT_EQ(client.connect({.id = "t1", .user = "t1", .token = "hashed-1"}), Reason::success);
  }
  EXPECT_EQ(world.devices->status()["auth"]["hashes"], 1);
  Client wrong(world, world.devices->port(0));
  EXPECT_EQ(wrong.connect({.id = "t1", .user = "t1", .token = "hashed-2"}),
            Reason::bad_user_name_or_password);
}

TEST(F15Storm, TheSameClientAHundredTimesCostsOneHashAndLeavesOneConnection) {
  World world;
  world.options.devices[0].token_file.clear();
  world.options.devices[0].token_hash = hash_token("hashed-1");
  world.start();
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(std::make_unique<Client>(world, world.devices->port(0)));
    clients.back()->send_connect({.id = "t1", .user = "t1", .token = "hashed-1"});
  }
  const auto open = [&] {
    std::size_t n = 0;
    for (auto& client : clients) n += client->closed() ? 0 : 1;
    return n;
  };
  EXPECT_TRUE(world.until([&] { return open() == 1; }));
  const auto status = world.devices->status();
  EXPECT_EQ(status["auth"]["hashes"], 1);
  EXPECT_EQ(status["clients"].size(), 1U);
  EXPECT_EQ(world.devices->devices()[0]["connected"], true);
}

TEST(F15Storm, FourHundredClientsAtOnceAllComeIn) {
  World world;
  for (int i = 0; i < 1000; ++i) {
    const auto id = "s" + std::to_string(i);
    world.options.devices.push_back({.id = id,
                                     .product = "thermo",
                                     .token_file = world.write("s.token", "storm"),
                                     .token_hash = {},
                                     .certificate = {}});
  }
  world.start();
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 400; ++i) {
    clients.push_back(std::make_unique<Client>(world, world.devices->port(0)));
    const auto id = "s" + std::to_string(i);
    clients.back()->send_connect({.id = id, .user = id, .token = "storm"});
  }
  EXPECT_TRUE(world.until([&] { return world.devices->status()["connected"] == 400; }, 4000));
  clients.clear();
  EXPECT_TRUE(world.until([&] { return world.devices->status()["links"] == 0; }));
}

TEST(Authentication, SlowsGuessingDownButNotThoseWhoAreRight) {
  World world;
  world.start();
  Reason last = Reason::success;
  for (int i = 0; i < 12; ++i) {
    Client guess(world, world.devices->port(0));
    last = guess.connect({.id = "t1", .user = "t1", .token = "guess" + std::to_string(i)})
               .value_or(Reason::success);
  }
  EXPECT_EQ(last, Reason::connection_rate_exceeded);
  Client right(world, world.devices->port(0));
  EXPECT_EQ(right.connect(), Reason::success);
  world.pass(15s);
  Client later(world, world.devices->port(0));
  EXPECT_EQ(later.connect({.id = "t1", .user = "t1", .token = "guess"}), Reason::bad_user_name_or_password);
}

// ---- anonymous

void allow_anonymous(World& world) {
  world.options.products.push_back({.name = "bench",
                                    .identity = ProductOptions::Identity::gateway,
                                    .may_publish = {"b/{device}/#"},
                                    .may_subscribe = {},
                                    .limits = {}});
  world.options.anonymous_product = "bench";
  world.options.listen[0].anonymous = true;
}

TEST(Anonymous, ComesInOnLoopbackWhereTheListenerAllowsIt) {
  World world;
  allow_anonymous(world);
  world.options.listen.push_back(world.listener(ListenerOptions::Kind::mqtt));
  world.start();
  Client client(world, world.devices->port(0));
  EXPECT_EQ(client.connect({.id = "probe", .user = "", .token = ""}), Reason::success);
  EXPECT_EQ(client.publish("b/probe/x", "1"), Reason::success);
  EXPECT_EQ(world.readings.seen.at(0).product, "bench");
  Client other(world, world.devices->port(1));
  EXPECT_EQ(other.connect({.id = "probe2", .user = "", .token = ""}), Reason::not_authorized);
}

TEST(Anonymous, CannotTakeTheNameOfARegisteredDevice) {
  World world;
  allow_anonymous(world);
  world.start();
  Client client(world, world.devices->port(0));
  EXPECT_EQ(client.connect({.id = "t1", .user = "", .token = ""}), Reason::not_authorized);
  Client wild(world, world.devices->port(0));
  EXPECT_EQ(wild.connect({.id = "a b", .user = "", .token = ""}), Reason::client_identifier_not_valid);
  // Who names a device must prove it, also here.
  Client liar(world, world.devices->port(0));
  EXPECT_EQ(liar.connect({.id = "t1", .user = "t1", .token = "wrong"}), Reason::bad_user_name_or_password);
}

TEST(Anonymous, IsRefusedAtTheStartOnAnAddressThatOthersReach) {
  for (const char* address : {"0.0.0.0", "", "*", "[::]"}) {
    World world;
    allow_anonymous(world);
    world.options.listen[0].address = address;
    const auto started = world.try_start();
    ASSERT_FALSE(started.has_value()) << address;
    EXPECT_NE(started.error().text.find("loopback"), std::string::npos);
  }
  World world;
  allow_anonymous(world);
  world.options.anonymous_product.clear();
  EXPECT_FALSE(world.try_start().has_value());
}

TEST(Anonymous, IsRefusedForARemotePeerWhateverTheListenerSays) {
  World world;
  allow_anonymous(world);
  Directory directory(world.store, world.registry, Log());
  ASSERT_TRUE(directory.load(world.options).has_value());
  Authenticator authenticator(world.loop, world.clock, Log(), directory);
  Peer remote;
  remote.kind = Peer::Kind::v4;
  remote.address = {192, 0, 2, 1};
  Peer local = remote;
  local.address = {127, 0, 0, 1};
  Peer remote6;
  remote6.kind = Peer::Kind::v6;
  remote6.address = {0x20, 1};
  const auto ask = [&](const Peer& peer, bool allowed) {
    Reason reason{};
    authenticator.check({.peer = peer,
                         .anonymous_allowed = allowed,
                         .certificate = {},
                         .client_id = "probe",
                         .username = {},
                         .password = {}},
                        [&](const AuthAnswer& answer) { reason = answer.reason; });
    return reason;
  };
  EXPECT_EQ(ask(local, true), Reason::success);
  EXPECT_EQ(ask(local, false), Reason::not_authorized);
  EXPECT_EQ(ask(remote, true), Reason::not_authorized);
  EXPECT_EQ(ask(remote6, true), Reason::not_authorized);
}

}  // namespace
}  // namespace sluice::device::test
