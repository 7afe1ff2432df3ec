// What flows: the words that device, ingest, store and uplink share for a reading on its way to the cloud.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice {

// A commit of the store, counted from 1. What was handed to the store under ticket t is on disk once the
// store has announced a commit >= t. Ticket 0 means: nothing to wait for.
using Ticket = std::uint64_t;

// A name (device, route) as the store's dictionary numbers it; stable for the life of the store's file.
using NameId = std::uint32_t;

// A lane is one connection to AWS IoT. The gateway's is 0; a device with its own identity has the lane
// with the number of its name.
using LaneId = std::uint32_t;
inline constexpr LaneId kGatewayLane = 0;

// 9 goes first.
using Priority = std::uint8_t;
inline constexpr Priority kHighestPriority = 9;

// A known, connected device as ingest needs it. Owned by the device room; valid while it is connected.
struct DeviceRef {
  std::string id;
  std::string product;
  NameId name = 0;
  LaneId lane = kGatewayLane;
};

// A publish of a device, as views into the receive buffer: valid only during the call that passes it.
struct Reading {
  std::string_view topic;
  std::string_view payload;
  std::string_view content_type;     // MQTT 5; empty: none
  std::string_view user_properties;  // MQTT 5, encoded as on the wire (0x26 ...); empty: none
  std::uint8_t qos = 0;
};

// Why a reading left the gateway other than by the cloud's PUBACK: the rows of the ledger.
enum class LedgerReason : std::uint8_t {
  expired = 1,    // its time to live ran out
  displaced = 2,  // the store was full and the policy is drop-oldest
  refused = 3,    // accepted from its device, then refused for good (identity refused, device removed)
  poison = 4,     // cannot be delivered: breaks AWS's limits or kills connections; a dead letter holds it
  filtered = 5,   // a route's filter or `drop` said so
  damaged = 6,    // its place on the disk could not be read back
};
std::string_view to_string(LedgerReason reason);

}  // namespace sluice
