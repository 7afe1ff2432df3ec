// Requests to AWS over topics, with a cloud whose every word is the test's.
#include "uplink/cloud_talk.hpp"

#include "tests/unit/uplink/uplink_fixture.hpp"

namespace sluice::test {
namespace {

using uplink::ConnectFailure;

class Talks : public UplinkTest {
 protected:
  void open() {
    CloudTalkOptions talk;
    talk.identity = identity("claim", "claim certificate");
    opener(talk, [this](result<std::unique_ptr<CloudTalk>> r) {
      ++opened;
      if (r.has_error()) {
        error = r.error();
      } else {
        conversation = std::move(*r);
      }
    });
    EXPECT_EQ(opened, 0) << "never from inside the call";
    settle();
  }
  void request(Duration timeout = 5s) {
    answer.reset();
    conversation->request("$aws/create", "{}", timeout, [this](result<std::string> r) {
      EXPECT_FALSE(answer) << "answered twice";
      answer = std::move(r);
    });
    settle();
  }
  void say(const std::string& topic, const std::string& payload) {
    uplink::Incoming message;
    message.topic = topic;
    message.payload = payload;
    cloud.say("claim", message);
    settle();
  }

  CloudTalkOpener opener = uplink::make_cloud_talks([this] { return options.cloud; }, clock, cloud.links());
  std::unique_ptr<CloudTalk> conversation;
  std::optional<result<std::string>> answer;
  Error error;
  int opened = 0;
};

TEST_F(Talks, AsksAndIsAnswered) {
  open();
  ASSERT_TRUE(conversation);
  const auto& connect = cloud.connects.at(0).options;
  EXPECT_EQ(connect.client_id, "claim");
  EXPECT_EQ(connect.host, "cloud.example");
  EXPECT_TRUE(connect.clean_start);
  EXPECT_EQ(connect.session_expiry, 0U);
  request();
  EXPECT_EQ(cloud.subscriptions, (std::vector<std::string>{"$aws/create/accepted", "$aws/create/rejected"}));
  ASSERT_EQ(cloud.received.size(), 1U);
  EXPECT_EQ(cloud.received[0].topic, "$aws/create");
  EXPECT_EQ(cloud.received[0].payload, "{}");
  EXPECT_FALSE(answer);
  say("$aws/other/accepted", "not this");
  EXPECT_FALSE(answer);
  say("$aws/create/accepted", "yes");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->value(), "yes");
  EXPECT_EQ(cloud.accepted.size(), 2U) << "messages are acknowledged, asked for or not";
  say("$aws/create/accepted", "twice");
  request();
  EXPECT_EQ(cloud.received.size(), 2U);
  EXPECT_EQ(cloud.subscriptions.size(), 2U) << "subscribed already";
}

TEST_F(Talks, TellsARejectionAsItCame) {
  open();
  request();
  say("$aws/create/rejected", R"({"errorCode":"AccessDenied"})");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->error().code, errc::refused);
  EXPECT_EQ(answer->error().text, R"({"errorCode":"AccessDenied"})");
}

TEST_F(Talks, DoesNotAskBeforeItCanHearTheAnswer) {
  open();
  cloud.answers_subscribe = false;
  request();
  EXPECT_TRUE(cloud.received.empty());
  pass(6s);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->error().code, errc::timeout);
}

TEST_F(Talks, SaysWhichPermissionIsMissing) {
  open();
  cloud.suback = [](const std::string&) { return std::uint8_t{0x87}; };
  request();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->error().code, errc::denied);
  EXPECT_NE(answer->error().text.find("iot:Subscribe"), std::string::npos);
  cloud.suback = {};
  cloud.answer = [](const ScriptedCloud::Received&) { return std::optional<std::uint8_t>(0x87); };
  request();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->error().code, errc::denied);
  EXPECT_NE(answer->error().text.find("iot:Publish"), std::string::npos);
}

TEST_F(Talks, EndsWithTheConnection) {
  open();
  request();
  cloud.lose("claim", {0x87, ""});
  settle();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->error().code, errc::closed);
  request();
  pass(10ms);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->error().code, errc::closed);
}

TEST_F(Talks, OneRequestAtATime) {
  open();
  request();
  std::optional<errc> second;
  conversation->request("$aws/other", "", 1s, [&](result<std::string> r) { second = r.error().code; });
  pass(10ms);
  EXPECT_EQ(second, errc::exists);
  say("$aws/create/accepted", "yes");
  EXPECT_TRUE(answer && answer->has_value());
}

TEST_F(Talks, MayBeGivenUpInItsOwnAnswerOrBefore) {
  open();
  conversation->request("$aws/create", "{}", 5s, [this](result<std::string> r) {
    answer = std::move(r);
    conversation.reset();
  });
  settle();
  say("$aws/create/accepted", "yes");
  EXPECT_TRUE(answer);
  EXPECT_FALSE(cloud.up("claim"));
  opened = 0;
  open();
  request();
  conversation.reset();
  EXPECT_FALSE(cloud.up("claim"));
  pass(10s);
  EXPECT_FALSE(answer) << "no answer comes any more";
}

TEST_F(Talks, SaysWhyThereIsNone) {
  for (const auto code : {errc::unreachable, errc::timeout, errc::tls, errc::unauthorized, errc::closed}) {
    cloud.refuse = [code](const uplink::LinkOptions&) {
      return std::optional(ConnectFailure{ConnectFailure::Kind::refused, 0, {code, "words"}});
    };
    opened = 0;
    open();
    EXPECT_EQ(opened, 1);
    EXPECT_FALSE(conversation);
    EXPECT_EQ(error.code, code);
  }
  cloud.refuse = {};
  options.cloud.endpoint = "";
  opened = 0;
  open();
  pass(10ms);
  EXPECT_EQ(error.code, errc::invalid_argument);
  options.cloud.endpoint = "cloud.example";
  clock.set_plausible(false);
  opened = 0;
  open();
  pass(10ms);
  EXPECT_EQ(error.code, errc::tls);
}

TEST_F(Talks, FallsBackTo311) {
  cloud.refuse = [](const uplink::LinkOptions& o) {
    return o.mqtt5
               ? std::optional(ConnectFailure{ConnectFailure::Kind::version, 0x84, {errc::unsupported, ""}})
               : std::nullopt;
  };
  open();
  EXPECT_TRUE(conversation);
}

TEST_F(Talks, NothingIsLeftOfOneThatIsBeingOpenedWhenItsOpenerGoes) {
  cloud.answers_connect = false;
  open();
  opener = {};
  EXPECT_EQ(cloud.closed, 1U);
  pass(1min, 1s);
  EXPECT_EQ(opened, 0);
}

}  // namespace
}  // namespace sluice::test
