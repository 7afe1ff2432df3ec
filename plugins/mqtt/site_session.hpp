// The client's side of MQTT 3.1.1 and 5 on one connection to the site's broker, as bytes in and bytes out: no
// socket, no clock. What the broker sends with QoS 1 is acknowledged when acknowledge() says so, in the order
// in which it came (4.6). Used by SiteLink; the tests and the fuzzer are the broker.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "mqtt/codec.hpp"

namespace sluice::site {

struct SessionOptions {
  mqtt::Version version = mqtt::Version::v5;
  std::string client_id, username, password;
  std::uint32_t session_s = 0;  // how long the broker keeps the session (MQTT 5)
  std::uint16_t keep_alive_s = 30;
  std::uint16_t in_flight = 500;  // messages without their PUBACK: what we ask for (MQTT 5)
  std::uint32_t most_packet = 1024 * 1024;
  std::vector<std::string> filters;
  std::uint8_t retain_handling = 1;  // 3.8.3.1
};

// A message of the site's; views are valid during the call.
struct Arrived {
  std::string_view topic, payload, content_type;
  bool retained = false;
  std::uint64_t ticket = 0;  // for acknowledge(); 0: QoS 0
};

// What became of a publish of ours.
struct Taken {
  bool well = false;
  bool again = false;  // not well, but it may be tried again
  std::string text;
};

class SiteSession {
 public:
  enum class End : std::uint8_t {
    lost,      // try again
    refused,   // by CONNACK: who we are or what we want is wrong; words for a person
    violation  // it speaks no MQTT
  };
  struct Events {
    std::function<void(bool session_present)> up;                // connected; the subscription is on its way
    std::function<void(const std::string& refused)> subscribed;  // filters that were refused; empty: none
    std::function<void(const Arrived&)> message;
    std::function<void(End end, const std::string& why)> ended;
  };
  // `subscribe_always`: also when the broker still has our session.
  SiteSession(const SessionOptions& options, bool subscribe_always, Events events);

  // Bytes for the broker; begins with CONNECT. Whoever sends them takes them out.
  std::string out;
  void receive(std::string_view bytes);
  void acknowledge(std::uint64_t ticket);
  // False: not now (not connected, or as many are on their way as may be).
  bool publish(std::string_view topic, std::string_view payload, std::uint8_t qos, bool retain,
               std::function<void(const Taken&)> done);
  void ping() { mqtt::encode_pingreq(out); }
  void disconnect();
  // The connection has gone: what was on its way is told so.
  void abandon();
  bool is_up() const { return up_; }
  std::size_t unacknowledged() const { return owed_.size(); }

 private:
  struct Owed {
    std::uint16_t packet_id = 0;
    bool ready = false;
  };
  void packet(std::string_view bytes, const mqtt::FixedHeader& header);
  void on_connack(std::string_view bytes);
  void on_publish(std::string_view bytes, const mqtt::FixedHeader& header);
  void on_puback(const mqtt::Ack& ack);
  void on_suback(const mqtt::Suback& suback);
  void subscribe();
  void end(End how, const std::string& why);
  bool v5() const { return options_.version == mqtt::Version::v5; }

  const SessionOptions& options_;
  const bool subscribe_always_;
  Events events_;
  std::string cut_;  // the beginning of a packet
  bool up_ = false, over_ = false;
  std::deque<Owed> owed_;
  std::uint64_t first_owed_ = 1;
  std::map<std::uint16_t, std::function<void(const Taken&)>> sent_;
  std::uint16_t last_id_ = 0, subscribe_id_ = 0;
  std::size_t most_sent_ = 20;
  std::uint32_t most_packet_ = 0;  // bytes that the broker takes; 0: no limit
  mqtt::Publish publish_;          // kept for its memory
};

}  // namespace sluice::site
