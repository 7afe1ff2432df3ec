// The client's side of MQTT with the site's broker, the test being the broker.
#include "plugins/mqtt/site_session.hpp"

#include <gtest/gtest.h>

namespace sluice::site {
namespace {

class Broker : public testing::Test {
 protected:
  void open(mqtt::Version version = mqtt::Version::v5, bool subscribe_always = true) {
    options.version = version;
    options.client_id = "sluice-shop";
    options.username = "u";
    options.password = "p";
    options.session_s = 3600;
    options.in_flight = 5;
    options.filters = {"tele/+/#", "stat/+/#"};
    session = std::make_unique<SiteSession>(
        options, subscribe_always,
        SiteSession::Events{
            [this](bool present) { ups.push_back(present); },
            [this](const std::string& refused) { subscribed = refused.empty() ? "all" : refused; },
            [this](const Arrived& arrived) {
              got.push_back(std::string(arrived.topic) + "=" + std::string(arrived.payload) +
                            (arrived.retained ? " retained" : ""));
              tickets.push_back(arrived.ticket);
            },
            [this](SiteSession::End how, const std::string& why) {
              end = why;
              ended = how;
            }});
  }
  void accept(bool session_present = false) {
    mqtt::Connack connack;
    connack.session_present = session_present;
    say([&](std::string& out) { encode(connack, options.version, out); });
  }
  void refuse(mqtt::Reason reason) {
    mqtt::Connack connack;
    connack.reason = reason;
    say([&](std::string& out) { encode(connack, options.version, out); });
  }
  template <typename Encode>
  void say(Encode encode) {
    std::string bytes;
    encode(bytes);
    session->receive(bytes);
  }
  void publish(std::uint16_t id, std::string_view topic, std::string_view payload, bool retain = false) {
    mqtt::Publish packet;
    packet.topic = topic;
    packet.payload = payload;
    packet.qos = id == 0 ? 0 : 1;
    packet.packet_id = id;
    packet.retain = retain;
    say([&](std::string& out) { encode(packet, options.version, out); });
  }
  void puback(std::uint16_t id, mqtt::Reason reason = mqtt::Reason::success) {
    mqtt::Ack ack;
    ack.packet_id = id;
    ack.reason = reason;
    say([&](std::string& out) { encode(ack, options.version, out); });
  }
  // What the session has sent since, packet by packet.
  std::vector<std::string> sent() {
    std::vector<std::string> all;
    std::string_view rest = session->out;
    while (!rest.empty()) {
      mqtt::FixedHeader header;
      EXPECT_EQ(read_fixed_header(rest, header), mqtt::HeaderStatus::complete);
      all.emplace_back(rest.substr(0, header.total()));
      rest.remove_prefix(header.total());
    }
    session->out.clear();
    return all;
  }
  std::vector<std::uint16_t> acked() {
    std::vector<std::uint16_t> ids;
    for (const auto& bytes : sent()) {
      const auto decoded = mqtt::decode(bytes, options.version);
      if (const auto* ack = std::get_if<mqtt::Ack>(&*decoded.packet)) ids.push_back(ack->packet_id);
    }
    return ids;
  }

