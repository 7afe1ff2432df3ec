// One region of the local cloud: registry, message broker with its listeners, and the services beside it.
// Owned by the cloud; shares its loop, clock and publish log with the other regions.
#pragma once

#include "cloud/local/admin.hpp"
#include "cloud/local/cloud.hpp"
#include "cloud/local/region_services.hpp"

namespace sluice::cloud {

class Region {
 public:
  struct Shared {
    boost::asio::io_context& loop;
    Clock& clock;
    const CloudOptions& options;
    PublishLog& log;
    AccessKeys& keys;
    lambda::DeviceTable& devices;
  };
  virtual ~Region() = default;
  virtual Ports ports() const = 0;
  virtual Faults& faults() = 0;
  virtual RegionServices& services() = 0;
  virtual AdminView view() = 0;
  virtual std::size_t publish(std::string_view topic, std::string_view payload, std::uint8_t qos) = 0;
  // Four times a second.
  virtual void tick() = 0;
  virtual void stop() = 0;
};

// Listening.
result<std::unique_ptr<Region>> make_region(const Region::Shared& shared, const RegionOptions& options,
                                            const KeyAndCertificate& authority, Log log);

}  // namespace sluice::cloud
