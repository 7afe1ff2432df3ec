// The link against a peer that says exactly the bytes of the test: what no well-behaved broker would say on
// demand.
#include <gtest/gtest.h>

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <string>
#include <vector>

#include "tests/contract/cloud_link/broker.hpp"
#include "uplink/cloud_link.hpp"

namespace sluice::test {
namespace {

using boost::asio::ip::tcp;
using uplink::ConnectFailure;
using namespace std::string_literals;

// MQTT 5: Receive Maximum 10, Maximum Packet Size 65,536, Server Keep Alive 30.
const std::string kConnack = "\x20\x0e\x00\x00\x0b\x21\x00\x0a\x27\x00\x01\x00\x00\x13\x00\x1e"s;

class Events final : public uplink::LinkEvents {
 public:
  void connected(const uplink::Granted& g) override { granted.push_back(g); }
  void connect_failed(const ConnectFailure& f) override { failures.push_back(f); }
  void lost(const uplink::Loss& l) override { losses.push_back(l); }
  void published(std::span<const uplink::Puback> a) override { acks.insert(acks.end(), a.begin(), a.end()); }
  void subscribed(std::span<const std::uint8_t>) override {}
  void message(uplink::Incoming&&) override {}
  void writable() override {}
  std::vector<uplink::Granted> granted;
  std::vector<ConnectFailure> failures;
  std::vector<uplink::Loss> losses;
  std::vector<uplink::Puback> acks;
};

class RawPeer : public ::testing::Test {
 protected:
  // The answers to the first, second, … packet that arrives; empty: the connection is closed.
  void connect(std::vector<std::string> answers, bool mqtt5 = true) {
    answers_ = std::move(answers);
    accept();
    uplink::LinkOptions o;
    o.host = "127.0.0.1";
    o.port = acceptor_.local_endpoint().port();
    o.plain = true;
    o.client_id = "one";
    o.mqtt5 = mqtt5;
    o.connect_timeout = 3s;
    link_ = factory_(events_);
    link_->connect(o);
  }
  void accept() {
    acceptor_.async_accept([this](boost::system::error_code ec, tcp::socket socket) {
      if (ec) return;
      sockets_.push_back(std::make_unique<tcp::socket>(std::move(socket)));
      read(*sockets_.back(), 0);
      accept();
    });
  }
  void read(tcp::socket& socket, std::size_t n) {
    socket.async_read_some(boost::asio::buffer(buffer_),
                           [this, &socket, n](boost::system::error_code ec, std::size_t) {
                             if (ec) return;
                             if (n < answers_.size() && answers_[n].empty()) return socket.close();
                             if (n < answers_.size())
                               boost::asio::write(socket, boost::asio::buffer(answers_[n]), ec);
                             read(socket, n + 1);
                           });
  }
  bool until(const std::function<bool()>& condition) { return run_until(loop_, *clock_, condition); }
  void TearDown() override {
    link_.reset();
    factory_ = {};
  }

  boost::asio::io_context loop_{1};
  std::unique_ptr<Clock> clock_ = make_system_clock(loop_);
  tcp::acceptor acceptor_{loop_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)};
  std::vector<std::unique_ptr<tcp::socket>> sockets_;
  std::array<char, 4096> buffer_{};
  std::vector<std::string> answers_;
  uplink::LinkFactory factory_ = uplink::make_mqtt_links(loop_, *clock_);
  std::shared_ptr<Events> events_ = std::make_shared<Events>();
  std::unique_ptr<uplink::CloudLink> link_;
};

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
