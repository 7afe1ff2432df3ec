// The two doors between those who talk to devices and those who talk to the cloud. App connects them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/message.hpp"

namespace sluice {

// What became of an offered reading.
struct Offer {
  enum class Kind : std::uint8_t {
    queued,       // in the store's open batch: acknowledge at `ticket`
    local,        // stays here: acknowledge when local delivery is safe
    ended,        // dropped or filtered by policy, or poison: counted; acknowledge (at `ticket`)
    refused,      // this device may not say this, or no route takes it: MQTT 5 `not authorized`
    full,         // the store is full and the policy is refuse: MQTT 5 0x97, 3.1.1 no acknowledgement
    unavailable,  // the store cannot write now: no acknowledgement
  };
  Kind kind = Kind::local;
  Ticket ticket = 0;
  bool deliver_locally = true;
};

// Implemented by ingest, called by the device room for every publish of a device.
class ReadingSink {
 public:
  virtual ~ReadingSink() = default;
  virtual Offer offer(const DeviceRef& device, const Reading& reading) = 0;
};

// A message of the cloud for a device (or for the gateway itself when device is empty), on its local topic.
struct Command {
  std::string device;
  std::string topic;  // local
  std::string payload;
  std::string content_type, response_topic, correlation_data,
      user_properties;            // MQTT 5; user_properties in wire form
  std::uint32_t ttl_seconds = 0;  // 0: none
  std::uint8_t qos = 1;
};

// Implemented by the device room, called by uplink on the loop. The command is safe (in a session's durable
// queue or in the mailbox of an absent device) once the returned ticket is committed.
class CommandSink {
 public:
  virtual ~CommandSink() = default;
  virtual Ticket deliver(const Command& command) = 0;
};

}  // namespace sluice
