// A server's session engine: everything MQTT asks of a server between bytes and policy, for one loop thread.
// It knows no socket, no disk, no clock of its own. The host (the daemon's device room, cloud/local) gives it
// connections, answers who may do what, and takes the durable state. All calls on one thread; the engine
// never calls Host or Transport methods after the object that it was given for has been reported closed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mqtt/packet.hpp"

namespace sluice::mqtt {

using Ticket = std::uint64_t;       // see core/message.hpp; 0: nothing to wait for
using Milliseconds = std::int64_t;  // monotonic, from any origin; survives reboots if sessions are to

// How a server may deviate from the plain specification and what it grants. Defaults: everything of MQTT 5.
struct BrokerOptions {
  std::uint8_t maximum_qos = 2;
  bool retain_available = true, wildcard_available = true, shared_available = true;
  bool subscription_identifiers_available = true;
  bool hash_matches_parent = true;    // AWS: false
  bool retained_to_wildcards = true;  // AWS: false (only an exact filter gets a retained message)
  bool allow_zero_length_client_id = true;
  std::uint16_t minimum_keep_alive = 0;  // seconds; AWS 30
  std::uint16_t maximum_keep_alive =
      1200;  // seconds; 0 or more from the client becomes this (Server Keep Alive)
  std::uint16_t receive_maximum = 1024;    // unacknowledged QoS 1/2 publishes that a client may have open
  std::uint16_t topic_alias_maximum = 32;  // that clients may use towards us
  std::uint32_t maximum_packet_size = 1024 * 1024;       // bytes, whole packet
  std::uint32_t maximum_session_expiry = 7 * 24 * 3600;  // seconds
  std::size_t maximum_subscriptions = 1000;              // per session
  std::size_t maximum_filters_per_subscribe = 0;         // 0: no bound but the packet; AWS 8
  std::size_t maximum_sessions = 100'000;
  std::size_t maximum_retained = 100'000;  // topics
  std::size_t maximum_retained_bytes = 64 * 1024 * 1024;
  // Per session: messages that wait (QoS 1/2; QoS 0 is dropped when the transport's backlog is above
  // maximum_unsent). Beyond either bound the newest message is dropped and counted.
  std::size_t maximum_queued_messages = 10'000;
  std::size_t maximum_queued_bytes = 4 * 1024 * 1024;
  std::size_t maximum_queued_bytes_total = 64 * 1024 * 1024;
  std::size_t maximum_unsent =
      1024 * 1024;  // bytes in a transport; a consumer this slow for maximum_stall is cut
  Milliseconds maximum_stall = 30'000;
  std::uint16_t maximum_inflight = 100;  // towards a client that names no Receive Maximum
  std::size_t maximum_user_properties = 64;
  Milliseconds connect_deadline = 5'000;  // from open() to a whole CONNECT
  std::size_t maximum_connect_size = 64 * 1024;
  std::uint8_t unauthorized_connack_311 = 5;  // AWS: 7
};

// The sending half of one connection; made by the host.
class Transport {
 public:
  virtual ~Transport() = default;
  // The engine appends whole packets here, then calls wake(); the transport writes and shrinks it.
  std::string out;
  // There is something in `out`. Called often: cheap, must not write at once (collect until the loop's turn
  // ends).
  virtual void wake() = 0;
  // Bytes that the peer has not taken yet, `out` included.
  virtual std::size_t unsent() const = 0;
  // Send what is in `out` (bounded time), then close. The host must not call Connection methods any more.
  virtual void close() = 0;
};

class Session;

// What the host needs to know of a client. Owned by the engine; valid until Host::disconnected returned.
struct Client {
  std::string client_id, username;
  Version version = Version::v5;
  bool clean_start = true;
  bool persistent = false;    // its session outlives the connection
  void* host_data = nullptr;  // the host's own; the engine never looks. Null while its client is away
};

enum class DisconnectCause {
  client_disconnect,
  connection_lost,
  protocol_violation,
  keep_alive_timeout,
  taken_over,
  slow_consumer,
  by_host,
  server_shutdown
};

// What one client is held to. 0: what BrokerOptions says.
struct ClientBounds {
  std::uint16_t receive_maximum = 0;
  std::uint32_t maximum_packet_size = 0;  // told in CONNACK; a connection is closed at that of BrokerOptions
  std::size_t maximum_queued_messages = 0, maximum_queued_bytes = 0;
};

// The host's answer to a CONNECT. May come later (password hashing on a worker), always on the loop.
struct ConnectVerdict {
  Reason reason = Reason::success;
  std::string reason_string;
  void* host_data = nullptr;
  std::string client_id;  // for a client that sends none; empty: the engine makes one up
};
using ConnectReply = std::function<void(ConnectVerdict)>;

struct PublishVerdict {
  Reason reason =
      Reason::success;  // other than success: not delivered; in the ack (5) or the connection closes (3.1.1)
  Ticket ticket = 0;    // the ack leaves when committed(>= ticket)
  bool deliver = true;  // to local subscribers and the retained store
  bool withhold = false;           // no ack at all (3.1.1 when the store is full): the client must send again
  bool close = false;              // close the connection with `reason` (AWS does this where others nack)
  std::string_view reason_string;  // static text
};

struct SubscribeVerdict {
  Reason reason = Reason::success;  // success or a failure code of 3.9.3
  std::uint8_t maximum_qos = 2;     // granted QoS is the lesser
  bool close = false;
};

// Where durable state is written; key and value are opaque to it. Everything put between two commits
// becomes durable together. An engine without durable sessions gets a Journal that does nothing.
class Journal {
 public:
  enum class Space : std::uint8_t { session = 1, subscription, message, queued, inbound_qos2, retained };
  virtual ~Journal() = default;
  virtual void put(Space space, std::string_view key, std::string_view value) = 0;
  virtual void erase(Space space, std::string_view key) = 0;
  // The ticket of everything put or erased so far.
  virtual Ticket ticket() const = 0;
};

class Host {
 public:
  virtual ~Host() = default;
  // Who is it, may it come in? `connect` is valid during the call only. A reply after the connection closed
  // is ignored by the engine. Reply at most once; may be called from inside.
  virtual void authenticate(Transport& transport, const Connect& connect, ConnectReply reply) = 0;
  // Asked when a session opens, before its CONNACK, and when it is read from the journal: then `host_data` is
  // null.
  virtual ClientBounds bounds_of(const Client&) { return {}; }
  // The session is open and CONNACK is in `out`.
  virtual void connected(Client& client, bool session_present) = 0;
  virtual void disconnected(Client& client, DisconnectCause cause, std::string_view detail) = 0;
  // A publish of this client (or its will: then from_will, also after it has gone). Topic is resolved (no
  // alias). Called once per message: a QoS 2 duplicate is not shown again.
  virtual PublishVerdict on_publish(Client& client, const Publish& publish, bool from_will) = 0;
  // Also asked for each filter of a resumed session. Shared filters come whole ($share/...).
  virtual SubscribeVerdict may_subscribe(Client& client, std::string_view filter, std::uint8_t qos) = 0;
  virtual void subscribed(Client& client, std::string_view filter) = 0;
  virtual void unsubscribed(Client& client, std::string_view filter) = 0;
  // Asked at each delivery (bug class 10: rights may have changed since SUBSCRIBE). False: dropped silently.
  virtual bool may_receive(Client& client, std::string_view topic) = 0;
  // For the rate-limited log: a client broke the protocol, a message was dropped.
  virtual void note(const Client* client, Reason reason, std::string_view text) = 0;
};

struct BrokerStats {
  std::uint64_t connections = 0, sessions = 0, subscriptions = 0, retained = 0, retained_bytes = 0;
  std::uint64_t queued_messages = 0, queued_bytes = 0;  // waiting for clients
  std::uint64_t received = 0, sent = 0;                 // PUBLISH packets
  std::uint64_t dropped_qos0 = 0, dropped_queue_full = 0, dropped_expired = 0, dropped_too_large = 0;
  std::uint64_t protocol_errors = 0, connects_refused = 0, slow_consumers_cut = 0;
};

// One network connection as the engine sees it.
class Connection {
 public:
  virtual ~Connection() = default;
  // Bytes from the peer, in order. Takes all of them (keeps what is not a whole packet). Returns false when
  // the connection is closed or closing: stop reading.
  virtual bool receive(std::string_view bytes) = 0;
  // The transport's backlog went below maximum_unsent / 2: more may be sent.
  virtual void writable() = 0;
  // The network connection is gone. The last call for this object; the engine frees it.
  virtual void lost(std::string_view detail) = 0;
};

class Broker {
 public:
  virtual ~Broker() = default;

