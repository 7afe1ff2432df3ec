// The engine's outer face: connections in and out, time, commits, what others may ask.
#include "mqtt/broker.hpp"

#include <algorithm>

#include "mqtt/broker_engine.hpp"
#include "mqtt/broker_restore.hpp"
#include "mqtt/topic.hpp"

namespace sluice::mqtt {
namespace {

constexpr Milliseconds kSweepInterval =
    30'000;  // expired retained messages; they are never delivered meanwhile

}  // namespace

std::unique_ptr<Broker> make_broker(const BrokerOptions& options, Host& host, Journal& journal) {
  return std::make_unique<Engine>(options, host, journal);
}

Engine::Engine(const BrokerOptions& options, Host& host, Journal& journal)
    : options_(options),
      host_(host),
      persistence_(journal),
      random_((std::uint64_t{std::random_device{}()} << 32) ^ std::random_device{}()),
      tree_(options.hash_matches_parent, random_()),
      retained_(options.maximum_retained, options.maximum_retained_bytes, options.hash_matches_parent) {}

Engine::~Engine() = default;

Connection& Engine::open(Transport& transport) {
  Entered entered(*this);
  auto connection = std::make_unique<ClientConnection>(*this, transport, now_);
  connection->slot = connections_.size();
  connections_.push_back(std::move(connection));
  return *connections_.back();
}

void Engine::tick(Milliseconds now) {
  Entered entered(*this);
  now_ = std::max(now_, now);
  if (!time_known_) {
    // Connections that came before the first tick count from here.
    time_known_ = true;
    for (const auto& connection : connections_) connection->rebase(now_);
  }
  close_overdue();
  run_deadlines();
  if (now_ >= next_sweep_) {
    next_sweep_ = now_ + kSweepInterval;
    retained_.expire(now_, [this](std::string_view topic) { persistence_.erase_retained(topic); });
  }
}

void Engine::close_overdue() {
  std::vector<std::pair<ClientConnection*, Reason>> overdue;
  std::vector<ClientConnection*> all;
  all.reserve(connections_.size());
  for (const auto& connection : connections_) all.push_back(connection.get());
  for (ClientConnection* connection : all) {
    if (connection->is_closed()) continue;
    const Reason reason = connection->overdue(now_);
    if (reason != Reason::success) {
      overdue.emplace_back(connection, reason);
    } else {
      connection->idle();
    }
  }
  for (const auto& [connection, reason] : overdue) {
    if (connection->is_closed()) continue;
    switch (reason) {
      case Reason::keep_alive_timeout:
        connection->close(reason, DisconnectCause::keep_alive_timeout,
                          "nothing came for 1.5 times the keep-alive");
        break;
      case Reason::quota_exceeded:
        ++counters_.slow_consumers_cut;
        connection->close(reason, DisconnectCause::slow_consumer,
                          "the client does not take what it subscribed to");
        break;
      default:
        host_.note(nullptr, reason, "no CONNECT, or no answer to it, before the deadline");
        connection->close(reason, DisconnectCause::protocol_violation, "no CONNECT before the deadline");
    }
  }
}

void Engine::committed(Ticket ticket) {
  Entered entered(*this);
  if (ticket <= committed_) return;
  committed_ = ticket;
  std::vector<ClientConnection*> waiting;
  waiting.swap(waiting_);
  for (ClientConnection* connection : waiting) connection->waits_for_commit = false;
  for (ClientConnection* connection : waiting) {
    if (!connection->is_closed() && connection->committed()) wait_for_commit(*connection);
  }
  if (waiting_.empty()) {  // keep the list's memory
    waiting.clear();
    waiting_.swap(waiting);
  }
}

Ticket Engine::publish(const Publish& publish, std::size_t* recipients) {
  Entered entered(*this);
  if (recipients) *recipients = 0;
  if (!valid_topic_name(publish.topic)) {
    host_.note(nullptr, Reason::topic_name_invalid,
               "a message of the host has no valid topic: it was dropped");
    return 0;
  }
  const std::uint64_t writes = persistence_.writes();
  if (publish.retain) keep_retained(publish);
  const std::size_t reached = route(publish, nullptr);
  if (recipients) *recipients = reached;
  return persistence_.writes() != writes ? persistence_.ticket() : 0;
}

bool Engine::disconnect(std::string_view client_id, Reason reason, bool drop_session) {
  Entered entered(*this);
  Session* session = find(client_id);
  if (!session) return false;
  if (session->connection) session->connection->close(reason, DisconnectCause::by_host, to_string(reason));
  if (drop_session && !session->dead && !session->connection) end_session(*session);
  return true;
}

void Engine::recheck(std::string_view client_id) {
  Entered entered(*this);
  if (Session* session = find(client_id)) recheck(*session);
}

void Engine::shut_down() {
  Entered entered(*this);
  shutting_down_ = true;
  std::vector<ClientConnection*> all;
  all.reserve(connections_.size());
  for (const auto& connection : connections_) all.push_back(connection.get());
  for (ClientConnection* connection : all) {
    connection->close(Reason::server_shutting_down, DisconnectCause::server_shutdown,
                      "the server is shutting down");
  }
}

BrokerStats Engine::stats() const {
  BrokerStats stats = counters_;
  stats.sessions = sessions_.size();
  stats.subscriptions = tree_.size();
  stats.retained = retained_.size();
  stats.retained_bytes = retained_.bytes();
  stats.queued_bytes = queued_bytes_;
  return stats;
}

void Engine::for_each_client(
    const std::function<void(const Client&, std::size_t queued, std::size_t inflight)>& fn) const {
  for (const auto& [client_id, session] : sessions_)
    fn(session->client, session->queue.size(), session->inflight.size());
}

void Engine::wait_for_commit(ClientConnection& connection) {
  if (connection.waits_for_commit || connection.is_closed()) return;
  connection.waits_for_commit = true;
  waiting_.push_back(&connection);
}

void Engine::dirty(ClientConnection& connection) {
  connection.is_dirty = true;
  dirty_.push_back(&connection);
}

void Engine::bury(ClientConnection& connection) { closed_connections_.push_back(&connection); }

// The outermost call returns: nobody holds a pointer into what has ended.
void Engine::leave() {
  for (std::size_t i = 0; i < dirty_.size(); ++i) {
    ClientConnection& connection = *dirty_[i];
    connection.is_dirty = false;
    connection.wake();
  }
  dirty_.clear();
  if (!closed_connections_.empty()) {
    std::erase_if(waiting_, [](const ClientConnection* connection) { return connection->is_closed(); });
    for (ClientConnection* connection : closed_connections_) {
      const std::size_t slot = connection->slot;
      std::swap(connections_[slot], connections_.back());
      connections_[slot]->slot = slot;
      connections_.pop_back();
    }
    closed_connections_.clear();
  }
  dead_sessions_.clear();
}

}  // namespace sluice::mqtt
