// What the link makes of the bytes of a peer.
#include "tests/contract/cloud_link/raw_peer.hpp"

namespace sluice::test {
namespace {

using namespace std::string_literals;

TEST_F(RawPeer, F17TheGrantedLimitsAreTold) {
  connect({kConnack});
  ASSERT_TRUE(until([&] { return !events_->granted.empty(); }));
  EXPECT_EQ(events_->granted[0].receive_maximum, 10U);
  EXPECT_EQ(events_->granted[0].maximum_packet_size, 65'536U);
  EXPECT_EQ(events_->granted[0].server_keep_alive, 30U);
}

TEST_F(RawPeer, F19TheReasonOfADisconnectIsTold) {
  connect({kConnack + "\xe0\x02\x97\x00"s});
  ASSERT_TRUE(until([&] { return !events_->losses.empty(); }));
  EXPECT_EQ(events_->losses[0].reason, 0x97);
}

TEST_F(RawPeer, F19TheReasonOfAPubackIsToldAndAnUnknownOneIsNothing) {
  connect({kConnack, "\x40\x02\x00\x63"s + "\x40\x04\x00\x01\x97\x00"s});
  ASSERT_TRUE(until([&] { return !events_->granted.empty(); }));
  auto text = std::make_shared<std::string>("x");
  link_->publish({*text, *text, {}, {}, text}, 77);
  ASSERT_TRUE(until([&] { return !events_->acks.empty(); }));
  EXPECT_EQ(events_->acks.size(), 1U);
  EXPECT_EQ(events_->acks[0].token, 77U);
  EXPECT_EQ(events_->acks[0].reason, 0x97);
}

TEST_F(RawPeer, ARefusalInConnackIsTold) {
  connect({"\x20\x03\x00\x87\x00"s});
  ASSERT_TRUE(until([&] { return !events_->failures.empty(); }));
  EXPECT_EQ(events_->failures[0].kind, ConnectFailure::Kind::refused);
  EXPECT_EQ(events_->failures[0].reason, 0x87);
  EXPECT_NE(events_->failures[0].error.text.find("iot:Connect"), std::string::npos);
}

TEST_F(RawPeer, AwssCodeSevenOf311MeansNotAuthorized) {
  connect({"\x20\x02\x00\x07"s}, false);
  ASSERT_TRUE(until([&] { return !events_->failures.empty(); }));
  EXPECT_EQ(events_->failures[0].reason, 0x87);
}

TEST_F(RawPeer, A311ServersRefusalOfMqtt5LeadsToTheFallBack) {
  connect({"\x20\x02\x00\x01"s});
  ASSERT_TRUE(until([&] { return !events_->failures.empty(); }));
  const auto kind = events_->failures[0].kind;
  EXPECT_TRUE(kind == ConnectFailure::Kind::version || kind == ConnectFailure::Kind::closed)
      << events_->failures[0].error.text;
}

TEST_F(RawPeer, ACloseAfterConnectIsTold) {
  connect({""});
  ASSERT_TRUE(until([&] { return !events_->failures.empty(); }));
  EXPECT_EQ(events_->failures[0].kind, ConnectFailure::Kind::closed);
}

TEST_F(RawPeer, ASilentPeerIsGivenUpInTime) {
  connect({});
  const auto begin = clock_->now();
  ASSERT_TRUE(until([&] { return !events_->failures.empty(); }));
  EXPECT_LT(clock_->now() - begin, 12s);
}

TEST_F(RawPeer, GarbageEndsTheConnectionAndNothingElse) {
  connect({kConnack + "\xff\xff\xff\xff\xff\xff"s});
  ASSERT_TRUE(until([&] { return !events_->losses.empty(); }));
}

}  // namespace
}  // namespace sluice::test
