// What the device room keeps for one connected client: behind mqtt::Client::host_data, owned by its wire.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/clock.hpp"
#include "device/access.hpp"
#include "device/directory.hpp"

namespace sluice::mqtt {
struct Client;
}

namespace sluice::device {

class Wire;
class AdapterSession;

struct ClientState {
  std::shared_ptr<Device> device;
  Wire* link = nullptr;                  // outlives this
  AdapterSession* adapter = nullptr;     // the client is an adapter itself; device then stands for nobody
  const mqtt::Client* client = nullptr;  // while connected
  AuthMethod method = AuthMethod::token;
  std::shared_ptr<AdapterSession> adapter_owner;
  AllowedTopics publishes, receives;
  WallTime since{};
  MonoTime last_seen{};
  std::uint64_t published = 0, refused = 0;
  MonoTime withheld_since{};  // an ack was withheld; zero: none
  bool withheld = false;
};

}  // namespace sluice::device
