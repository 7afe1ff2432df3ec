// The writing half of durability: the engine's state as journal records. Sessions that end with their
// connection are never written. Every call here is for a persistent session unless it says otherwise.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "mqtt/session.hpp"

namespace sluice::mqtt {

class Persistence {
 public:
  explicit Persistence(Journal& journal) : journal_(journal) {}

  void put_session(const Session& session);
  // The session and everything of it but its queue (see erase_queued).
  void erase_session(const Session& session);
  void put_subscription(const Session& session, const Subscription& subscription);
  void erase_subscription(const Session& session, std::string_view filter);
  // Writes the entry in its present state, and its message if no queue had it written before; notes the
  // ticket.
  void put_queued(const Session& session, Outgoing& outgoing);
  // The entry, and its message when this was the last that needed it.
  void erase_queued(const Session& session, Outgoing& outgoing);
  // The entry needs its message no more (PUBREC came); the caller writes the entry afterwards.
  void forget_message(Outgoing& outgoing);
  void put_inbound(const Session& session, std::uint16_t packet_id);
  void erase_inbound(const Session& session, std::uint16_t packet_id);
  void put_retained(const StoredMessage& message);
  void erase_retained(std::string_view topic);
  void erase(Journal::Space space, std::string_view key);

  // Changes with every record: compare before and after to know if something has to be waited for.
  std::uint64_t writes() const { return writes_; }
  Ticket ticket() const { return journal_.ticket(); }
  void set_next_message(std::uint64_t id) { next_message_ = id; }

 private:
  void put(Journal::Space space, std::string_view key, std::string_view value);

  Journal& journal_;
  std::string buffer_;
  std::uint64_t writes_ = 0;
  std::uint64_t next_message_ = 1;
};

}  // namespace sluice::mqtt
