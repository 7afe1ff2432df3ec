// What a lane may rely on, of the scripted link and of the real one against a real broker alike.
#include "uplink/cloud_link.hpp"

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <map>
#include <set>

#include "tests/contract/cloud_link/broker.hpp"
#include "tests/support/scripted_link.hpp"
#include "uplink/record_ids.hpp"

namespace sluice::test {
namespace {

using uplink::ConnectFailure;

class Events final : public uplink::LinkEvents {
 public:
  void connected(const uplink::Granted& g) override { granted.push_back(g); }
  void connect_failed(const ConnectFailure& f) override { failures.push_back(f); }
  void lost(const uplink::Loss& l) override { losses.push_back(l); }
  void published(std::span<const uplink::Puback> a) override {
    ++bursts;
    for (const auto& ack : a) acks.emplace_back(ack.token, ack.reason);
  }
  void subscribed(std::span<const std::uint8_t> r) override { subacks.emplace_back(r.begin(), r.end()); }
  void message(uplink::Incoming&& m) override { messages.push_back(std::move(m)); }
  void writable() override {}
  std::size_t all() const {
    return granted.size() + failures.size() + losses.size() + acks.size() + subacks.size() + messages.size();
  }

  std::vector<uplink::Granted> granted;
  std::vector<ConnectFailure> failures;
  std::vector<uplink::Loss> losses;
  std::vector<std::pair<std::uint64_t, int>> acks;
  std::vector<std::vector<std::uint8_t>> subacks;
  std::vector<uplink::Incoming> messages;
  std::size_t bursts = 0;
};

// The real clock, but for its date.
class Elsewhen final : public Clock {
 public:
  Elsewhen(Clock& real, Duration shift) : real_(real), shift_(shift) {}
  MonoTime now() const override { return real_.now(); }
  WallTime wall() const override { return real_.wall() + shift_; }
  bool wall_is_plausible() const override { return true; }
  TimerId call_at(MonoTime when, std::function<void()> fn) override {
    return real_.call_at(when, std::move(fn));
  }
  void cancel(TimerId id) override { real_.cancel(id); }

 private:
  Clock& real_;
  Duration shift_;
};

class CloudLink : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    clock = make_system_clock(loop);
    if (GetParam() == std::string("scripted")) {
      cloud = std::make_unique<ScriptedCloud>(loop, *clock);
      factory = cloud->links();
    } else {
      if (!Broker::installed()) GTEST_SKIP() << "mosquitto is not installed";
      broker = std::make_unique<Broker>(loop, *clock);
      factory = uplink::make_mqtt_links(loop, *clock);
    }
  }
  void TearDown() override {
    link.reset();
    factory = {};
    loop.restart();
    loop.poll();
  }
  uplink::LinkOptions options(const std::string& id = "one") const {
    uplink::LinkOptions o;
    o.host = "localhost";
    o.client_id = id;
    o.session_expiry = 60;
    if (broker) {
      o.port = broker->port();
      o.tls.files = broker->client();
    }
    return o;
  }
  void open(const uplink::LinkOptions& o) {
    events = std::make_shared<Events>();
    link = factory(events);
    link->connect(o);
  }
  void open() {
    open(options());
    ASSERT_TRUE(until([&] { return events->granted.size() + events->failures.size() == 1; }));
    ASSERT_EQ(events->failures.size(), 0U) << events->failures[0].error.text;
  }
  bool until(const std::function<bool()>& condition) { return run_until(loop, *clock, condition); }
  void publish(std::uint64_t token, std::string payload, std::string topic = "t",
               std::string user_properties = {}) {
    auto body = std::make_shared<std::pair<std::string, std::string>>(std::move(topic), std::move(payload));
    uplink::Publication p;
    p.topic = body->first;
    p.payload = body->second;
    p.user_properties = std::move(user_properties);
    p.content_type = p.user_properties.empty() ? "" : "text/plain";
    p.keep = body;
    link->publish(std::move(p), token);
  }
  void cut() {
    if (broker) {
      broker->stop();
    } else {
      cloud->lose("one", {0, "cut"});
    }
  }
  bool real() const { return broker != nullptr; }

