// One network connection to a client: bytes to packets, the handshake, what the client publishes and the acks
// that wait for the disk. What concerns sessions and other clients is the engine's (broker_engine.hpp).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "mqtt/broker.hpp"
#include "mqtt/codec.hpp"
#include "mqtt/ring.hpp"
#include "mqtt/session.hpp"

namespace sluice::mqtt {

class Engine;

// The reason as this packet may carry it (2.4): hosts say what is the matter, not which packet will tell.
Reason fitting(PacketType packet, Reason reason);

// A filter whose retained messages still have to be sent; goes on where it stopped when there is room again.
struct RetainedJob {
  std::string filter, after;
  SubscriptionOptions options;
};

class ClientConnection final : public Connection {
 public:
  ClientConnection(Engine& engine, Transport& transport, Milliseconds now);
  ~ClientConnection() override;

  bool receive(std::string_view bytes) override;
  void writable() override;
  void lost(std::string_view detail) override;

  // Says goodbye where the protocol has words for it (DISCONNECT of MQTT 5, CONNACK before the session is
  // open), then closes. Nothing happens if it is closed already; afterwards session() is null.
  void close(Reason reason, DisconnectCause cause, std::string_view text);
  // close() because the client broke the protocol: counted and noted.
  void protocol_error(Reason reason, std::string_view text);

  bool is_open() const { return state_ == State::open; }
  bool is_closed() const { return state_ == State::closed; }
  Session* session() const { return session_; }
  Version version() const { return version_; }

  // Keep-alive, connect deadline, stalls: the reason to close at this time, or success.
  Reason overdue(Milliseconds now);
  void rebase(Milliseconds now) { opened_ = last_received_ = now; }
  // Gives memory back that traffic has left empty, and goes on with retained messages.
  void idle();

  // Sending. False: larger than the client takes, nothing was sent (3.1.2-24).
  bool send(Publish& publish);
  // The peer takes less than we have: QoS 0 is dropped, QoS 1 and 2 wait.
  bool congested();
  // Room for one more QoS 1/2 message besides `promised` ones (4.9).
  bool has_quota(std::size_t promised = 0) const { return open_outbound_ + promised < window_; }
  void take_quota() { ++open_outbound_; }
  void return_quota() {
    if (open_outbound_ > 0) --open_outbound_;
  }

  // An ack goes out when everything before it has and its ticket is committed.
  void push_ack(PacketType type, std::uint16_t packet_id, Reason reason, Ticket ticket,
                std::string_view text = {});
  // The filter is subscribed no more: what is retained for it need not be sent.
  void forget_retained(std::string_view filter);
  void push_suback(std::string packet, std::vector<RetainedJob> jobs, Ticket ticket);
  // The engine's commit moved; returns false when nothing waits here any more.
  bool committed();

  // Tells the transport that there is something to write; the engine calls it once per turn.
  void wake() {
    if (!is_closed()) transport_.wake();
  }

  bool waits_for_commit = false;  // in the engine's list
  bool is_dirty = false;          // in the engine's list of transports to wake
  std::size_t slot = 0;           // in the engine's list of connections

 private:
  enum class State : std::uint8_t { awaiting_connect, authenticating, open, closed };
  struct PendingAck {
    Ticket ticket = 0;
    std::uint16_t packet_id = 0;
    PacketType type = PacketType::puback;
    Reason reason = Reason::success;
  };
  struct PendingSuback {
    std::string packet;
    std::vector<RetainedJob> jobs;
  };
  struct PendingConnect;
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  // What only some connections need.
  struct Extra {
    std::vector<std::string> aliases_in;  // [alias - 1]
    std::unordered_map<std::string, std::uint16_t, TextHash, std::equal_to<>> aliases_out;
    Ring<PendingSuback> subacks;
    Ring<std::string_view> ack_texts;  // static texts of refused publishes
    Ring<RetainedJob> retained;
  };

  // connection.cpp
  void feed(std::string_view bytes);
  std::size_t consume(std::string_view bytes);
  bool acceptable(std::string_view bytes, FixedHeader& header, bool& complete);
  std::size_t missing() const;
  void handle(const FixedHeader& header, std::string_view packet);
  void handle_decoded(PacketType type, std::string_view packet);
  void on_client_disconnect(const Disconnect& packet);
  void finish(DisconnectCause cause, std::string_view text, bool keep_will, bool tell_transport);
  std::string& out();
  Extra& extra();

  // connection_connect.cpp
  void on_connect(std::string_view packet);
  void refuse_connect_packet(std::string_view packet, const DecodeError& error);
  void answered(PendingConnect& pending, ConnectVerdict verdict);
  void open_session(const Connect& connect, const ConnectVerdict& verdict);
  void refuse(Reason reason, std::string_view text);
  void append_fitting(Connack& connack);
  std::uint16_t granted_keep_alive(std::uint16_t asked) const;
  void send_connack(const Connect& connect, bool present, bool assigned, std::uint32_t asked_expiry,
                    const ConnectVerdict& verdict);

  // connection_publish.cpp
  void on_publish(const FixedHeader& header, std::string_view packet);
  void take_publish(const FixedHeader& header, std::string_view packet, Publish& publish);
  bool resolve_alias(Publish& publish);
  bool admissible(Publish& publish);
  bool take_inbound_quota();
  // Shows it to the host and to the subscribers. False: no acknowledgement as usual is due.
  bool accept(Publish& publish, PublishVerdict& verdict);
  void on_pubrel(std::uint16_t packet_id);
  void write_ack(PacketType type, std::uint16_t packet_id, Reason reason, std::string_view text);
  void write_next_ack();
  void run_retained();
  bool retained_step(RetainedJob& job);

  Engine& engine_;
  Transport& transport_;
  Session* session_ = nullptr;
  State state_ = State::awaiting_connect;
  Version version_ = Version::v311;
  bool problem_information_ = true;
  bool running_retained_ = false;
  std::uint16_t topic_alias_maximum_ = 0;  // the client's, for us
  std::uint16_t window_ = 0;               // QoS 1/2 messages open towards the client
  std::uint16_t open_outbound_ = 0;
  std::uint32_t open_inbound_ = 0;
  std::uint32_t maximum_packet_size_ = kMaxRemainingLength + 5;  // the client's
  Milliseconds keep_alive_ = 0;                                  // 0: none
  Milliseconds opened_, last_received_;
  Milliseconds stalled_since_ = -1;
  Ticket last_ticket_ = 0;
  std::string tail_;  // the beginning of a packet, or bytes that wait for authentication
  Ring<PendingAck> acks_;
  std::unique_ptr<Extra> extra_;
  std::shared_ptr<PendingConnect> pending_;
};

}  // namespace sluice::mqtt
