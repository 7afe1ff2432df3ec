// When a will speaks: not after a goodbye, after its delay, on take-over, once (3.1.2.5, 3.1.3.2.2, 3.14.4).
#include <gtest/gtest.h>

#include "broker_harness.hpp"
#include "wire_text.hpp"

namespace sluice::mqtt::test {
namespace {

TEST(BrokerWill, SpeaksUnlessTheClientSaidGoodbye) {
  House house;
  Peer watch(house), lost(house), bye(house), with(house), other(house), silent(house),
      old(house, Version::v311);
  watch.connect("watch").subscribe("w/#").hears();
  lost.connect("lost", with_will("w/lost", "x")).drop();
  EXPECT_EQ(watch.hears(), "publish w/lost 'x'");
  bye.connect("bye", with_will("w/bye", "x")).disconnect();
  old.connect("old", with_will("w/old", "x")).disconnect();
  EXPECT_EQ(watch.hears(), "");
  with.connect("with", with_will("w/with", "x")).disconnect(Reason::disconnect_with_will);
  EXPECT_EQ(watch.hears(), "publish w/with 'x'");
  other.connect("o", with_will("w/other", "x")).disconnect(Reason::unspecified_error);
  EXPECT_EQ(watch.hears(), "publish w/other 'x'");
  silent.connect("s", [](Connect& c) {
    with_will("w/silent", "x")(c);
    c.keep_alive = 10;
  });
  house.pass(14'000);
  watch.raw(wire("c0 00")).hears();
  house.pass(2'000);
  EXPECT_EQ(watch.hears(), "publish w/silent 'x'");
}

TEST(BrokerWill, WaitsItsDelay) {
  House house;
  Peer watch(house), a(house), back(house), again(house), ends(house);
  watch.connect("watch").subscribe("#").hears();
  a.connect("a", with_will("w", "1", 5, 100)).drop();
  house.pass(4'000);
  back.connect("a", with_will("w", "2", 5, 100));
  house.pass(10'000);
  EXPECT_EQ(watch.hears(), "") << "its client was back in time";
  back.drop();
  house.pass(5'500);
  EXPECT_EQ(watch.hears(), "publish w '2'");
  house.pass(200'000);
  EXPECT_EQ(watch.hears(), "") << "once only";
  ends.connect("e", with_will("w", "3", 1000, 2)).drop();
  house.pass(1'500);
  EXPECT_EQ(watch.hears(), "");
  house.pass(1'000);
  EXPECT_EQ(watch.hears(), "publish w '3'") << "the end of the session does not wait";
}

TEST(BrokerWill, OnTakeOverFollowsTheDelayAndCleanStart) {
  House house;
  Peer watch(house);
  watch.connect("watch").subscribe("#").hears();
  const auto take_over = [&](std::uint32_t delay, std::uint32_t expiry, bool clean) {
    Peer a(house), b(house);
    a.connect("a", with_will("w", "x", delay, expiry));
    b.connect("a", keep(100, clean));
    house.pass(500);
    b.disconnect(Reason::success, 0);
    return watch.hears();
  };
  EXPECT_EQ(take_over(0, 0, true), "publish w 'x'");
  EXPECT_EQ(take_over(0, 100, false), "publish w 'x'");
  EXPECT_EQ(take_over(5, 100, false), "") << "the session goes on within the delay";
  EXPECT_EQ(take_over(5, 100, true), "publish w 'x'") << "the session ends";
  EXPECT_EQ(take_over(5, 0, false), "publish w 'x'") << "the session ended with its connection";
}

TEST(BrokerWill, IsRetainedAndShownToTheHost) {
  House house;
  Peer a(house), late(house), refused(house);
  a.connect("a", [](Connect& c) {
    with_will("w", "x")(c);
    c.will->retain = true;
    c.will->qos = 1;
  });
  house.host.told();
  a.drop();
  EXPECT_EQ(house.host.told(), "will a w 'x'; disconnected a connection_lost");
  EXPECT_EQ(late.connect("l").subscribe("w", 1).hears(),
            "connack keepalive=1200; suback 1 0x01; publish w 'x' q1 id=1 retain");
  house.host.publishes = [](Client&, const Publish&, bool) {
    PublishVerdict verdict;
    verdict.reason = Reason::not_authorized;
    return verdict;
  };
  refused.connect("r", with_will("w", "no")).drop();
  EXPECT_EQ(late.hears(), "");
}

}  // namespace
}  // namespace sluice::mqtt::test
