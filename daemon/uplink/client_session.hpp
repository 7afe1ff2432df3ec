// The client's side of MQTT 3.1.1 and 5 on one connection: bytes of the server in, what they mean and bytes
// to send out. Pure: no socket, no TLS, no clock, so that tests and the fuzzer hold it directly. Used by
// Connection, which owns the rest.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mqtt/codec.hpp"
#include "uplink/cloud_link.hpp"
#include "uplink/packet_ids.hpp"

namespace sluice::uplink {

// What we announce in CONNECT; beyond it a server breaks its word, and the connection ends.
inline constexpr std::uint16_t kReceiveMaximum = 100;
inline constexpr std::uint32_t kMostPacketBytes = 256 * 1024;
// Publishes in flight at most, whatever the server grants: the identifiers must never run out.
inline constexpr std::uint32_t kMostInFlight = 32'768;

// What a read has brought. The connection hands it on; its memory is used again.
struct Heard {
  std::optional<Granted> granted;
  std::optional<ConnectFailure> failure;  // instead of granted
  std::optional<Loss> loss;               // after it nothing is heard any more
  std::vector<Puback> acks;
  std::vector<std::uint8_t> suback;
  std::vector<Incoming> messages;
  void clear();
};

class ClientSession {
 public:
  enum class State : std::uint8_t { connecting, up, ended };

  // Begins with CONNECT. The options must outlive it.
  explicit ClientSession(const LinkOptions& options);

  State state() const { return state_; }
  // What the server has not answered yet.
  std::size_t in_flight() const { return ids_.in_use(); }
  // Bytes for the server; whoever sends them takes them out.
  std::string& out() { return out_; }
  const std::string& out() const { return out_; }

  void receive(std::string_view bytes, Heard& heard);
  // Only while up. A reason code: what is to be told at once instead of the server's answer.
  std::optional<std::uint8_t> publish(const Publication& publication, std::uint64_t token);
  void subscribe(std::span<const std::string> filters);
  void accept(std::uint64_t ack);
  void ping() { mqtt::encode_pingreq(out_); }
  void disconnect();

 private:
  struct Unaccepted {
    std::uint16_t packet_id = 0;
    std::uint8_t qos = 1;
    bool accepted = false;
  };

  void packet(std::string_view bytes, const mqtt::FixedHeader& header, Heard& heard);
  void on_connack(std::string_view bytes, Heard& heard);
  void on_publish(std::string_view bytes, const mqtt::FixedHeader& header, Heard& heard);
  void on_ack(std::string_view bytes, Heard& heard);
  void on_suback(std::string_view bytes, Heard& heard);
  void on_pubrel(std::string_view bytes, Heard& heard);
  void on_disconnect(std::string_view bytes, Heard& heard);
  void answer(std::uint16_t packet_id, std::uint8_t reason, Heard& heard);
  void take_over(const mqtt::Publish& publish, Heard& heard);
  // The server broke the protocol.
  void violated(mqtt::Reason reason, std::string_view words, Heard& heard);
  bool v5() const { return version_ == mqtt::Version::v5; }

  const LinkOptions& options_;
  const mqtt::Version version_;
  State state_ = State::connecting;
  std::string out_;
  std::string cut_;  // the beginning of a packet whose rest has not come yet
  PacketIds ids_;
  std::uint16_t subscribe_id_ = 0;  // 0: none is waited for
  std::uint32_t most_packet_ = 0;   // bytes that the server takes; 0: no limit
  std::deque<Unaccepted> unaccepted_;
  std::uint64_t first_unaccepted_ = 1;
  std::vector<std::uint16_t> unreleased_;  // QoS 2: taken over, PUBREL not yet here
  mqtt::Publish publish_;                  // scratch
};

}  // namespace sluice::uplink
