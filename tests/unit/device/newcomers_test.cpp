// Unknown devices with a token, judged by the provisioning service (here: a script), and known ones whose
// identity is refused.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/device/client.hpp"

namespace sluice::device::test {
namespace {

using mqtt::Reason;
using Kind = Admission::Kind;

class ScriptedEnrolment final : public Enrolment {
 public:
  void admit(Newcomer newcomer, std::function<void(Admission)> answer) override {
    asked.push_back(newcomer.id + " " + newcomer.product + " " + newcomer.token.text() +
                    (newcomer.proven ? " proven" : ""));
    if (newcomer.proven) return answer({of_known, "refused by script"});
    if (later) {
      waiting.push_back(std::move(answer));
    } else {
      answer({of_unknown, "refused by script"});
    }
  }
  std::string product_of(const std::string& id) const override { return id == imported ? "meter" : ""; }
  void forget(const std::string& id) override { forgotten.push_back(id); }
  void on_turned_away(std::function<void(const std::string&, const std::string&)>) override {}

  Kind of_unknown = Kind::granted, of_known = Kind::granted;
  bool later = false;
  std::string imported;
  std::vector<std::string> asked, forgotten;
  std::vector<std::function<void(Admission)>> waiting;
};

class Newcomers : public testing::Test {
 protected:
  Newcomers() {
    world.options.products.push_back({.name = "meter",
                                      .identity = ProductOptions::Identity::own,
                                      .may_publish = {"m/{device}/#"},
                                      .may_subscribe = {},
                                      .limits = {}});
    world.options.cloud.provisioning.method = ProvisioningOptions::Method::cvm;
    world.options.admit = {{"meter-?", "meter"}, {"m*", "thermo"}};
    start();
  }
  void start() {
    world.try_start().value();
    world.devices->enrol_with(enrolment);
  }
  std::optional<Reason> connect(const std::string& id, const std::string& token) {
    clients.push_back(std::make_unique<Client>(world, world.devices->port(0)));
    return clients.back()->connect({.id = id, .user = id, .token = token});
  }
  bool known(const std::string& id) {
    for (const auto& device : world.devices->devices()) {
      if (device["id"] == id) return true;
    }
    return false;
  }
  World world;
  ScriptedEnrolment enrolment;
  std::vector<std::unique_ptr<Client>> clients;
};

TEST_F(Newcomers, AreLetInByTheirTokenAndKnownFromThenOn) {
  EXPECT_EQ(connect("meter-1", "token-1"), Reason::success);
  ASSERT_FALSE(enrolment.asked.empty());
  EXPECT_EQ(enrolment.asked[0], "meter-1 meter token-1");
  world.readings.answer = Offer::Kind::queued;
  EXPECT_EQ(clients.back()->publish("m/meter-1/power", "7"), Reason::success);
  EXPECT_EQ(world.readings.seen.at(0).lane, world.store.name_id("meter-1"))
      << "its own lane, not the gateway's";
  // Known now: the same token, after a restart too, without asking anybody whether it may.
  world.restart();
  world.devices->enrol_with(enrolment);
  enrolment.asked.clear();
  EXPECT_EQ(connect("meter-1", "token-1"), Reason::success);
  EXPECT_EQ(enrolment.asked, std::vector<std::string>{"meter-1 meter token-1 proven"});
}

TEST_F(Newcomers, MustBringTheSameTokenAgain) {
  EXPECT_EQ(connect("meter-1", "token-1"), Reason::success);
  enrolment.asked.clear();
  EXPECT_EQ(connect("meter-1", "token-2"), Reason::bad_user_name_or_password);
  EXPECT_TRUE(enrolment.asked.empty()) << "a wrong token of a known device reaches nobody";
}

TEST_F(Newcomers, TakeTheProductOfTheFirstRuleThatMatches) {
  EXPECT_EQ(connect("meter-12", "t"), Reason::success);
  EXPECT_EQ(enrolment.asked.at(0), "meter-12 thermo t");
}

TEST_F(Newcomers, ThatNoRuleTakesAreRefusedAsEver) {
  EXPECT_EQ(connect("x-1", "t"), Reason::bad_user_name_or_password);
  EXPECT_TRUE(enrolment.asked.empty());
}

TEST_F(Newcomers, ThatWereImportedNeedNoRule) {
  enrolment.imported = "x-1";
  EXPECT_EQ(connect("x-1", "t"), Reason::success);
  EXPECT_EQ(enrolment.asked.at(0), "x-1 meter t");
}

TEST_F(Newcomers, WithoutAServiceAreRefused) {
  World plain;
  plain.options.admit = {{"*", "thermo"}};
  plain.start();
  Client client(plain, plain.devices->port(0));
  EXPECT_EQ(client.connect({.id = "a", .user = "a", .token = "t"}), Reason::bad_user_name_or_password);
}

TEST_F(Newcomers, AreHeldWhileNobodyCanJudgeThem) {
  enrolment.of_unknown = Kind::held;
  EXPECT_EQ(connect("meter-1", "t"), Reason::success);
  EXPECT_TRUE(known("meter-1"));
}

TEST_F(Newcomers, AreToldToComeLaterIfThePolicyIsToWaitOutside) {
  enrolment.of_unknown = Kind::unavailable;
  EXPECT_EQ(connect("meter-1", "t"), Reason::server_unavailable);
  EXPECT_FALSE(known("meter-1"));
}

TEST_F(Newcomers, BeyondTheBoundAreToldSo) {
  enrolment.of_unknown = Kind::full;
  EXPECT_EQ(connect("meter-1", "t"), Reason::quota_exceeded);
}

TEST_F(Newcomers, WithAWrongTokenAreRefusedAndSlowedDown) {
  enrolment.of_unknown = Kind::refused;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(connect("meter-1", "t"), Reason::bad_user_name_or_password) << i;
  EXPECT_EQ(connect("meter-1", "t"), Reason::connection_rate_exceeded);
  EXPECT_EQ(enrolment.asked.size(), 10U);
  EXPECT_TRUE(world.logged("refused by script"));
  EXPECT_FALSE(known("meter-1"));
}

TEST_F(Newcomers, MayComeTwiceAtOnce) {
  enrolment.later = true;
  Client one(world, world.devices->port(0)), two(world, world.devices->port(0));
  one.send_connect({.id = "meter-1.a", .user = "meter-1", .token = "t"});
  two.send_connect({.id = "meter-1.b", .user = "meter-1", .token = "t"});
  ASSERT_TRUE(world.until([&] { return enrolment.waiting.size() == 2; }));
  for (auto& answer : enrolment.waiting) answer({Kind::granted, {}});
  EXPECT_TRUE(one.expect<mqtt::Connack>());
  EXPECT_TRUE(two.expect<mqtt::Connack>());
  EXPECT_EQ(world.devices->status()["clients"].size(), 2U);
}

TEST_F(Newcomers, ThatHaveGoneBeforeTheAnswerHurtNobody) {
  enrolment.later = true;
  {
    Client client(world, world.devices->port(0));
    client.send_connect({.id = "meter-1", .user = "meter-1", .token = "t"});
    ASSERT_TRUE(world.until([&] { return enrolment.waiting.size() == 1; }));
  }
  world.settle();
  enrolment.waiting[0]({Kind::granted, {}});
  EXPECT_TRUE(world.until([&] { return known("meter-1"); })) << "its next connection finds it known";
}

TEST_F(Newcomers, AreSentAwayAndForgottenWhenTheirTokenTurnsOutWrong) {
  enrolment.of_unknown = Kind::held;
  ASSERT_EQ(connect("meter-1", "t"), Reason::success);
  world.devices->turn_away("meter-1", "the service refuses its token");
  const auto goodbye = clients.back()->expect<mqtt::Disconnect>();
  ASSERT_TRUE(goodbye);
  EXPECT_EQ(goodbye->reason, Reason::not_authorized);
  EXPECT_TRUE(world.until([&] { return !known("meter-1"); }));
  world.restart();
  EXPECT_FALSE(known("meter-1"));
}

TEST_F(Newcomers, AKnownDeviceIsSentAwayButStaysKnown) {
  std::optional<result<void>> added;
  world.devices->add_device("own-1", "meter", "token", [&](result<void> done) { added = std::move(done); });
  ASSERT_TRUE(world.until([&] { return added.has_value(); }));
  ASSERT_EQ(connect("own-1", "token"), Reason::success);
  EXPECT_EQ(enrolment.asked, std::vector<std::string>{"own-1 meter token proven"});
  world.devices->turn_away("own-1", "refused");
  EXPECT_TRUE(clients.back()->expect<mqtt::Disconnect>());
  EXPECT_TRUE(known("own-1"));
  enrolment.of_known = Kind::refused;
  EXPECT_EQ(connect("own-1", "token"), Reason::not_authorized);
  enrolment.of_known = Kind::held;
  EXPECT_EQ(connect("own-1", "token"), Reason::success);
}

TEST_F(Newcomers, ARemovedDeviceIsForgottenEverywhere) {
  ASSERT_EQ(connect("meter-1", "t"), Reason::success);
  std::optional<result<void>> removed;
  world.devices->remove_device("meter-1", [&](result<void> done) { removed = std::move(done); });
  ASSERT_TRUE(world.until([&] { return removed.has_value(); }));
  EXPECT_EQ(enrolment.forgotten, std::vector<std::string>{"meter-1"});
}

TEST_F(Newcomers, NoTokenIsInTheRegistryOrTheLog) {
  ASSERT_EQ(connect("meter-1", "token-of-meter-1"), Reason::success);
  for (const auto& [key, row] : world.registry.rows)
    EXPECT_EQ(row.find("token-of-meter-1"), std::string::npos);
  for (const auto& line : world.log) EXPECT_EQ(line.find("token-of-meter-1"), std::string::npos) << line;
}

}  // namespace
}  // namespace sluice::device::test