  // A new network connection; the transport must live until lost() or Transport::close() was called.
  virtual Connection& open(Transport& transport) = 0;

  // Time passes: keep-alives, session expiry, message expiry, will delays, connect deadlines, stalls. Call at
  // least every 500 ms, and this or restored() before the first open(); now must not go back.
  virtual void tick(Milliseconds now) = 0;

  // The store has committed everything up to this ticket: acks that waited leave.
  virtual void committed(Ticket ticket) = 0;

  // A message of the host itself to all subscribers (and retained, if set). Returns the ticket after which it
  // is safe for those who have persistent sessions; `recipients` (may be null) counts the sessions it was
  // queued to.
  virtual Ticket publish(const Publish& publish, std::size_t* recipients = nullptr) = 0;

  // Closes the client's connection (if any) with the reason; its session stays unless `drop_session`.
  // False: no such client.
  virtual bool disconnect(std::string_view client_id, Reason reason, bool drop_session = false) = 0;

  // Ask the host again about every subscription and connection of the client (rights changed).
  virtual void recheck(std::string_view client_id) = 0;

  // Closes all: DISCONNECT server_shutting_down, sessions kept.
  virtual void shut_down() = 0;

  // Before the first open(): what the Journal had, record by record, in any order; then restored().
  virtual void restore(Journal::Space space, std::string_view key, std::string_view value) = 0;
  virtual void restored(Milliseconds now) = 0;

  virtual BrokerStats stats() const = 0;
  // Of all sessions; those whose client is away have no host_data.
  virtual void for_each_client(
      const std::function<void(const Client&, std::size_t queued, std::size_t inflight)>& fn) const = 0;
};

std::unique_ptr<Broker> make_broker(const BrokerOptions& options, Host& host, Journal& journal);

}  // namespace sluice::mqtt
