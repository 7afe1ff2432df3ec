// A broker in a test: its host, its disk and its clock are scripted, and a Peer speaks to it in packets, so
// that a test reads as a conversation:
//   peer.connect("a"); EXPECT_EQ(peer.hears(), "connack"); peer.publish("t", "x", 1, 7);
//   EXPECT_EQ(peer.hears(), "puback 7");
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mqtt/broker.hpp"
#include "mqtt/codec.hpp"

namespace sluice::mqtt::test {

// The disk. What was put is durable after commit(); a kill loses the rest. `automatic`: as if each put were
// committed at once.
class FakeJournal final : public Journal {
 public:
  using Key = std::pair<Space, std::string>;
  void put(Space space, std::string_view key, std::string_view value) override;
  void erase(Space space, std::string_view key) override;
  Ticket ticket() const override { return open_.empty() ? last_ : last_ + 1; }
  Ticket commit();
  void kill() { open_.clear(); }
  std::size_t count(Space space) const;

  bool automatic = true;
  std::map<Key, std::string> disk;
  std::size_t writes = 0;

 private:
  std::vector<std::pair<Key, std::optional<std::string>>> open_;
  Ticket last_ = 0;
};

// Says yes to everything unless a test says otherwise; remembers what it was told.
class FakeHost final : public Host {
 public:
  void authenticate(Transport& transport, const Connect& connect, ConnectReply reply) override;
  ClientBounds bounds_of(const Client& client) override { return bounds ? bounds(client) : ClientBounds(); }
  void connected(Client& client, bool session_present) override;
  void disconnected(Client& client, DisconnectCause cause, std::string_view detail) override;
  PublishVerdict on_publish(Client& client, const Publish& publish, bool from_will) override;
  SubscribeVerdict may_subscribe(Client& client, std::string_view filter, std::uint8_t qos) override;
  void subscribed(Client& client, std::string_view filter) override;
  void unsubscribed(Client& client, std::string_view filter) override;
  bool may_receive(Client& client, std::string_view topic) override;
  void note(const Client* client, Reason reason, std::string_view text) override;

  // The events since the last call, as "connected a; publish a t".
  std::string told();

  ConnectVerdict verdict;
  bool answers_later = false;
  std::vector<ConnectReply> replies;
  std::function<PublishVerdict(Client&, const Publish&, bool)> publishes;
  std::function<SubscribeVerdict(Client&, std::string_view, std::uint8_t)> subscriptions;
  std::function<bool(Client&, std::string_view)> receives;
  std::function<ClientBounds(const Client&)> bounds;
  std::function<void(Client&)> on_connected, on_disconnected;
  std::vector<std::string> events;
  std::size_t notes = 0;
};

class House {
 public:
  explicit House(BrokerOptions options = {});
  Broker& broker() { return *broker_; }
  // Time passes in ticks of half a second.
  void pass(Milliseconds ms);
  void commit() { broker_->committed(journal.commit()); }
  // The process dies and comes back with what the disk has. Peers from before are dead.
  void kill_and_restart(Milliseconds away = 0);
  std::size_t host_says(std::string_view topic, std::string_view payload, std::uint8_t qos,
                        bool retain = false);

  FakeHost host;
  FakeJournal journal;
  Milliseconds now = 1'000'000;
  std::vector<std::shared_ptr<Transport>>
      transports;  // the broker may speak to a Peer that its test has left

 private:
  BrokerOptions options_;
  std::unique_ptr<Broker> broker_;
};

// Its connection opens with the first bytes.
class Peer {
 public:
  explicit Peer(House& house, Version version = Version::v5);
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  using Edit = std::function<void(Connect&)>;
  Peer& connect(std::string_view client_id, const Edit& edit = {});
  Peer& publish(std::string_view topic, std::string_view payload, std::uint8_t qos = 0, std::uint16_t id = 0,
                const std::function<void(Publish&)>& edit = {});
  Peer& subscribe(std::string_view filter, std::uint8_t qos = 0,
                  const std::function<void(Subscribe&)>& edit = {});
  Peer& unsubscribe(std::string_view filter);
  Peer& ack(PacketType type, std::uint16_t id, Reason reason = Reason::success);
  Peer& disconnect(Reason reason = Reason::success, std::optional<std::uint32_t> expiry = {});
  Peer& raw(std::string_view bytes);
  // The connection breaks.
  void drop();

  // What has arrived since the last call: "connack present; publish t 'x' q1 id=1; closed".
  std::string hears();
  bool closed() const;

  struct Wire;
  Wire& wire() { return *wire_; }

 private:
  House& house_;
  Version version_;
  std::shared_ptr<Wire> wire_;
  Connection* connection_ = nullptr;
};

// The transport of a Peer; a test may let its backlog grow.
struct Peer::Wire final : Transport {
  void wake() override { ++wakes; }
  std::size_t unsent() const override { return out.size() + backlog; }
  void close() override { is_closed = true; }
  std::size_t backlog = 0;
  bool is_closed = false;
  int wakes = 0;
};

// Shorthands for edits of CONNECT.
Peer::Edit keep(std::uint32_t expiry, bool clean_start = false);
Peer::Edit with_will(std::string_view topic, std::string_view payload, std::uint32_t delay = 0,
                     std::uint32_t expiry = 0);

}  // namespace sluice::mqtt::test
