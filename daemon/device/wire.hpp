// What is between a client and the broker: a network link, or an adapter that speaks for a device. Owns what
// the room keeps of the client.
#pragma once

#include <memory>
#include <string>

#include "device/client_state.hpp"
#include "mqtt/broker.hpp"

namespace sluice::device {

class Wire : public mqtt::Transport {
 public:
  // For status and logs: where from, and over what (tcp, tls, ws, wss, unix, adapter).
  virtual std::string address() const = 0;
  virtual const char* transport() const = 0;
  // A device that has proven itself already; null: whoever logs in must.
  virtual std::shared_ptr<Device> proven() const { return nullptr; }
  // Publishes and bytes per second; 0: none.
  virtual void limit(double publishes, double bytes) = 0;
  virtual void count_publish() = 0;

  std::unique_ptr<ClientState> client;
};

}  // namespace sluice::device