  SessionOptions options;
  std::unique_ptr<SiteSession> session;
  std::vector<bool> ups;
  std::vector<std::string> got;
  std::vector<std::uint64_t> tickets;
  std::string subscribed, end;
  SiteSession::End ended{};
};

TEST_F(Broker, IsAskedForTheSessionThatItKeeps) {
  open();
  const auto packets = sent();
  ASSERT_EQ(packets.size(), 1U);
  const auto decoded = mqtt::decode(packets[0], mqtt::Version::v5);
  const auto& connect = std::get<mqtt::Connect>(*decoded.packet);
  EXPECT_FALSE(connect.clean_start);
  EXPECT_EQ(connect.session_expiry, 3600U);
  EXPECT_EQ(connect.receive_maximum, 5);
  EXPECT_EQ(connect.username, "u");
}

TEST_F(Broker, IsAskedForQosOneWithoutWhatWeSayOurselves) {
  open();
  sent();
  accept();
  const auto packets = sent();
  ASSERT_EQ(packets.size(), 1U);
  const auto decoded = mqtt::decode(packets[0], mqtt::Version::v5);
  const auto& subscribe = std::get<mqtt::Subscribe>(*decoded.packet);
  ASSERT_EQ(subscribe.entries.size(), 2U);
  EXPECT_EQ(subscribe.entries[0].qos, 1);
  EXPECT_TRUE(subscribe.entries[0].no_local);
  EXPECT_EQ(subscribe.entries[0].retain_handling, 1);
}

TEST_F(Broker, IsNotAskedAgainWhereItStillHasTheSubscription) {
  open(mqtt::Version::v311, false);
  sent();
  accept(true);
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(ups, std::vector<bool>{true});
  open(mqtt::Version::v311, false);
  sent();
  accept(false);
  EXPECT_EQ(sent().size(), 1U);
}

TEST_F(Broker, GetsItsPubacksOnlyWhenToldAndInOrder) {
  open();
  accept();
  sent();
  publish(7, "tele/a/SENSOR", "1");
  publish(8, "tele/a/SENSOR", "2");
  publish(9, "tele/a/SENSOR", "3", true);
  EXPECT_EQ(got,
            (std::vector<std::string>{"tele/a/SENSOR=1", "tele/a/SENSOR=2", "tele/a/SENSOR=3 retained"}));
  EXPECT_TRUE(sent().empty());
  session->acknowledge(tickets[1]);
  EXPECT_TRUE(sent().empty());
  session->acknowledge(tickets[0]);
  EXPECT_EQ(acked(), (std::vector<std::uint16_t>{7, 8}));
  session->acknowledge(tickets[0]);
  session->acknowledge(tickets[2]);
  session->acknowledge(999);
  EXPECT_EQ(acked(), std::vector<std::uint16_t>{9});
}

TEST_F(Broker, MaySendMoreThanItWasAskedForButNotWithoutEnd) {
  open();
  accept();
  for (std::uint16_t id = 1; id <= 20; ++id) publish(id, "tele/a/x", "1");
  EXPECT_EQ(got.size(), 20U);
  for (int n = 20; n < 65'535; ++n) publish(7, "tele/a/x", "1");
  EXPECT_EQ(end, "");
  publish(7, "tele/a/x", "1");
  EXPECT_EQ(got.size(), 65'535U);
  EXPECT_EQ(ended, SiteSession::End::violation);
}

TEST_F(Broker, IsHeardInPieces) {
  open(mqtt::Version::v311);
  accept();
  mqtt::Publish packet;
  packet.topic = "tele/a/x";
  packet.payload = "hello";
  std::string bytes;
  encode(packet, options.version, bytes);
  for (const char byte : bytes + bytes) session->receive({&byte, 1});
  EXPECT_EQ(got, (std::vector<std::string>{"tele/a/x=hello", "tele/a/x=hello"}));
  EXPECT_EQ(tickets, (std::vector<std::uint64_t>{0, 0}));
}

TEST_F(Broker, IsQuotedInWordsWhenItRefuses) {
  open();
  refuse(mqtt::Reason::bad_user_name_or_password);
  EXPECT_EQ(ended, SiteSession::End::refused);
  EXPECT_EQ(end, "it does not let user `u` in: wrong password, or not allowed");
  open(mqtt::Version::v311);
  refuse(mqtt::Reason::not_authorized);
  EXPECT_NE(end.find("wrong password"), std::string::npos);
  open();
  session->receive(std::string_view("\x20\x02\x00\x01", 4));
  EXPECT_EQ(end, "it does not speak MQTT 5: give `version: 3.1.1`");
  open();
  session->receive("HTTP/1.1 400 Bad Request\r\n");
  EXPECT_EQ(ended, SiteSession::End::violation);
}

TEST_F(Broker, SaysWhichFiltersItRefuses) {
  open();
  accept();
  mqtt::Suback suback;
  suback.packet_id = 1;
  suback.reasons = {mqtt::Reason::granted_qos1, mqtt::Reason::not_authorized};
  say([&](std::string& out) { encode(suback, options.version, out); });
  EXPECT_EQ(subscribed, "stat/+/#");
}

TEST_F(Broker, AnswersForEachCommand) {
  open();
  accept();
  sent();
  std::vector<std::string> answers;
  const auto note = [&](const Taken& taken) {
    answers.push_back(taken.well ? "ok" : (taken.again ? "again " : "never ") + taken.text);
  };
  EXPECT_TRUE(session->publish("cmnd/a/POWER", "ON", 1, false, note));
  EXPECT_TRUE(answers.empty());
  puback(2);
  EXPECT_TRUE(session->publish("cmnd/a/POWER", "ON", 1, false, note));
  puback(3, mqtt::Reason::not_authorized);
  EXPECT_TRUE(session->publish("cmnd/a/POWER", "ON", 0, false, note));
  EXPECT_TRUE(session->publish("cmnd/+/POWER", "ON", 1, false, note));
  EXPECT_TRUE(session->publish("cmnd/a/POWER", "ON", 1, false, note));
  session->abandon();
  ASSERT_EQ(answers.size(), 5U);
  EXPECT_EQ(answers[0], "ok");
  EXPECT_EQ(answers[1].substr(0, 5), "never");
  EXPECT_EQ(answers[2], "ok");
  EXPECT_EQ(answers[3], "never not a topic: cmnd/+/POWER");
  EXPECT_EQ(answers[4].substr(0, 5), "again");
  EXPECT_FALSE(session->publish("cmnd/a/POWER", "ON", 1, false, note));
}

TEST_F(Broker, IsGivenABoundedNumberOfCommandsAtOnce) {
  open();
  EXPECT_FALSE(session->publish("a", "b", 1, false, [](const Taken&) {}));
  accept();
  int taken = 0;
  while (taken < 1000 && session->publish("a", "b", 1, false, [](const Taken&) {})) ++taken;
  EXPECT_EQ(taken, 100);
}

TEST_F(Broker, ThatTakesOurClientIdAwayIsExplained) {
  open();
  accept();
  mqtt::Disconnect goodbye;
  goodbye.reason = mqtt::Reason::session_taken_over;
  say([&](std::string& out) { encode(goodbye, options.version, out); });
  EXPECT_EQ(ended, SiteSession::End::lost);
  EXPECT_NE(end.find("another client uses the client id `sluice-shop`"), std::string::npos);
}

}  // namespace
}  // namespace sluice::site
