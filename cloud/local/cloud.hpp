// AWS IoT Core on a laptop, as one object on one loop: the program sluice-local-cloud is this and an argv;
// tests hold it in process. docs/local-cloud.md says what is imitated and what is not.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "cloud/local/publish_log.hpp"
#include "cloud/local/quotas.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/log.hpp"

namespace boost::asio {
class io_context;
}

namespace sluice::cloud {

class Faults;

struct CloudOptions {
  std::filesystem::path directory;        // as made by init_directory()
  std::string listen = "127.0.0.1:8883";  // TLS; port 0: any
  std::string insecure_listen;            // plain MQTT, loopback only; empty: none
  std::string admin;                      // HTTP, loopback only; empty: none
  QuotaOptions quotas;
  std::string region = "eu-central-1", account = "123456789012";
  std::filesystem::path log;  // empty: no file
  LogFormat log_format = LogFormat::full;
  std::uint64_t seed = 1;  // of the faults' dice
};

class Cloud {
 public:
  virtual ~Cloud() = default;
  // Ports as they were opened; 0 if not asked for.
  virtual std::uint16_t port() const = 0;
  virtual std::uint16_t insecure_port() const = 0;
  virtual std::uint16_t admin_port() const = 0;
  virtual Faults& faults() = 0;
  // Publishes taken so far.
  virtual std::uint64_t received() const = 0;
  // A message from the cloud's side (a command); answers to how many sessions it went.
  virtual std::size_t publish(std::string_view topic, std::string_view payload, std::uint8_t qos = 1) = 0;
  // Says DISCONNECT to all and stops listening. The loop may run on.
  virtual void stop() = 0;
};

// Loop and clock must outlive it; all calls on the loop's thread (or before it runs).
result<std::unique_ptr<Cloud>> make_cloud(boost::asio::io_context& loop, Clock& clock,
                                          const CloudOptions& options, Log log);

}  // namespace sluice::cloud