  boost::asio::io_context loop{1};
  std::unique_ptr<Clock> clock;
  std::unique_ptr<ScriptedCloud> cloud;
  std::unique_ptr<Broker> broker;
  uplink::LinkFactory factory;
  std::shared_ptr<Events> events;
  std::unique_ptr<uplink::CloudLink> link;
};

INSTANTIATE_TEST_SUITE_P(Both, CloudLink, ::testing::Values("scripted", "real"),
                         [](const auto& p) { return std::string(p.param); });

TEST_P(CloudLink, AnswersConnectOnceAndTellsWhatIsGranted) {
  open();
  EXPECT_TRUE(events->granted[0].mqtt5);
  EXPECT_GT(events->granted[0].receive_maximum, 0U);
  EXPECT_EQ(events->all(), 1U);
}

TEST_P(CloudLink, AnswersEachPublishOnceWithItsToken) {
  open();
  constexpr int kMany = 2000;
  for (int sent = 0; sent < kMany; sent += 20) {
    for (int i = 0; i < 20; ++i) publish(100 + sent + i, "payload");
    ASSERT_TRUE(until([&] { return events->acks.size() >= static_cast<std::size_t>(sent + 20); }));
  }
  std::set<std::uint64_t> tokens;
  for (const auto& [token, reason] : events->acks) {
    EXPECT_LT(reason, 0x80);
    tokens.insert(token);
  }
  EXPECT_EQ(tokens.size(), events->acks.size());
  EXPECT_EQ(*tokens.begin(), 100U);
  EXPECT_EQ(*tokens.rbegin(), 100U + kMany - 1);
}

TEST_P(CloudLink, AnswersEachFilter) {
  open();
  link->subscribe({"a/#", "b/+"});
  ASSERT_TRUE(until([&] { return !events->subacks.empty(); }));
  EXPECT_EQ(events->subacks[0], (std::vector<std::uint8_t>{1, 1}));
  link->subscribe({"c"});
  ASSERT_TRUE(until([&] { return events->subacks.size() == 2; }));
  EXPECT_EQ(events->subacks[1], std::vector<std::uint8_t>{1});
}

TEST_P(CloudLink, TellsALostConnectionOnceAndNothingAfterwards) {
  open();
  cut();
  ASSERT_TRUE(until([&] { return !events->losses.empty(); }));
  publish(1, "into the void");
  bool over = false;
  clock->call_after(500ms, [&] { over = true; });
  until([&] { return over; });
  EXPECT_EQ(events->losses.size(), 1U);
  EXPECT_TRUE(events->acks.empty());
}

TEST_P(CloudLink, SaysNothingAnyMoreWhenItIsDestroyed) {
  open();
  for (int i = 0; i < 50; ++i) publish(i + 1, "x");
  const auto before = events->all();
  link.reset();
  bool over = false;
  clock->call_after(500ms, [&] { over = true; });
  until([&] { return over; });
  EXPECT_EQ(events->all(), before);
}

TEST_P(CloudLink, CanBeDestroyedWhileItConnects) {
  for (int i = 0; i < 5; ++i) {
    open(options("one" + std::to_string(i)));
    link.reset();
  }
  open();
  EXPECT_EQ(events->granted.size(), 1U);
}

TEST_P(CloudLink, ClosesAndSaysWhenNothingCanComeAnyMore) {
  open();
  bool closed = false;
  link->close([&] { closed = true; });
  EXPECT_TRUE(until([&] { return closed; }));
  EXPECT_TRUE(events->losses.empty());
}

// What only a real peer can show.
class RealLink : public CloudLink {
 protected:
  ConnectFailure refused(const uplink::LinkOptions& o) {
    open(o);
    EXPECT_TRUE(until([&] { return events->failures.size() + events->granted.size() == 1; }));
    EXPECT_EQ(events->granted.size(), 0U) << "it must never connect";
    link.reset();
    return events->failures.empty() ? ConnectFailure{} : events->failures[0];
  }
};
INSTANTIATE_TEST_SUITE_P(Real, RealLink, ::testing::Values("real"),
                         [](const auto& p) { return std::string(p.param); });

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << text

