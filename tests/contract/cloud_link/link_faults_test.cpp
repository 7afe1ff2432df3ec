// The link when the network, the name or the peer is at fault.
#include <netdb.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <cstring>
#include <mutex>

#include "tests/contract/cloud_link/raw_peer.hpp"

namespace sluice::test {
namespace {

using namespace std::string_literals;

using Kind = uplink::ConnectFailure::Kind;
using tcp = boost::asio::ip::tcp;

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << text

const std::string kPingreq("\xc0\x00", 2), kPingresp("\xd0\x00", 2);

// A list as getaddrinfo makes one, so that freeaddrinfo may have it.
int addresses(const std::vector<tcp::endpoint>& endpoints, addrinfo** list) {
  addrinfo** next = list;
  for (const auto& endpoint : endpoints) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    const int rc = ::getaddrinfo(endpoint.address().to_string().c_str(),
                                 std::to_string(endpoint.port()).c_str(), &hints, next);
    if (rc != 0) return rc;
    while (*next != nullptr) next = &(*next)->ai_next;
  }
  return 0;
}

class LinkFaults : public RawPeer {
 protected:
  void look_up(uplink::Lookup lookup) {
    options_.host = "cloud.example";
    factory_ = uplink::make_mqtt_links(loop_, *clock_, std::move(lookup));
  }
  tcp::endpoint peer() const { return acceptor_.local_endpoint(); }
};

TEST_F(LinkFaults, F13ASilentPeerIsLostWithinTheKeepAlive) {
  options_.keep_alive = 1s;
  connect({kPlainConnack});
  ASSERT_TRUE(up());
  const auto begin = clock_->now();
  ASSERT_TRUE(until([&] { return !events_->losses.empty(); }));
  EXPECT_LT(clock_->now() - begin, 4s);
  EXPECT_HAS(events_->losses[0].text, "PINGREQ");
  EXPECT_TRUE(received_.ends_with(kPingreq));
}

TEST_F(LinkFaults, APeerThatAnswersPingreqIsKept) {
  options_.keep_alive = 1s;
  connect({kPlainConnack, kPingresp, kPingresp, kPingresp});
  ASSERT_TRUE(up());
  pass(2500ms);
  EXPECT_TRUE(events_->losses.empty());
  EXPECT_TRUE(received_.ends_with(kPingreq + kPingreq));
}

TEST_F(LinkFaults, TheServersKeepAliveCounts) {
  options_.keep_alive = 600s;
  connect({"\x20\x06\x00\x00\x03\x13\x00\x01"s, kPingresp});
  ASSERT_TRUE(up());
  EXPECT_TRUE(until([&] { return received_.ends_with(kPingreq); }));
}

TEST_F(LinkFaults, APeerThatReadsNothingCostsBoundedMemoryAndNoReading) {
  reads_at_most_ = 1;
  connect({kPlainConnack});
  ASSERT_TRUE(up());
  // The kernel's buffers take some megabytes.
  std::size_t given = 0;
  const std::string payload(100'000, 'x');
  const auto give = [&] {
    while (link_->writable()) {
      publish(++given, payload);
      ASSERT_LT(given, 1000U) << "it never says that it is enough";
    }
  };
  give();
  for (int still = 0; still < 20; ++still) {  // until neither it nor the kernel takes more
    const auto before = events_->writables;
    pass(20ms);
    if (events_->writables == before) continue;
    still = 0;
    give();
  }
  const auto before = events_->writables;
  received_.clear();
  reads_at_most_ = SIZE_MAX;
  read(*sockets_[0], 1);
  const auto all = given * (payload.size() + 10);
  ASSERT_TRUE(until([&] { return received_.size() >= all && link_->writable(); }));
  EXPECT_GT(events_->writables, before) << "it tells that it takes more again";
  EXPECT_EQ(received_.size(), all) << "nothing is missing, nothing twice";
  EXPECT_TRUE(events_->losses.empty());
}

// While the server has plenty to answer, publishes are gathered; the last one must not wait for company.
TEST_F(LinkFaults, APublishIsNotHeldBackWhenNoOtherFollows) {
  connect({kPlainConnack});
  ASSERT_TRUE(up());
  const auto connect_bytes = received_.size();
  constexpr std::size_t kPublish = 1 + 1 + 3 + 2 + 1 + 1;
  for (std::uint64_t token = 1; token <= 99; ++token) publish(token, "x");
  ASSERT_TRUE(until([&] { return received_.size() == connect_bytes + 99 * kPublish; }));
  const auto begin = clock_->now();
  publish(100, "x");
  ASSERT_TRUE(until([&] { return received_.size() == connect_bytes + 100 * kPublish; }));
  EXPECT_LT(clock_->now() - begin, 500ms);
}

TEST_F(LinkFaults, APeerThatGoesInTheMiddleOfAPublishIsLostOnce) {
  reads_at_most_ = 1;
  connect({kPlainConnack});
  ASSERT_TRUE(up());
  for (std::uint64_t token = 1; token <= 100; ++token) publish(token, std::string(100'000, 'x'));
  pass(50ms);
  sockets_[0]->close();
  ASSERT_TRUE(until([&] { return !events_->losses.empty(); }));
  pass(50ms);
  EXPECT_EQ(events_->losses.size(), 1U);
  EXPECT_TRUE(events_->acks.empty());
}

TEST_F(LinkFaults, AConnackInPiecesIsOne) {
  connect({kConnack.substr(0, 1)});
  ASSERT_TRUE(until([&] { return !received_.empty(); }));
  for (std::size_t i = 1; i < kConnack.size(); ++i) {
    EXPECT_TRUE(events_->granted.empty());
    boost::asio::write(*sockets_[0], boost::asio::buffer(&kConnack[i], 1));
    pass(2ms);
  }
  ASSERT_TRUE(up());
  EXPECT_EQ(events_->granted[0].receive_maximum, 10U);
}

TEST_F(LinkFaults, WhatIsNotMqttIsNamed) {
  connect({"HTTP/1.1 400 Bad Request\r\n\r\n"});
  const auto f = failure();
  EXPECT_EQ(f.kind, Kind::refused);
  EXPECT_EQ(f.error.code, errc::protocol);
  EXPECT_HAS(f.error.text, "does not speak MQTT");
}

TEST_F(LinkFaults, APeerThatDoesNotAnswerConnectIsNamed) {
  options_.connect_timeout = 300ms;
  connect({});
  const auto f = failure();
  EXPECT_EQ(f.kind, Kind::silent);
  EXPECT_EQ(f.error.code, errc::timeout);
}

TEST_F(LinkFaults, APeerWithoutTlsIsNamedInEachOfItsWays) {
  options_.plain = false;
  connect({"HTTP/1.1 400 Bad Request\r\n\r\n"});
  EXPECT_HAS(failure().error.text, "is this a TLS port?");

  events_->failures.clear();
  connect({""});
  auto f = failure();
  EXPECT_EQ(f.kind, Kind::tls);
  EXPECT_HAS(f.error.text, "closes the connection in the TLS handshake");

  events_->failures.clear();
  options_.connect_timeout = 1500ms;
  connect({});
  f = failure();
  EXPECT_EQ(f.kind, Kind::tls);
  EXPECT_EQ(f.error.code, errc::timeout);
}

TEST_F(LinkFaults, ClosingSaysDisconnectAfterAllElse) {
  connect({kPlainConnack});
  ASSERT_TRUE(up());
  publish(1, std::string(300'000, 'x'));
  bool closed = false;
  link_->close([&] { closed = true; });
  ASSERT_TRUE(until([&] { return closed; }));
  ASSERT_TRUE(until([&] { return ended_; }));
  EXPECT_GT(received_.size(), 300'000U);
  EXPECT_TRUE(received_.ends_with("x\xe0\x00"s));
}

TEST_F(LinkFaults, ClosingWaitsForNobodyForLong) {
  reads_at_most_ = 1;
  connect({kPlainConnack});
  ASSERT_TRUE(up());
  bool closed = false;
  const auto begin = clock_->now();
  link_->close([&] { closed = true; });
  ASSERT_TRUE(until([&] { return closed; }));
  EXPECT_LT(clock_->now() - begin, 3s);
}

TEST_F(LinkFaults, F11ANameThatFailsIsToldInWords) {
  look_up([](const char*, const char*, addrinfo**) { return EAI_AGAIN; });
  connect({kPlainConnack});
  const auto f = failure();
  EXPECT_EQ(f.kind, Kind::dns);
  EXPECT_EQ(f.error.code, errc::unreachable);
  EXPECT_HAS(f.error.text, "cloud.example");
}

TEST_F(LinkFaults, F11AResolverThatHangsStopsNeitherTheLoopNorTheEnd) {
  struct Gate {
    std::mutex mutex;
    std::condition_variable opened;
    bool open = false;
  };
  const auto gate = std::make_shared<Gate>();
  const auto inside = std::make_shared<std::atomic<int>>(0);
  look_up([gate, inside](const char*, const char*, addrinfo**) {
    ++*inside;
    std::unique_lock lock(gate->mutex);
    gate->opened.wait(lock, [&gate] { return gate->open; });
    --*inside;
    return EAI_AGAIN;
  });
  options_.connect_timeout = 200ms;
  connect({kPlainConnack});
  auto f = failure();
  EXPECT_EQ(f.kind, Kind::dns);
  EXPECT_EQ(f.error.code, errc::timeout);
  // The next try joins the same lookup instead of starting another thread.
  events_->failures.clear();
  connect({kPlainConnack});
  f = failure();
  EXPECT_EQ(f.kind, Kind::dns);
  EXPECT_EQ(*inside, 1);
  // All goes while it still hangs; its answer then finds nobody.
  link_.reset();
  factory_ = {};
  {
    const std::lock_guard lock(gate->mutex);
    gate->open = true;
  }
  gate->opened.notify_all();
  EXPECT_TRUE(until([&] { return *inside == 0; }));
}

TEST_F(LinkFaults, TheNextAddressIsTriedWhenOneRefuses) {
  tcp::acceptor gone(loop_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  const auto refused = gone.local_endpoint();
  gone.close();
  look_up([=, good = peer()](const char*, const char*, addrinfo** list) {
    return addresses({tcp::endpoint(boost::asio::ip::address_v6::loopback(), refused.port()), refused, good},
                     list);
  });
  connect({kPlainConnack});
  EXPECT_TRUE(up());
}

TEST_F(LinkFaults, TheNextAddressIsTriedWhileOneIsSilent) {
  // A full queue of connections: Linux then drops what comes.
  tcp::acceptor deaf(loop_);
  deaf.open(tcp::v4());
  deaf.bind(tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  deaf.listen(0);
  std::vector<tcp::socket> fill;
  for (int i = 0; i < 3; ++i) {
    fill.emplace_back(loop_);
    fill.back().async_connect(deaf.local_endpoint(), [](boost::system::error_code) {});
  }
  pass(20ms);
  look_up([silent = deaf.local_endpoint(), good = peer()](const char*, const char*, addrinfo** list) {
    return addresses({silent, good}, list);
  });
  const auto begin = clock_->now();
  connect({kPlainConnack});
  ASSERT_TRUE(up());
  EXPECT_LT(clock_->now() - begin, 2s);
}

}  // namespace
}  // namespace sluice::test
