// The driver with the daemon as a script: whose a message is, what waits for what, what happens at the
// bounds. There is no broker here; tests/system has a real one.
#include "plugins/mqtt/site_driver.hpp"

#include <gtest/gtest.h>

#include "plugins/mqtt/own_gateway.hpp"
#include "tests/support/scripted_gateway.hpp"
#include "tests/support/virtual_clock.hpp"

namespace sluice::site {
namespace {

using adapter::Json;

class Site : public testing::Test {
 protected:
  void start(Json own = Json::object()) {
    Json section = {{"broker", "mqtt://127.0.0.1:1"}, {"shape", "tasmota"}};
    section.update(own);
    adapter::Start start;
    start.name = "shop";
    start.section = section;
    start.most_devices = 3;
    auto made = SiteDriver::make(start, {loop, clock, gateway});
    ASSERT_TRUE(made) << made.error().text;
    driver = std::move(*made);
    driver->start();
  }
  void say(std::string_view topic, std::string_view payload, bool retained = false) {
    static_cast<SiteDriver&>(*driver).arrived({topic, payload, {}, retained, 0}, {});
  }
  std::string answer_to(std::string_view device, std::string_view topic, std::string_view payload) {
    std::string said = "nothing";
    adapter::Message message;
    message.device = device;
    message.topic = topic;
    message.payload = payload;
    message.qos = 1;
    driver->message(message,
                    [&said](const adapter::Answer& answer) { said = answer.ok() ? "ok" : answer.error; });
    return said;
  }
  std::vector<std::string> published() const {
    std::vector<std::string> all;
    for (const auto& seen : gateway.published)
      all.push_back(seen.device + " " + seen.topic + " " + seen.payload);
    return all;
  }