TEST_P(RealLink, F16NamesEveryTlsTroubleAndNeverConnects) {
  using Kind = ConnectFailure::Kind;
  auto o = options();
  o.tls.files.ca = broker->stranger().ca;
  auto f = refused(o);
  EXPECT_EQ(f.kind, Kind::peer);
  EXPECT_HAS(f.error.text, "is not trusted");

  o = options();
  o.host = "127.0.0.1";
  f = refused(o);
  EXPECT_EQ(f.kind, Kind::peer);
  EXPECT_HAS(f.error.text, "not for 127.0.0.1");

  o = options();
  o.tls.files.certificate = broker->stranger().certificate;
  o.tls.files.key = broker->stranger().key;
  f = refused(o);
  EXPECT_EQ(f.kind, Kind::certificate_refused);
  EXPECT_HAS(f.error.text, "refuses our certificate");

  o = options();
  o.tls.files.key = broker->stranger().key;
  f = refused(o);
  EXPECT_EQ(f.kind, Kind::own_certificate);
  EXPECT_HAS(f.error.text, "does not belong");

  o = options();
  o.tls.files.key = "/nowhere/key.pem";
  f = refused(o);
  EXPECT_EQ(f.kind, Kind::own_certificate);
  EXPECT_HAS(f.error.text, "/nowhere/key.pem");
}

TEST_P(RealLink, TakesAnIdentityFromMemoryAndSendsItsChain) {
  auto o = options();
  o.tls = broker->deep(false);
  const auto f = refused(o);
  EXPECT_EQ(f.kind, ConnectFailure::Kind::certificate_refused) << f.error.text;
  o.tls = broker->deep(true);
  open(o);
  ASSERT_TRUE(until([&] { return events->granted.size() + events->failures.size() == 1; }));
  ASSERT_TRUE(events->failures.empty()) << events->failures[0].error.text;
  EXPECT_GT(events->granted[0].certificate_expires, 0);
}

TEST_P(RealLink, F16AnIdentityInMemoryThatIsBrokenIsNamedWithoutItsText) {
  auto o = options();
  o.tls = broker->deep(true);
  o.tls.key_pem = broker->text("client.key");
  auto f = refused(o);
  EXPECT_EQ(f.kind, ConnectFailure::Kind::own_certificate);
  EXPECT_HAS(f.error.text, "does not belong");
  o.tls.key_pem = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";
  f = refused(o);
  EXPECT_EQ(f.kind, ConnectFailure::Kind::own_certificate);
  EXPECT_HAS(f.error.text, "not a PEM private key");
  EXPECT_EQ(f.error.text.find("c2VjcmV0"), std::string::npos);
  o = options();
  o.tls.ca_pem = "no roots";
  f = refused(o);
  EXPECT_HAS(f.error.text, "has no PEM certificate");
}

TEST_P(RealLink, F16CertificatesAreJudgedByTheClockOfTheGateway) {
  Elsewhen later(*clock, 60 * 24h);
  factory = uplink::make_mqtt_links(loop, later);
  auto f = refused(options());
  EXPECT_EQ(f.kind, ConnectFailure::Kind::own_certificate);
  EXPECT_HAS(f.error.text, "has expired on");
  auto o = options();
  o.tls.files.certificate = o.tls.files.key = "";
  f = refused(o);
  EXPECT_EQ(f.kind, ConnectFailure::Kind::peer);
  EXPECT_HAS(f.error.text, "is this machine's clock right?");
  Elsewhen earlier(*clock, -60 * 24h);
  factory = uplink::make_mqtt_links(loop, earlier);
  f = refused(options());
  EXPECT_EQ(f.kind, ConnectFailure::Kind::own_certificate);
  EXPECT_HAS(f.error.text, "not yet valid");
  factory = {};
}

