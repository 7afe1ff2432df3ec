// Rotation and conversations over the real link, against a real broker.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "tests/contract/cloud_link/broker.hpp"
#include "tests/support/memory_store.hpp"
#include "uplink/cloud_talk.hpp"
#include "uplink/uplink.hpp"

namespace sluice::test {
namespace {

class NoCommands final : public CommandSink {
 public:
  Ticket deliver(const Command&) override { return 0; }
};

class RealIdentity : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!Broker::installed()) GTEST_SKIP() << "mosquitto is not installed";
    broker = std::make_unique<Broker>(loop, *clock);
    options.thing = "gw";
    options.cloud.endpoint = "localhost:" + std::to_string(broker->port());
    options.cloud.tls.ca = broker->client().ca;
    options.cloud.commands = {};
  }
  bool until(const std::function<bool()>& condition) { return run_until(loop, *clock, condition); }
  TlsIdentity pem(const char* name) const {
    TlsIdentity tls;
    tls.certificate_pem = broker->text((std::string(name) + ".pem").c_str());
    tls.key_pem = broker->text((std::string(name) + ".key").c_str());
    return tls;
  }

  boost::asio::io_context loop{1};
  std::unique_ptr<Clock> clock = make_system_clock(loop);
  std::unique_ptr<Broker> broker;
  Options options;
};

TEST_F(RealIdentity, ALaneGoesOverToANewCertificateAndBackFromOneThatIsRefused) {
  MemoryStore store(loop, *clock);
  NoCommands commands;
  const auto uplink = uplink::make_uplink(options, loop, *clock, store, commands, {});
  CloudIdentity identity;
  identity.thing = "gw";
  identity.tls = pem("client");
  uplink->add_lane(kGatewayLane, identity);
  const auto connected = [&] { return uplink->status()["lanes"][0]["state"] == "connected"; };
  ASSERT_TRUE(until(connected)) << uplink->status().dump();
  std::optional<result<void>> outcome;
  const auto rotate = [&](TlsIdentity tls) {
    outcome.reset();
    uplink->try_identity(kGatewayLane, std::move(tls), [&](result<void> r) { outcome = std::move(r); });
    EXPECT_TRUE(until([&] { return outcome.has_value(); }));
  };
  rotate(broker->deep(true));
  EXPECT_TRUE(outcome->has_value());
  rotate(pem("stranger"));
  ASSERT_TRUE(outcome->has_error());
  EXPECT_EQ(outcome->error().code, errc::tls);
  EXPECT_NE(outcome->error().text.find("refuses our certificate"), std::string::npos);
  EXPECT_TRUE(until(connected));
}

TEST_F(RealIdentity, AConversationAsksAndIsAnswered) {
  const auto links = uplink::make_mqtt_links(loop, *clock);
  const auto opener = uplink::make_cloud_talks([this] { return options.cloud; }, *clock, links);
  CloudTalkOptions talk;
  talk.identity.thing = "claim";
  talk.identity.tls = pem("client");
  std::unique_ptr<CloudTalk> conversation;
  opener(talk, [&](auto opened) {
    ASSERT_TRUE(opened.has_value()) << opened.error().text;
    conversation = std::move(*opened);
  });
  ASSERT_TRUE(until([&] { return conversation != nullptr; }));
  // What is published to .../accepted by itself comes back as the answer.
  std::optional<result<std::string>> answer;
  conversation->request("a/b", "nobody hears", 300ms, [&](auto r) { answer = std::move(r); });
  ASSERT_TRUE(until([&] { return answer.has_value(); }));
  EXPECT_EQ(answer->error().code, errc::timeout);
  std::unique_ptr<CloudTalk> cloud;
  talk.identity.thing = "cloud";
  opener(talk, [&](auto opened) { cloud = std::move(*opened); });
  ASSERT_TRUE(until([&] { return cloud != nullptr; }));
  answer.reset();
  conversation->request("a/b", "asked", 5s, [&](auto r) { answer = std::move(r); });
  cloud->request("a/b/accepted", "yes", 1s, [](auto) {});
  ASSERT_TRUE(until([&] { return answer.has_value(); }));
  EXPECT_EQ(answer->value(), "yes");

  talk.identity.tls = pem("stranger");
  std::optional<errc> refused;
  opener(talk, [&](auto opened) { refused = opened.has_error() ? opened.error().code : errc{}; });
  ASSERT_TRUE(until([&] { return refused.has_value(); }));
  EXPECT_EQ(*refused, errc::tls);
}

}  // namespace
}  // namespace sluice::test
