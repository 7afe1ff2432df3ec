// An AWS IoT of which a test decides everything: who may connect, what is acknowledged, what closes the
// connection. Events come through the loop, as from the real link. Held to the truth by
// tests/contract/cloud_link.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "uplink/cloud_link.hpp"

namespace sluice::test {

class ScriptedLink;

class ScriptedCloud {
 public:
  struct Received {
    std::string client, topic, payload, content_type, user_properties;
    MonoTime at{};
  };
  struct Connect {
    uplink::LinkOptions options;
    MonoTime at{};
  };

  ScriptedCloud(boost::asio::io_context& loop, Clock& clock) : loop_(loop), clock_(clock) {}

  uplink::LinkFactory links();

  // ---- the script
  std::function<std::optional<uplink::ConnectFailure>(const uplink::LinkOptions&)> refuse;  // nothing: let in
  bool answers_connect = true;
  uplink::Granted granted;
  std::function<std::uint8_t(const std::string& filter)> suback;  // default: 1
  bool answers_subscribe = true;
  std::function<std::optional<std::uint8_t>(const Received&)>
      answer;                                  // reason of the PUBACK; nothing: none. Default: 0
  std::function<bool(const Received&)> kills;  // the connection is closed instead
  uplink::Loss loss{0, "the connection is lost: script"};
  Duration ack_after{};
  // From here on packets reach nobody and no one notices.
  bool blackhole = false;

  // The link's buffer is full; turned off by set_backlogged(), which tells it.
  bool backlogged = false;

  // ---- by hand
  void set_backlogged(bool on);
  void lose(const std::string& client, uplink::Loss how);
  void lose_all(uplink::Loss how);
  void ack(const std::string& client, std::uint64_t token, std::uint8_t reason = 0);
  void say(const std::string& client, uplink::Incoming message);
  bool up(const std::string& client) const;

  // ---- what happened
  std::vector<Received> received;  // in order, every one that arrived
  std::vector<Connect> connects;
  std::vector<std::string> subscriptions;
  std::vector<std::pair<std::string, std::uint64_t>> accepted;  // client, ack
  std::size_t in_flight(const std::string& client) const;
  std::size_t most_in_flight = 0;
  std::size_t closed = 0;

 private:
  friend class ScriptedLink;
  ScriptedLink* link(const std::string& client) const;

  boost::asio::io_context& loop_;
  Clock& clock_;
  std::map<std::string, ScriptedLink*> links_;
};

}  // namespace sluice::test
