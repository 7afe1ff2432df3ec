// AWS IoT on a laptop, as one object on one loop: the program sluice-local-cloud is this and an argv; tests
// hold it in process. One region, or several with addresses of their own. docs/local-cloud.md says what is
// imitated and what is not.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

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

struct RegionOptions {
  std::string name = "eu-central-1";
  std::string address = {};  // instead of the address in listen, control, ...; empty: as they say
  Duration latency = {};     // of what the region answers
};

struct CloudOptions {
  std::filesystem::path directory;        // as made by init_directory()
  std::string listen = "127.0.0.1:8883";  // TLS; port 0: any
  std::string insecure_listen;            // plain MQTT, loopback only; empty: none
  std::string admin;                      // HTTP, loopback only; empty: none
  // HTTPS, and plain HTTP for who comes over loopback; empty: none.
  std::string control, cvm, credentials;
  double cvm_rate = 0;  // requests per second that the CVM's usage plan allows; 0: no limit
  bool rotate = false;  // a registered device that asks the CVM again gets another certificate
  bool listed =
      false;  // JITR: devices of the table only, one certificate each; otherwise whom the CA vouches for
  QuotaOptions quotas;
  std::vector<RegionOptions> regions = {RegionOptions{}};
  std::string account = "123456789012";
  std::filesystem::path log;  // empty: no file
  LogFormat log_format = LogFormat::full;
  std::uint64_t seed = 1;  // of the faults' dice
};

// As they were opened; 0 if not asked for.
struct Ports {
  std::uint16_t mqtt = 0, insecure = 0, control = 0, cvm = 0, credentials = 0;
};

class Cloud {
 public:
  virtual ~Cloud() = default;
  // Of a region of the options, by its place there.
  virtual Ports ports(std::size_t region = 0) const = 0;
  virtual std::uint16_t admin_port() const = 0;
  virtual Faults& faults(std::size_t region = 0) = 0;
  // Publishes taken so far.
  virtual std::uint64_t received() const = 0;
  // A message from the first region's side (a command); answers to how many sessions it went.
  virtual std::size_t publish(std::string_view topic, std::string_view payload, std::uint8_t qos = 1) = 0;
  // Says DISCONNECT to all and stops listening. The loop may run on.
  virtual void stop() = 0;
};

// Loop and clock must outlive it; all calls on the loop's thread (or before it runs).
result<std::unique_ptr<Cloud>> make_cloud(boost::asio::io_context& loop, Clock& clock,
                                          const CloudOptions& options, Log log);

}  // namespace sluice::cloud