TEST_P(RealLink, F11AndF12TellTheNameAndThePort) {
  using Kind = ConnectFailure::Kind;
  auto o = options();
  o.host = "no-such-host.invalid";
  auto f = refused(o);
  EXPECT_EQ(f.kind, Kind::dns);
  EXPECT_HAS(f.error.text, "no-such-host.invalid");
  o = options();
  o.port = 1;
  f = refused(o);
  EXPECT_EQ(f.kind, Kind::tcp);
  EXPECT_HAS(f.error.text, "refused");
}

TEST_P(RealLink, Speaks311) {
  auto o = options();
  o.mqtt5 = false;
  open(o);
  ASSERT_TRUE(until([&] { return events->granted.size() + events->failures.size() == 1; }));
  ASSERT_EQ(events->granted.size(), 1U) << events->failures[0].error.text;
  EXPECT_FALSE(events->granted[0].mqtt5);
  publish(1, "x");
  link->subscribe({"a", "b"});
  ASSERT_TRUE(until([&] { return events->acks.size() == 1 && events->subacks.size() == 1; }));
  EXPECT_EQ(events->subacks[0].size(), 2U);
}

TEST_P(RealLink, CarriesPropertiesBothWays) {
  open();
  link->subscribe({"t"});
  ASSERT_TRUE(until([&] { return !events->subacks.empty(); }));
  std::string wire;
  uplink::append_user_property(wire, "sluice-id", "abc-1");
  uplink::append_user_property(wire, "empty", "");
  publish(1, "x", "t", wire);
  ASSERT_TRUE(until([&] { return events->messages.size() == 1; }));
  EXPECT_EQ(events->messages[0].user_properties, wire);
  EXPECT_EQ(events->messages[0].content_type, "text/plain");
  link->accept(events->messages[0].ack);
}

TEST_P(RealLink, OnlyWhatWasNotAcceptedComesAgain) {
  open();
  link->subscribe({"cmd/#"});
  ASSERT_TRUE(until([&] { return !events->subacks.empty(); }));
  publish(1, "accepted", "cmd/x");
  ASSERT_TRUE(until([&] { return events->messages.size() == 1; }));
  link->accept(events->messages[0].ack);
  ASSERT_TRUE(until([&] { return events->acks.size() == 1; }));
  publish(2, "not accepted", "cmd/x");
  ASSERT_TRUE(until([&] { return events->messages.size() == 2; }));
  broker->stop();
  ASSERT_TRUE(until([&] { return !events->losses.empty(); }));
  link.reset();
  broker->start();
  open();
  EXPECT_TRUE(events->granted[0].session_present);
  ASSERT_TRUE(until([&] { return !events->messages.empty(); }));
  EXPECT_EQ(events->messages[0].payload, "not accepted");
  link->accept(events->messages[0].ack);
}

TEST_P(RealLink, AcceptsMessagesOneAfterTheOther) {
  open();
  link->subscribe({"cmd/#"});
  ASSERT_TRUE(until([&] { return !events->subacks.empty(); }));
  for (int i = 0; i < 20; ++i) publish(i + 1, std::to_string(i), "cmd/x");
  std::size_t accepted = 0;
  ASSERT_TRUE(until([&] {
    while (accepted < events->messages.size()) link->accept(events->messages[accepted++].ack);
    return events->messages.size() == 20 && events->acks.size() == 20;
  }));
  for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ(events->messages[i].payload, std::to_string(i));
}

TEST_P(RealLink, ClosingDoesNotWaitForACommandThatNobodyAccepts) {
  open();
  link->subscribe({"cmd/#"});
  ASSERT_TRUE(until([&] { return !events->subacks.empty(); }));
  publish(1, "x", "cmd/x");
  ASSERT_TRUE(until([&] { return events->messages.size() == 1; }));
  const auto begin = clock->now();
  bool closed = false;
  link->close([&] { closed = true; });
  ASSERT_TRUE(until([&] { return closed; }));
  EXPECT_LT(clock->now() - begin, 3s);
}

}  // namespace
}  // namespace sluice::test
