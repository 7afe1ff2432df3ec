// The Broker behind make_broker(): sessions, routing, delivery and time. Its methods are spread over the
// broker_*.cpp files by subject.
//
// Host callbacks may call back into the Broker. So nothing here iterates over a container that such a call
// may change: lists are copied or taken out first, and sessions and connections that end are freed only when
// the outermost call (Entered) returns.
#pragma once

#include <memory>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "mqtt/broker.hpp"
#include "mqtt/connection.hpp"
#include "mqtt/persistence.hpp"
#include "mqtt/retained.hpp"
#include "mqtt/session.hpp"
#include "mqtt/topic_tree.hpp"

namespace sluice::mqtt {

struct RestoreBuffer;

class Engine final : public Broker {
 public:
  Engine(const BrokerOptions& options, Host& host, Journal& journal);
  ~Engine() override;

  Connection& open(Transport& transport) override;
  void tick(Milliseconds now) override;
  void committed(Ticket ticket) override;
  Ticket publish(const Publish& publish, std::size_t* recipients) override;
  bool disconnect(std::string_view client_id, Reason reason, bool drop_session) override;
  void recheck(std::string_view client_id) override;
  void shut_down() override;
  void restore(Journal::Space space, std::string_view key, std::string_view value) override;
  void restored(Milliseconds now) override;
  BrokerStats stats() const override;
  void for_each_client(
      const std::function<void(const Client&, std::size_t queued, std::size_t inflight)>& fn) const override;

  // Every call from outside holds one: the last to go frees what ended and wakes the transports.
  class Entered {
   public:
    explicit Entered(Engine& engine) : engine_(engine) { ++engine_.depth_; }
    ~Entered() {
      if (engine_.depth_ == 1) engine_.leave();
      --engine_.depth_;
    }
    Entered(const Entered&) = delete;
    Entered& operator=(const Entered&) = delete;

   private:
    Engine& engine_;
  };

  // --- for ClientConnection ---
  const BrokerOptions& options() const { return options_; }
  Host& host() { return host_; }
  BrokerStats& counters() { return counters_; }
  Persistence& persistence() { return persistence_; }
  Retained& retained() { return retained_; }
  Milliseconds now() const { return now_; }
  Ticket committed_ticket() const { return committed_; }
  bool shutting_down() const { return shutting_down_; }
  Publish* borrow_scratch() { return std::exchange(scratch_lent_, true) ? nullptr : &scratch_; }
  void return_scratch() { scratch_lent_ = false; }
  void wait_for_commit(ClientConnection& connection);
  void dirty(ClientConnection& connection);
  void bury(ClientConnection& connection);

  // broker_sessions.cpp
  Session* find(std::string_view client_id);
  std::string new_client_id();
  bool session_limit_reached() const { return sessions_.size() >= options_.maximum_sessions; }
  // The session of a client that comes in (3.1.2.4); a connection that has it is closed with 0x8e first.
  struct Opened {
    Session* session;
    bool present;
  };
  Opened open_session(const Connect& connect, const std::string& client_id, std::uint32_t expiry);
  // The connection of the session has gone.
  void detach(Session& session, DisconnectCause cause, std::string_view detail, bool keep_will);
  void end_session(Session& session);
  // Asks the host what this session is held to.
  void take_bounds(Session& session);
  // Asks the host about every subscription; drops those that it refuses.
  void recheck(Session& session);

  // broker_subscribe.cpp
  void on_subscribe(Session& session, const Subscribe& packet);
  void on_unsubscribe(Session& session, const Unsubscribe& packet);
  bool remove_subscription(Session& session, std::string_view filter);

  // broker_delivery.cpp
  // To all local subscribers; returns how many sessions it was queued to or sent to.
  std::size_t route(const Publish& publish, const Session* publisher);
  void keep_retained(const Publish& publish);
  bool enqueue(Session& session, Outgoing outgoing);
  bool send_qos0(Session& session, const Publish& publish, bool retain, std::uint32_t identifier,
                 const std::vector<std::uint32_t>* more);
  void pump(Session& session);

  // broker_outbound.cpp
  void resume(Session& session);
  void on_ack(Session& session, const Ack& ack);
  void flush_inflight(Session& session);

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  struct Delivery {
    Session* session = nullptr;
    SubscriptionOptions options;
    std::vector<std::uint32_t> more_identifiers;
    std::uint32_t group = 0;
  };

  void leave();
  void close_overdue();
  void run_deadlines();

  void update_deadline(Session& session);
  void take_will(Session& session, const Connect& connect);
  void publish_will(Session& session);
  void discard_will(Session& session);
  void unpersist(Session& session);

  SubscribeVerdict judge(Session& session, const Subscribe& packet, const SubscribeEntry& entry);

  void collect_deliveries(const Session* publisher, std::vector<Delivery>& deliveries);
  Subscriber* choose(ShareGroup& group, bool needs_connection);
  void redistribute(Session& session, bool session_ends);
  bool has_room(Session& session, const StoredMessage& message);
  void drop_expired(Session& session);
  void pump_queue(Session& session);
  void admit(Session& session, Outgoing outgoing);
  // Takes the message out of the books and the journal; the entry itself is the caller's.
  void release(Session& session, Outgoing& outgoing);
  void complete(Session& session, std::size_t index);

  void restore_sessions();
  void restore_subscriptions();
  void restore_queues();
  void restore_inbound();
  void restore_retained();
  void corrupt(Journal::Space space, std::string_view key, std::string_view what);

  const BrokerOptions options_;
  Host& host_;
  Persistence persistence_;
  BrokerStats counters_;
  Milliseconds now_ = 0, next_sweep_ = 0;
  bool time_known_ = false, shutting_down_ = false;
  Ticket committed_ = 0;
  int depth_ = 0;
  std::mt19937_64 random_;

  TopicTree tree_;
  Retained retained_;
  std::unordered_map<std::string, std::unique_ptr<Session>, TextHash, std::equal_to<>> sessions_;
  std::set<std::pair<Milliseconds, Session*>> deadlines_;
  std::uint64_t next_session_ = 1;
  std::uint64_t route_stamp_ = 0;
  std::size_t queued_bytes_ = 0;  // memory of all messages that queues hold, each counted once

  std::vector<std::unique_ptr<ClientConnection>> connections_;
  std::vector<ClientConnection*> waiting_, dirty_, closed_connections_;
  std::vector<std::unique_ptr<Session>> dead_sessions_;

  Publish scratch_;  // the publish that is being received
  bool scratch_lent_ = false;
  TopicTree::Matches matches_;
  std::vector<Delivery> spare_deliveries_;
  std::unique_ptr<RestoreBuffer> restoring_;
};

}  // namespace sluice::mqtt
