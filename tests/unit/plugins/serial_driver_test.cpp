// The serial adapter's driver on a pty, with the daemon as a script: F21 from the cable to the
// acknowledgement.
#include <gtest/gtest.h>
#include <sys/ioctl.h>

#include <random>

#include "tests/unit/plugins/serial_line.hpp"

namespace sluice::serial {
namespace {

using adapter::Json;
using test::SerialLine;

TEST_F(SerialLine, PublishesALine) {
  start();
  line.say("{\"t\":21.5}\r\n");
  ASSERT_TRUE(published(1));
  EXPECT_EQ(gateway.published[0].device, "th-1");
  EXPECT_EQ(gateway.published[0].topic, "d/th-1/temp");
  EXPECT_EQ(gateway.published[0].payload, "{\"t\":21.5}");
}

TEST_F(SerialLine, AcknowledgesToTheDeviceWhenItIsOnDisk) {
  gateway.acks_at_once = false;
  start({{"format", "json"}, {"ack", "ACK {seq}"}, {"nack", "NAK {seq}"}});
  line.say("{\"seq\":1}\n{\"seq\":2}\n");
  ASSERT_TRUE(published(2));
  settle();
  EXPECT_EQ(heard, "");
  gateway.ack(0);
  ASSERT_TRUE(sent("ACK 1\n"));
  gateway.ack(1, false);
  ASSERT_TRUE(sent("NAK 2\n"));
}

TEST_F(SerialLine, TellsDevicesOnABusApart) {
  start({{"format", "json"},
         {"address", {{"from", "json"}, {"pointer", "/id"}}},
         {"topic", "d/{device}/x"},
         {"devices", {{{"id", "a"}, {"address", "1"}}, {{"id", "b"}, {"address", "2"}}}}});
  line.say("{\"id\":2}\n{\"id\":1}\n{\"id\":3}\n");
  ASSERT_TRUE(published(2));
  settle();
  ASSERT_EQ(gateway.published.size(), 2U);
  EXPECT_EQ(gateway.published[0].topic, "d/b/x");
  EXPECT_EQ(gateway.published[1].topic, "d/a/x");
  EXPECT_EQ(gateway.counters["unknown_devices"], 1U);
}

TEST_F(SerialLine, AttachesDevicesThatItMeetsUpToItsLimit) {
  start({{"format", "text"},
         {"address", {{"from", "field"}}},
         {"devices", Json::array()},
         {"others", "bus-{address}"}});
  for (int i = 0; i < 10; ++i) line.say(std::to_string(i) + ",21\n");
  line.say("../x,21\n");
  ASSERT_TRUE(published(5));
  settle();
  EXPECT_EQ(gateway.attached.size(), 5U);
  EXPECT_EQ(gateway.published[4].device, "bus-4");
  EXPECT_EQ(gateway.counters["unknown_devices"], 6U);
}

TEST_F(SerialLine, F21OpensTheSameLineUnderAnotherNumber) {
  start();
  line.say("1\n");
  ASSERT_TRUE(published(1));
  line.say("half a fra");
  settle();
  line.unplug();
  ASSERT_TRUE(wait_until([&] { return gateway.state == "degraded"; }, 10ms)) << gateway.state;
  clock.advance(30s);
  settle();
  line.plug();
  ASSERT_TRUE(wait_until([&] { return gateway.state == "ok"; }, 50ms)) << gateway.text;
  line.say("2\n");
  ASSERT_TRUE(published(2));
  EXPECT_EQ(gateway.published[1].payload, "2");  // the half frame did not stick to it
  EXPECT_EQ(gateway.counters["opens"], 2U);
}

TEST_F(SerialLine, F21WaitsForALineThatIsNotThereYet) {
  line.unplug();
  start();
  EXPECT_EQ(gateway.state, "degraded");
  EXPECT_NE(gateway.text.find("No such file"), std::string::npos) << gateway.text;
  const auto said = gateway.log_lines.size();
  clock.advance(10min);
  EXPECT_EQ(gateway.log_lines.size(), said);  // said once
  line.plug();
  ASSERT_TRUE(wait_until([&] { return gateway.state == "ok"; }, 100ms));
  EXPECT_EQ(gateway.counters["opens"], 1U);  // before anything comes
}

TEST_F(SerialLine, F21SaysThatTheRateMayBeWrong) {
  start({{"framing", "slip"}, {"crc", "ccitt"}});
  std::mt19937 random(1);
  for (int i = 0; i < 200; ++i) line.say(std::string(1, static_cast<char>(random())));
  settle();
  clock.advance(6s);
  EXPECT_EQ(gateway.state, "degraded");
  EXPECT_NE(gateway.text.find("wrong baud"), std::string::npos);
  FramingOptions slip;
  slip.kind = FramingOptions::Kind::slip;
  slip.crc = Crc::ccitt;
  line.say(*(*make_framing(slip))->encode("good"));
  ASSERT_TRUE(published(1));
  clock.advance(6s);
  EXPECT_EQ(gateway.state, "ok");
}

TEST_F(SerialLine, F21GivesUpAHalfFrameAfterTheGap) {
  start();
  line.say("21.5 but then it was res");
  settle();
  clock.advance(200ms);
  line.say("22.5\n");
  ASSERT_TRUE(published(1));
  EXPECT_EQ(gateway.published[0].payload, "22.5");
}

TEST_F(SerialLine, F21FlowThatStopsNeverBlocksTheLoop) {
  start({{"flow", "software"},
         {"devices", {{{"id", "th-1"}, {"subscribe", {"d/th-1/#"}}}}},
         {"max_frame", 60'000}});
  wait_until([&] { return gateway.state == "ok" && gateway.counters["opens"] == 0; });
  const std::string much(30'000, 'x');
  std::vector<std::string> answers;
  for (int i = 0; i < 2; ++i) {
    driver->message(
        {.device = "th-1",
         .topic = "d/th-1/cmd",
         .payload = much,
         .content_type = {},
         .response_topic = {},
         .correlation_data = {},
         .qos = 1},
        [&](const adapter::Answer& answer) { answers.push_back(answer.ok() ? "ok" : answer.error); });
  }
  // Nobody reads the other end.
  for (int turn = 0; turn < 50; ++turn) {
    loop.restart();
    loop.poll();
  }
  EXPECT_TRUE(answers.empty());
  clock.advance(3s);
  EXPECT_EQ(answers, (std::vector<std::string>{"transient", "transient"}));
  EXPECT_TRUE(std::any_of(gateway.log_lines.begin(), gateway.log_lines.end(),
                          [](const auto& each) { return each.find("takes no bytes") != std::string::npos; }));
}

TEST_F(SerialLine, IsNotReadWhileTheDaemonHasNoRoomAndWhatWasReadIsHeld) {
  gateway.acks_at_once = false;
  gateway.most_open = 2;
  start({{"ack", "A"}, {"nack", "N"}});
  line.say("1\n2\n3\n4\n");
  ASSERT_TRUE(published(2));
  line.say("5\n");
  settle();
  EXPECT_EQ(gateway.published.size(), 2U);
  for (std::size_t n = 0; n < 5; ++n) {
    ASSERT_TRUE(published(n + 1)) << n;
    EXPECT_EQ(gateway.published[n].payload, std::to_string(n + 1));
    gateway.ack(n);
  }
  ASSERT_TRUE(sent("A\nA\nA\nA\nA\n"));
}

TEST_F(SerialLine, HoldsNoMoreThanItMayAndRefusesTheRest) {
  gateway.acks_at_once = false;
  gateway.most_open = 0;
  start({{"format", "codec"},
         {"codec", SLUICE_TEST_CODECS "/good.so"},
         {"devices", {{{"id", "m"}, {"address", "7"}}}}});
  line.say("*\n*\n*\n*\n*\n*\n*\n*\n");  // 256 readings each
  ASSERT_TRUE(sent("no\n"));
  const auto refused = gateway.counters["refused_frames"];
  EXPECT_GT(refused, 256U);
  gateway.most_open = 4096;
  gateway.make_room();
  EXPECT_EQ(gateway.published.size() + refused, 8 * 256U);
}

TEST_F(SerialLine, HalfAFrameIsNotGivenUpWhileTheLineIsNotRead) {
  gateway.acks_at_once = false;
  gateway.most_open = 1;
  start({{"gap", 20}});
  line.say("1\n2\nhal");
  ASSERT_TRUE(published(1));
  line.say("f\n");
  clock.advance(1s);
  settle();
  for (std::size_t n = 0; n < 2; ++n) {
    gateway.ack(n);
    ASSERT_TRUE(published(n + 2));
  }
  EXPECT_EQ(gateway.published[2].payload, "half");
}

TEST_F(SerialLine, BringsMessagesToTheDevice) {
  start({{"framing", "slip"}});
  settle();
  std::vector<std::string> answers;
  driver->message(
      {.device = "th-1",
       .topic = "d/th-1/cmd",
       .payload = "on",
       .content_type = {},
       .response_topic = {},
       .correlation_data = {},
       .qos = 1},
      [&](const adapter::Answer& answer) { answers.push_back(answer.ok() ? "ok" : answer.error); });
  ASSERT_TRUE(
      sent("\xc0"
           "on\xc0"));
  EXPECT_TRUE(wait_until([&] { return answers == std::vector<std::string>{"ok"}; }));
  line.unplug();
  ASSERT_TRUE(wait_until([&] { return gateway.state == "degraded"; }, 10ms));
  driver->message({.device = "th-1",
                   .topic = "t",
                   .payload = "on",
                   .content_type = {},
                   .response_topic = {},
                   .correlation_data = {},
                   .qos = 1},
                  [&](const adapter::Answer& answer) { answers.push_back(answer.error); });
  EXPECT_EQ(answers.back(), "transient");
}

TEST_F(SerialLine, SpeaksThroughACodec) {
  start({{"format", "codec"},
         {"codec", std::string(SLUICE_TEST_CODECS) + "/good.so"},
         {"devices", {{{"id", "x"}, {"address", "7"}}}},
         {"topic", "d/{device}"}});
  line.say("7t21.5\n!\n");
  ASSERT_TRUE(published(1));
  EXPECT_EQ(gateway.published[0].topic, "d/x/temp");
  EXPECT_EQ(gateway.published[0].payload, "21.5");
  EXPECT_TRUE(sent("ok\n"));
  EXPECT_TRUE(sent("pong\n"));
}

TEST_F(SerialLine, AttachesAgainWhenItWasRefusedForNow) {
  gateway.attach_answers["th-1"] = adapter::no("busy", "another has it");
  start({{"nack", "N"}});
  line.say("1\n");
  ASSERT_TRUE(sent("N\n"));
  EXPECT_EQ(gateway.states["th-1"], "busy");
  EXPECT_EQ(gateway.counters["refused_frames"], 1U);
  gateway.attach_answers.clear();
  clock.advance(10s);
  EXPECT_EQ(gateway.states["th-1"], "online");
  driver->detached("th-1", "by_daemon", "disabled");
  line.say("2\n");
  settle();
  EXPECT_TRUE(gateway.published.empty());
  clock.advance(6min);
  line.say("3\n");
  EXPECT_TRUE(published(1));
}

TEST_F(SerialLine, FinishesWhatIsOnItsWayBeforeItStops) {
  gateway.acks_at_once = false;
  start({{"ack", "A"}});
  line.say("1\n");
  ASSERT_TRUE(published(1));
  bool stopped = false;
  driver->stop([&] { stopped = true; });
  EXPECT_FALSE(stopped);
  gateway.ack(0);
  EXPECT_TRUE(wait_until([&] { return stopped; }, 1ms));
  EXPECT_EQ(heard, "A\n");
}

TEST_F(SerialLine, TakesARateThatIsNotInTheTable) {
  start({{"baud", 250'000}, {"parity", "even"}, {"stop_bits", 2}});
  EXPECT_TRUE(wait_until([&] { return gateway.state == "ok"; })) << gateway.text;
  line.say("1\n");
  EXPECT_TRUE(published(1));
}

TEST_F(SerialLine, IsOneProcessesAlone) {
  start();
  settle();
  line.say("1\n");
  ASSERT_TRUE(published(1));
  // Root may open it nevertheless, and be told that it is taken; others may not.
  const int fd = ::open(line.name().c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);
  int exclusive = 1;
  if (fd >= 0) ::ioctl(fd, TIOCGEXCL, &exclusive);
  EXPECT_EQ(exclusive, 1);
  if (fd >= 0) ::close(fd);
}

// A device that sends each reading until it is acknowledged, over a line that breaks a byte in five: nothing
// that was acknowledged is lost, nothing false gets through.
TEST_F(SerialLine, F21AByteInFiveIsCorruptedAndNoAcknowledgedReadingIsLost) {
  start({{"framing", "cobs"}, {"crc", "crc32"}, {"ack", "{seq}"}, {"format", "json"}, {"gap", 20}});
  settle();
  FramingOptions cobs;
  cobs.kind = FramingOptions::Kind::cobs;
  cobs.crc = Crc::crc32;
  const auto framing = *make_framing(cobs), answers = *make_framing(cobs);
  std::mt19937 random(3);
  constexpr unsigned kReadings = 10;
  unsigned seq = 0, tries = 0;
  while (seq < kReadings && ++tries < 20'000) {
    auto frame = *framing->encode("{\"seq\":" + std::to_string(seq) + "}");
    for (auto& byte : frame) {
      if (random() % 5 == 0) byte = static_cast<char>(random());
    }
    line.say(frame);
    wait_until([turns = 0]() mutable { return ++turns > 1; });
    answers->feed(std::exchange(heard, {}), [&](std::string_view ack) {
      if (ack == std::to_string(seq)) ++seq;
    });
  }
  ASSERT_EQ(seq, kReadings) << "after " << tries << " tries";
  settle();
  std::set<std::string> have;
  for (const auto& each : gateway.published) have.insert(each.payload);
  for (unsigned n = 0; n < kReadings; ++n)
    EXPECT_TRUE(have.contains("{\"seq\":" + std::to_string(n) + "}")) << n;
  EXPECT_EQ(have.size(), kReadings) << "a false reading got through";
}

}  // namespace
}  // namespace sluice::serial