  boost::asio::io_context loop{1};
  sluice::test::VirtualClock clock;
  adapter::test::ScriptedGateway gateway;
  std::unique_ptr<adapter::Driver> driver;
};

TEST_F(Site, AttachesADeviceThatIsSeenAndPublishesUnchanged) {
  start();
  say("tele/plug-1/SENSOR", "{\"t\" : 1}");
  ASSERT_EQ(gateway.attached.size(), 1U);
  EXPECT_EQ(gateway.attached[0].id, "plug-1");
  EXPECT_EQ(gateway.attached[0].subscribe, std::vector<std::string>{"d/plug-1/cmd/#"});
  EXPECT_EQ(published(), std::vector<std::string>{"plug-1 d/plug-1/tele/SENSOR {\"t\" : 1}"});
}

TEST_F(Site, MakesIdsOfNamesAndKeepsThoseApartThatWouldBeOne) {
  start({{"shape", "zigbee2mqtt"}, {"others", "z-{name}"}});
  say("zigbee2mqtt/kitchen/big lamp", "{}");
  say("zigbee2mqtt/kitchen-big lamp", "{}");
  EXPECT_EQ(published(), std::vector<std::string>{"z-kitchen-big-lamp d/z-kitchen-big-lamp/state {}"});
  EXPECT_EQ(gateway.counters["unknown_devices"], 1U);
  EXPECT_NE(gateway.log_lines.back().find("its id z-kitchen-big-lamp is that of `kitchen/big lamp`"),
            std::string::npos);
}

TEST_F(Site, ServesNoMoreDevicesThanItMayAndSaysSo) {
  start();
  for (const auto* name : {"a", "b", "c", "d", "e"}) say(std::string("tele/") + name + "/X", "1");
  EXPECT_EQ(gateway.attached.size(), 3U);
  EXPECT_EQ(gateway.published.size(), 3U);
  EXPECT_EQ(gateway.counters["unknown_devices"], 2U);
}

TEST_F(Site, ServesOnlyTheNamedOnesIfToldSo) {
  start({{"others", ""}, {"devices", {{{"id", "th-1"}, {"name", "tasmota_1A"}, {"model", "TH16"}}}}});
  ASSERT_EQ(gateway.attached.size(), 1U);
  EXPECT_EQ(gateway.attached[0].model, "TH16");
  say("tele/tasmota_1A/X", "1");
  say("tele/other/X", "1");
  EXPECT_EQ(published(), std::vector<std::string>{"th-1 d/th-1/tele/X 1"});
}

TEST_F(Site, KeepsReadingsUntilTheDaemonCanJudge) {
  gateway.attach_answers["a"] = adapter::no("unavailable", "later");
  start();
  say("tele/a/X", "1");
  say("tele/a/X", "2");
  EXPECT_TRUE(gateway.published.empty());
  gateway.attach_answers.clear();
  clock.advance(std::chrono::seconds(5));
  EXPECT_EQ(published(), (std::vector<std::string>{"a d/a/tele/X 1", "a d/a/tele/X 2"}));
}

TEST_F(Site, DropsAndCountsWhatARefusedDeviceSays) {
  gateway.attach_answers["a"] = adapter::no("refused", "wrong token");
  start();
  say("tele/a/X", "1");
  say("tele/b/X", "2");
  EXPECT_EQ(published(), std::vector<std::string>{"b d/b/tele/X 2"});
  EXPECT_EQ(gateway.counters["refused"], 1U);
  EXPECT_EQ(gateway.states["a"], "refused");
}

TEST_F(Site, KeepsReadingsWhileAnAdapterThatGoesStillHasTheDevice) {
  gateway.attach_answers["a"] = adapter::no("busy", "held by adapter shop-old");
  start();
  say("tele/a/X", "1");
  clock.advance(std::chrono::seconds(20));
  say("tele/a/X", "2");
  EXPECT_TRUE(gateway.published.empty());
  EXPECT_EQ(gateway.counters["refused"], 0U);
  EXPECT_EQ(gateway.states["a"], "busy");
  gateway.attach_answers.clear();
  clock.advance(std::chrono::seconds(10));
  EXPECT_EQ(published(), (std::vector<std::string>{"a d/a/tele/X 1", "a d/a/tele/X 2"}));
}

TEST_F(Site, DropsTheReadingsOfADeviceThatSomebodyElseKeeps) {
  gateway.attach_answers["a"] = adapter::no("busy", "connected by itself");
  start();
  say("tele/a/X", "1");
  clock.advance(std::chrono::seconds(30));
  EXPECT_EQ(gateway.counters["refused"], 1U);
  say("tele/a/X", "2");
  EXPECT_EQ(gateway.counters["refused"], 2U) << "the thirty seconds are from the first";
  gateway.attach_answers.clear();
  clock.advance(std::chrono::minutes(5));
  say("tele/a/X", "3");
  EXPECT_EQ(published(), std::vector<std::string>{"a d/a/tele/X 3"});
}

TEST_F(Site, StopsAtOnceWhenAFullStoreTakesTheLastOnesNot) {
  gateway.acks_at_once = false;
  start();
  say("tele/a/X", "1");
  say("tele/a/X", "2");
  bool stopped = false;
  driver->stop([&] { stopped = true; });
  gateway.ack(0, false);  // 0x97
  EXPECT_FALSE(stopped);
  gateway.ack(1, false);
  EXPECT_TRUE(stopped);
}

TEST_F(Site, TakesNoReadingForTheEchoOfACommandThatNeverLeft) {
  start({{"version", "3.1.1"},
         {"shape", "custom"},
         {"rules", {{{"match", "x/{name}/v"}}}},
         {"commands", {{{"match", "d/{device}/cmd"}, {"topic", "x/{name}/v"}}}}});
  say("x/a/v", "OFF");
  EXPECT_EQ(answer_to("a", "d/a/cmd", "ON"), "transient");
  say("x/a/v", "ON");
  EXPECT_EQ(gateway.published.size(), 2U);
  EXPECT_EQ(gateway.counters["echoes"], 0U);
}

TEST_F(Site, AttachesWithoutCommandsWhereTheProductAllowsNone) {
  gateway.attach_answers["a"] = adapter::no("refused", "may_subscribe does not allow d/a/cmd/#");
  start();
  say("tele/a/X", "1");
  ASSERT_EQ(gateway.attached.size(), 2U);
  EXPECT_FALSE(gateway.attached[0].subscribe.empty());
  EXPECT_TRUE(gateway.attached[1].subscribe.empty());
}

TEST_F(Site, ShowsWhoIsAwayAndPublishesThat) {
  start();
  say("tele/a/LWT", "Offline");
  EXPECT_EQ(gateway.states["a"], "offline");
  say("tele/a/LWT", "Online");
  EXPECT_EQ(gateway.states["a"], "online");
  EXPECT_EQ(published(),
            (std::vector<std::string>{"a d/a/availability Offline", "a d/a/availability Online"}));
}

TEST_F(Site, TellsModelAndFirmware) {
  start();
  say("tasmota/discovery/DC4F221A2B3C/config", R"({"t":"a","md":"Sonoff Basic","sw":"13.1.0"})");
  EXPECT_TRUE(gateway.published.empty());
  EXPECT_EQ(gateway.attached.back().model + gateway.attached.back().firmware, "Sonoff Basic13.1.0");
  const auto before = gateway.attached.size();
  say("tasmota/discovery/DC4F221A2B3C/config", R"({"t":"a","md":"Sonoff Basic","sw":"13.1.0"})");
  EXPECT_EQ(gateway.attached.size(), before);
  say("tasmota/discovery/DC4F221A2B3C/config", R"({"t":"a","md":"Sonoff Basic","sw":"13.2.0"})");
  EXPECT_EQ(gateway.attached.back().firmware, "13.2.0");
}

TEST_F(Site, KeepsTheOrderWhenThereIsNoRoom) {
  gateway.most_open = 2;
  gateway.acks_at_once = false;
  start();
  for (const auto* value : {"1", "2", "3", "4"}) say("tele/a/X", value);
  EXPECT_EQ(gateway.published.size(), 2U);
  gateway.ack(0);
  gateway.ack(1);
  ASSERT_EQ(gateway.published.size(), 4U);
  EXPECT_EQ(gateway.published[2].payload + gateway.published[3].payload, "34");
}

TEST_F(Site, SendsAgainInOrderWhatAFullStoreDidNotTake) {
  gateway.acks_at_once = false;
  start();
  for (const auto* value : {"1", "2", "3"}) say("tele/a/X", value);
  gateway.ack(0, false);  // 0x97
  gateway.ack(1, false);
  gateway.ack(2, false);
  EXPECT_EQ(gateway.state, "degraded");
  say("tele/a/X", "4");
  EXPECT_EQ(gateway.published.size(), 3U);
  gateway.acks_at_once = true;
  clock.advance(std::chrono::seconds(2));
  ASSERT_EQ(gateway.published.size(), 7U);
  EXPECT_EQ(gateway.published[3].payload + gateway.published[4].payload + gateway.published[5].payload +
                gateway.published[6].payload,
            "1234");
  EXPECT_EQ(gateway.counters["published"], 4U);
}

TEST_F(Site, TakesNoRetainedReadingsIfToldSoButKnowsTheState) {
  start({{"retained", "never"}});
  say("tele/a/LWT", "Offline", true);
  say("tele/a/X", "1", true);
  say("tele/a/X", "2", false);
  EXPECT_EQ(gateway.states["a"], "offline");
  EXPECT_EQ(published(), std::vector<std::string>{"a d/a/tele/X 2"});
}

TEST_F(Site, SaysWhyACommandCannotGo) {
  start();
  say("tele/a/X", "1");
  EXPECT_EQ(answer_to("nobody", "d/nobody/cmd/POWER", "ON"), "not_attached");
  EXPECT_EQ(answer_to("a", "d/a/other", "ON"), "permanent");
  EXPECT_EQ(answer_to("a", "d/b/cmd/POWER", "ON"), "permanent");
  EXPECT_EQ(answer_to("a", "d/a/cmd/POWER", "ON"), "transient");
}

TEST_F(Site, TriesADetachedDeviceAgain) {
  start();
  say("tele/a/X", "1");
  driver->detached("a", "by_daemon", "disabled");
  say("tele/a/X", "2");
  EXPECT_EQ(gateway.published.size(), 1U);
  clock.advance(std::chrono::seconds(10));
  say("tele/a/X", "3");
  EXPECT_EQ(gateway.published.back().payload, "3");
}

TEST_F(Site, SaysThatTheBrokerIsNotThereAndGoesOnTrying) {
  start();
  for (int turn = 0; turn < 500 && gateway.state == "ok"; ++turn) {
    loop.restart();
    loop.run_one_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(gateway.state, "degraded");
  EXPECT_NE(gateway.text.find("mqtt://127.0.0.1:1: it does not answer"), std::string::npos) << gateway.text;
  EXPECT_GT(clock.timers(), 0U);
}

TEST(Echoes, AreTakenOnceAndForgotten) {
  sluice::test::VirtualClock clock;
  Echoes echoes(clock);
  echoes.said("a", "1");
  EXPECT_FALSE(echoes.came_back("a", "2"));
  EXPECT_TRUE(echoes.came_back("a", "1"));
  EXPECT_FALSE(echoes.came_back("a", "1"));
  echoes.said("a", "1");
  clock.advance(std::chrono::minutes(1));
  EXPECT_FALSE(echoes.came_back("a", "1"));
}

TEST(OwnGateway, IsKnownByItsListeners) {
  using boost::asio::ip::make_address;
  const auto end = [](const char* address, std::uint16_t port) {
    return boost::asio::ip::tcp::endpoint(make_address(address), port);
  };
  const std::vector<adapter::ListenerAddress> any = {{"0.0.0.0", 1883}}, one = {{"192.168.1.5", 1883}};
  EXPECT_TRUE(is_own_gateway(end("127.0.0.1", 40000), end("127.0.0.1", 1883), any));
  EXPECT_TRUE(is_own_gateway(end("192.168.1.5", 40000), end("192.168.1.5", 1883), any));
  EXPECT_TRUE(is_own_gateway(end("192.168.1.5", 40000), end("192.168.1.5", 1883), one));
  EXPECT_FALSE(is_own_gateway(end("127.0.0.1", 40000), end("127.0.0.1", 1883), one));
  EXPECT_FALSE(is_own_gateway(end("127.0.0.1", 40000), end("127.0.0.1", 1884), any));
  EXPECT_FALSE(is_own_gateway(end("192.168.1.5", 40000), end("192.168.1.9", 1883), any));
}

}  // namespace
}  // namespace sluice::site
