// What a server remembers of a client (4.1): its subscriptions, the messages on their way to it and the
// packet ids of QoS 2 messages that it has begun to send. Data only; the engine acts on it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "mqtt/broker.hpp"
#include "mqtt/ring.hpp"
#include "mqtt/stored_message.hpp"

namespace sluice::mqtt {

class ClientConnection;

inline constexpr std::uint32_t kNeverExpires = 0xffffffff;

struct SubscriptionOptions {
  std::uint8_t qos = 0;  // granted
  bool no_local = false, retain_as_published = false;
  std::uint8_t retain_handling = 0;
  std::uint32_t identifier = 0;  // 0: none
};

struct Subscription {
  std::string filter;  // as the client wrote it, $share/... included
  SubscriptionOptions options;
};

// The values are those of the journal.
enum class OutState : std::uint8_t {
  queued = 0,    // no packet id yet
  admitted = 1,  // has a packet id, waits for its commit (QoS 2) or for room
  sent = 2,      // PUBLISH has left at least once: the next time with DUP
  released = 3,  // PUBREC came, PUBREL is the thing to send; the message is forgotten
};

// A QoS 1 or 2 message for one session, from enqueue to PUBACK/PUBCOMP.
struct Outgoing {
  MessageRef message;
  std::uint64_t sequence = 0;  // order within the session, and its key in the journal
  Ticket ticket = 0;           // what was written for the present state
  std::unique_ptr<std::vector<std::uint32_t>> more_identifiers;
  std::uint32_t identifier = 0;  // the (first) subscription identifier; 0: none
  std::uint32_t group = 0;       // the share group that chose this session; 0: none
  std::uint16_t packet_id = 0;
  std::uint8_t qos = 1;
  OutState state = OutState::queued;
  bool retain = false;
  bool journaled = false;
  bool on_wire = false;  // sent over the present connection: counts against the peer's Receive Maximum
};

struct StoredWill {
  MessageRef message;
  std::uint32_t delay = 0;  // seconds
};

class Session {
 public:
  Client client;
  ClientBounds bounds;       // none is 0
  std::uint64_t number = 0;  // stands for the client id in the journal's keys
  ClientConnection* connection = nullptr;
  std::uint32_t expiry = 0;                    // seconds; 0: ends with the connection
  Milliseconds disconnected_at = -1;           // -1: connected
  Milliseconds expires_at = -1, will_at = -1;  // -1: not pending
  Milliseconds deadline = -1;                  // the earlier of both, as the engine's timer set knows it
  std::unique_ptr<StoredWill> will;

  std::vector<Subscription> subscriptions;
  Ring<Outgoing> queue;                // no packet id yet
  Ring<Outgoing> inflight;             // in order of first sending
  std::vector<std::uint16_t> inbound;  // QoS 2 packet ids between PUBLISH and PUBREL, sorted

  std::uint64_t next_sequence = 1;
  std::size_t bytes = 0;     // of messages in queue and inflight
  std::uint32_t unsent = 0;  // entries of inflight whose PUBLISH has not left over this connection
  std::uint16_t last_packet_id = 0;
  bool dead = false;  // ended; freed when the engine's outermost call returns
  bool pumping = false;
  std::uint64_t route_stamp = 0;  // scratch of the router: the last publish that reached this session
  std::uint32_t route_index = 0;

  Subscription* find_subscription(std::string_view filter);
  std::uint16_t new_packet_id();
  // Index in inflight or npos.
  std::size_t find_inflight(std::uint16_t packet_id) const;
  bool has_inbound(std::uint16_t packet_id) const;
  void add_inbound(std::uint16_t packet_id);
  bool remove_inbound(std::uint16_t packet_id);

  static constexpr std::size_t npos = static_cast<std::size_t>(-1);
};

}  // namespace sluice::mqtt
