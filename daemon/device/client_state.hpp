// What the device room keeps for one connected client: behind mqtt::Client::host_data, owned by its link.
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

class Link;

struct ClientState {
  std::shared_ptr<Device> device;
  Link* link = nullptr;                  // outlives this
  const mqtt::Client* client = nullptr;  // while connected
  AuthMethod method = AuthMethod::token;
  AllowedTopics publishes, receives;
  WallTime since{};
  MonoTime last_seen{};
  std::uint64_t published = 0, refused = 0;
  MonoTime withheld_since{};  // an ack was withheld; zero: none
  bool withheld = false;
};

}  // namespace sluice::device
