// A line on which devices are asked: whose an answer is.
#include "tests/unit/plugins/serial_line.hpp"

namespace sluice::serial {
namespace {

class PolledLine : public test::SerialLine {};

TEST_F(PolledLine, AsksEachDeviceAndTakesItsAnswer) {
  start({{"mode", "poll"},
         {"poll", "{address}?"},
         {"every", 1000},
         {"timeout", 200},
         {"between", 5},
         {"retries", 1},
         {"address", {{"from", "field"}}},
         {"devices", {{{"id", "a"}, {"address", "1"}}, {{"id", "b"}, {"address", "2"}, {"poll", "two!"}}}}});
  ASSERT_TRUE(sent("1?\n"));
  line.say("1,21.5\n");
  ASSERT_TRUE(published(1));
  clock.advance(5ms);
  ASSERT_TRUE(sent("two!\n"));
  clock.advance(200ms);  // silence
  clock.advance(5ms);
  clock.advance(200ms);
  EXPECT_EQ(gateway.states["b"], "silent");
  EXPECT_EQ(gateway.states["a"], "online");
}

TEST_F(PolledLine, TakesAnAnswerWithoutAnAddressForThatOfTheOneWhoWasAsked) {
  start({{"mode", "poll"},
         {"poll", "{address}?"},
         {"every", 1000},
         {"timeout", 200},
         {"between", 5},
         {"topic", "d/{device}/x"},
         {"ack", "{address}!"},
         {"nack", "{address}-"},
         {"devices", {{{"id", "a"}, {"address", "1"}}, {{"id", "b"}, {"address", "2"}}}}});
  ASSERT_TRUE(sent("1?\n"));
  line.say("21.5\n");
  ASSERT_TRUE(published(1));
  ASSERT_TRUE(sent("1!\n"));
  clock.advance(5ms);
  ASSERT_TRUE(sent("2?\n"));
  line.say("22.5\n");
  ASSERT_TRUE(published(2));
  line.say("stray\n");  // nobody was asked
  ASSERT_TRUE(sent("-\n"));
  ASSERT_EQ(gateway.published.size(), 2U);
  EXPECT_EQ(gateway.published[0].topic + "=" + gateway.published[0].payload, "d/a/x=21.5");
  EXPECT_EQ(gateway.published[1].topic + "=" + gateway.published[1].payload, "d/b/x=22.5");
  EXPECT_EQ(gateway.counters["unknown_devices"], 1U);
}

}  // namespace
}  // namespace sluice::serial
