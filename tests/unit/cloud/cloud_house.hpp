// A local cloud and raw MQTT clients on one loop and one virtual clock, over real sockets: what the tests of
// the whole cloud hold. Waits poll the loop for a fact and give up after a bounded number of turns.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cloud/local/cloud.hpp"
#include "cloud/local/faults.hpp"
#include "cloud/local/setup.hpp"
#include "mqtt/codec.hpp"
#include "tests/support/scratch.hpp"
#include "tests/support/virtual_clock.hpp"

namespace sluice::cloud::test {

class Peer {
 public:
  // Plain when `tls` is null.
  Peer(boost::asio::io_context& loop, std::uint16_t port, boost::asio::ssl::context* tls);
  ~Peer();
  // Starts TCP and TLS; the rest happens on the loop.
  void open();
  void send(std::string bytes);
  void close();

  bool ready() const { return ready_; }    // the handshake is done as far as this side knows
  bool closed() const { return closed_; }  // the other side ended it, or the handshake failed
  bool has_packet() const { return !packets_.empty(); }
  // The next whole packet from the cloud, as bytes. Only if has_packet().
  std::string take();

 private:
  void read();
  void parse();
  void write();
  template <typename Fn>
  void with_stream(Fn fn);

  boost::asio::io_context& loop_;
  std::uint16_t port_;
  std::optional<boost::asio::ssl::stream<boost::asio::ip::tcp::socket>> tls_;
  std::optional<boost::asio::ip::tcp::socket> plain_;
  char buffer_[4096];
  std::string in_, sending_, out_;
  bool ready_ = false, closed_ = false, writing_ = false;
  std::deque<std::string> packets_;
};

struct House {
  // Quotas are off unless the test turns them on.
  explicit House(std::function<void(CloudOptions&)> change = {});
  ~House();

  void add_thing(const std::string& name, std::vector<std::string> policies = {"default"});
  void add_policy(const std::string& name, const std::string& document);

  // In the table of the vending machine; its token.
  std::string add_device(const std::string& productid, const std::string& product = {});

  // A TLS client with this thing's certificate (or none), not yet connected.
  std::unique_ptr<Peer> tls_peer(const std::string& thing, const std::string& alpn = {});
  // With this certificate (and whatever follows it in the PEM) and key.
  std::unique_ptr<Peer> tls_peer_of(const std::string& chain_pem, const std::string& key_pem);
  std::shared_ptr<boost::asio::ssl::context> identity(const std::string& chain_pem,
                                                      const std::string& key_pem);
  std::unique_ptr<Peer> plain_peer();
  // MQTT: connected, CONNACK 0 received.
  std::unique_ptr<Peer> client(const std::string& id, mqtt::Version version = mqtt::Version::v5);
  // The whole CONNACK of a client that tries on the plain listener; empty: closed without one.
  std::string try_connect(const mqtt::Connect& connect);

  // Runs the loop until the fact holds; false after about ten seconds.
  bool until(const std::function<bool()>& fact);
  // Lets everything that is under way arrive.
  void settle();
  // Virtual time passes, in steps of the cloud's tick.
  void pass(Duration time);
  std::string next_packet(Peer& peer);  // empty: closed or nothing came

  std::string log_text() const;
  // What the admin port answers (body), by its own HTTP client.
  std::string admin(const std::string& method, const std::string& target, const std::string& body = {});

  sluice::test::Scratch scratch;
  sluice::test::VirtualClock clock;
  boost::asio::io_context loop{1};
  std::vector<std::shared_ptr<boost::asio::ssl::context>> contexts;
  std::unique_ptr<Cloud> cloud;
};

mqtt::Connect connect_packet(std::string_view id, mqtt::Version version = mqtt::Version::v5);
std::string bytes_of(const mqtt::Connect& connect);
std::string publish_bytes(std::string_view topic, std::string_view payload, std::uint16_t id = 1,
                          mqtt::Version version = mqtt::Version::v5, std::uint8_t qos = 1,
                          bool retain = false);
std::string subscribe_bytes(const std::vector<std::string>& filters,
                            mqtt::Version version = mqtt::Version::v5);
mqtt::PacketType type_of(const std::string& packet);
// The reason of a PUBACK or DISCONNECT or CONNACK of MQTT 5; 0 if the packet has none.
int reason_of(const std::string& packet);

}  // namespace sluice::cloud::test
