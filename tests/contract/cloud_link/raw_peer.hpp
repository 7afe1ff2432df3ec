// A peer that says exactly the bytes of the test, what no well-behaved broker would say on demand, and a link
// that connects to it.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/contract/cloud_link/broker.hpp"
#include "uplink/cloud_link.hpp"

namespace sluice::test {

// MQTT 5: Receive Maximum 10, Maximum Packet Size 65,536, Server Keep Alive 30.
inline const std::string kConnack("\x20\x0e\x00\x00\x0b\x21\x00\x0a\x27\x00\x01\x00\x00\x13\x00\x1e", 16);
// One that leaves everything to the client.
inline const std::string kPlainConnack("\x20\x03\x00\x00\x00", 5);

class RawPeer : public ::testing::Test {
 protected:
  using tcp = boost::asio::ip::tcp;
  using ConnectFailure = uplink::ConnectFailure;

  class Events final : public uplink::LinkEvents {
   public:
    void connected(const uplink::Granted& g) override { granted.push_back(g); }
    void connect_failed(const ConnectFailure& f) override { failures.push_back(f); }
    void lost(const uplink::Loss& l) override { losses.push_back(l); }
    void published(std::span<const uplink::Puback> a) override {
      acks.insert(acks.end(), a.begin(), a.end());
    }
    void subscribed(std::span<const std::uint8_t>) override {}
    void message(uplink::Incoming&& m) override { messages.push_back(std::move(m)); }
    void writable() override { ++writables; }
    std::vector<uplink::Granted> granted;
    std::vector<ConnectFailure> failures;
    std::vector<uplink::Loss> losses;
    std::vector<uplink::Puback> acks;
    std::vector<uplink::Incoming> messages;
    int writables = 0;
  };

  RawPeer() {
    options_.host = "127.0.0.1";
    options_.port = acceptor_.local_endpoint().port();
    options_.plain = true;
    options_.client_id = "one";
    options_.connect_timeout = 3s;
  }
  // The answers to the first, second, … packet that arrives; empty: the connection is closed.
  void connect(std::vector<std::string> answers, bool mqtt5 = true) {
    answers_ = std::move(answers);
    accept();
    options_.mqtt5 = mqtt5;
    link_ = factory_(events_);
    link_->connect(options_);
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
    if (n >= reads_at_most_) return;
    socket.async_read_some(boost::asio::buffer(buffer_),
                           [this, &socket, n](boost::system::error_code ec, std::size_t size) {
                             ended_ = ended_ || ec;
                             if (ec) return;
                             received_.append(buffer_.data(), size);
                             if (n < answers_.size() && answers_[n].empty()) return socket.close();
                             if (n < answers_.size())
                               boost::asio::write(socket, boost::asio::buffer(answers_[n]), ec);
                             read(socket, n + 1);
                           });
  }
  bool until(const std::function<bool()>& condition) { return run_until(loop_, *clock_, condition); }
  void pass(Duration time) {
    bool over = false;
    clock_->call_after(time, [&over] { over = true; });
    until([&over] { return over; });
  }
  bool up() {
    return until([this] { return !events_->granted.empty() || !events_->failures.empty(); }) &&
           events_->failures.empty();
  }
  ConnectFailure failure() {
    EXPECT_TRUE(until([this] { return !events_->granted.empty() || !events_->failures.empty(); }));
    EXPECT_TRUE(events_->granted.empty()) << "it must not connect";
    return events_->failures.empty() ? ConnectFailure{} : events_->failures[0];
  }
  void publish(std::uint64_t token, std::string payload) {
    auto body = std::make_shared<std::string>(std::move(payload));
    link_->publish({"t", *body, {}, {}, body}, token);
  }
  void TearDown() override {
    link_.reset();
    factory_ = {};
  }

  boost::asio::io_context loop_{1};
  std::unique_ptr<Clock> clock_ = make_system_clock(loop_);
  tcp::acceptor acceptor_{loop_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)};
  std::vector<std::unique_ptr<tcp::socket>> sockets_;
  std::array<char, 65'536> buffer_{};
  std::vector<std::string> answers_;
  std::string received_;
  std::size_t reads_at_most_ = SIZE_MAX;
  bool ended_ = false;
  uplink::LinkOptions options_;
  uplink::LinkFactory factory_ = uplink::make_mqtt_links(loop_, *clock_);
  std::shared_ptr<Events> events_ = std::make_shared<Events>();
  std::unique_ptr<uplink::CloudLink> link_;
};

}  // namespace sluice::test
