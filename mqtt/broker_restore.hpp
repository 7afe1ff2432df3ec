// What restore() has been given, until restored() puts it together: records come in any order.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mqtt/journal_codec.hpp"

namespace sluice::mqtt {

struct RestoreBuffer {
  std::vector<std::pair<std::string, journal::SessionRecord>> sessions;  // by client id
  std::vector<std::pair<std::pair<std::uint64_t, std::string>, SubscriptionOptions>> subscriptions;
  std::unordered_map<std::uint64_t, MessageRef> messages;
  // By session and sequence: the order of sending.
  std::map<std::pair<std::uint64_t, std::uint64_t>, journal::QueuedRecord> queued;
  std::vector<std::pair<std::uint64_t, std::uint16_t>> inbound;
  std::vector<MessageRef> retained;
  std::unordered_map<std::uint64_t, Session*> by_number;
};

}  // namespace sluice::mqtt
