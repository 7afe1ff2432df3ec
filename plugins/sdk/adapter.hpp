// What an adapter says and hears, in C++: the contract of docs/adapters.md without its topics and JSON
// envelopes. Used by the adapters under plugins/. A Driver is one adapter's own half; run() (run.hpp) is the
// other half of main(). One thread: every call, both ways, on the loop.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"

namespace sluice::adapter {

using Json = nlohmann::json;

// The answer to a request or call: an object with what it says beside `ok`, or why not, in the contract's
// words.
struct Answer {
  Json value = Json::object();
  std::string error;  // empty: ok. transient, busy, permanent, incompatible, lost, unsupported, not_attached;
                      // of attach: invalid, refused, busy, full, unavailable
  std::string text;
  bool ok() const { return error.empty(); }
};
inline Answer yes(Json value = Json::object()) { return {std::move(value), {}, {}}; }
inline Answer no(std::string error, std::string text) {
  return {Json::object(), std::move(error), std::move(text)};
}
// Called once; later than the deadline is too late, but harmless.
using Reply = std::function<void(Answer)>;

struct Device {
  std::string id,
      product;  // product may be empty: the one that the daemon knows, or that the adapter vouches for
  std::string access_token;  // empty: the adapter vouches for the device
  std::string model, hardware, firmware;
  Json capabilities = Json::object();
  std::vector<std::string> subscribe;
  std::uint32_t expiry_s = 86'400;
};

// A message for a device; views are valid during the call.
struct Message {
  std::string_view device, topic, payload;
  std::string_view content_type, response_topic, correlation_data;
  std::uint8_t qos = 0;
};

// `operation` of the contract; `ping` is answered by the library, on the loop.
struct Call {
  std::string_view operation, device;
  Json arguments;                  // empty for `write`
  std::string_view update, bytes;  // of `write`
  std::uint64_t offset = 0;        // of `write`
  std::uint32_t deadline_ms = 0;
};

// What became of a reading: on disk, or the reason code of its PUBACK and its text.
struct Published {
  bool on_disk = false;
  std::uint8_t reason =
      0;  // 0x87 not authorized, 0x95 packet too large, 0x97 quota exceeded: try again later
  std::string text;
};

// The gateway as a driver sees it. Made by run(), or by a test (scripted_gateway.hpp).
class Gateway {
 public:
  virtual ~Gateway() = default;

  virtual void attach(const Device& device, std::function<void(Answer)> done) = 0;
  virtual void detach(std::string_view device, std::string_view reason) = 0;

  // QoS 1, in the device's name. False: as many wait for their PUBACK as may, or the daemon does not read
  // fast enough (bytes_per_second); nothing was taken; on_room() tells when there is room again. `done` is
  // called when the daemon has answered; never when the connection ends, and with it this process.
  virtual bool publish(std::string_view device, std::string_view topic, std::string_view payload,
                       std::function<void(const Published&)> done, std::string_view content_type = {}) = 0;
  virtual std::size_t unacknowledged() const = 0;
  virtual void on_room(std::function<void()> fn) = 0;

  // `state`: ok, degraded, failed. Repeated calls with the same words cost nothing; changes go out once a
  // second.
  virtual void health(std::string_view state, std::string_view text) = 0;
  virtual void counter(std::string_view name, std::uint64_t value) = 0;
  virtual void device_state(std::string_view device,
                            std::string_view state) = 0;  // `online` takes it off the list

  // Levels as in syslog: 3 error, 4 warning, 6 info, 7 debug.
  virtual void log(int level, std::string_view text) = 0;
  // Ends the process; after this nothing is called. 64: the configuration is wrong; 75: try again later; 70:
  // failed.
  virtual void quit(int exit_code, std::string_view why) = 0;
};

class Driver {
 public:
  virtual ~Driver() = default;
  // Connected; attach, open ports, read. Once.
  virtual void start() = 0;
  // A message for a device: reply when the device has it (QoS 0: the reply goes nowhere).
  virtual void message(const Message& message, Reply reply) = 0;
  // Default: unsupported.
  virtual void call(const Call& call, Reply reply) {
    reply(no("unsupported", "this adapter does not know " + std::string(call.operation)));
  }
  // The daemon has detached the device: it is not to be spoken for any more.
  virtual void detached(std::string_view device, std::string_view reason, std::string_view text) = 0;
  // SIGTERM: finish what is quick (a second), then call done.
  virtual void stop(std::function<void()> done) { done(); }
};

}  // namespace sluice::adapter
