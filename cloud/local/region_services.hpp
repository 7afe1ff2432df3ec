// What a region serves beside its message broker: control plane, vending, credentials provider over HTTP;
// fleet provisioning and just-in-time registration behind MQTT. Owned by the region.
#pragma once

#include <map>

#include "cloud/lambda/device_table.hpp"
#include "cloud/local/api_front.hpp"
#include "cloud/local/cloud.hpp"
#include "cloud/local/control/control_plane.hpp"
#include "cloud/local/credentials_provider.hpp"
#include "cloud/local/faults.hpp"
#include "cloud/local/functions.hpp"
#include "cloud/local/provisioning/first_contact.hpp"
#include "cloud/local/provisioning/fleet.hpp"

namespace sluice::cloud {

class RegionServices {
 public:
  struct Surroundings {
    boost::asio::io_context& loop;
    Clock& clock;
    const CloudOptions& options;
    const RegionOptions& region;
    Registry& registry;
    Faults& faults;
    AccessKeys& keys;
    lambda::DeviceTable& devices;
    Log log;
    std::function<std::string()> mqtt_endpoint;  // host:port
    std::function<void(const std::string& topic, const std::string& payload)> publish;
  };

  // authority: the cloud's own, which signs certificates.
  RegionServices(Surroundings around, const KeyAndCertificate& authority);

  result<void> open();
  // The other regions' CVMs, once all are listening; makes the functions.
  void meet(const std::map<std::string, std::string>& cvm_urls);
  // https://host:port/Prod; empty: there is none.
  std::string cvm_url() const;
  // The faults in force have changed. False: a port could not be opened again; ask again later.
  bool follow_faults();
  void close();
  Ports ports() const;

  // For the broker's host.
  CloudHost::Request request(std::string_view topic);
  void first_contact(const std::string& certificate_pem);

 private:
  struct Service {
    std::string name;
    HostPort where;
    std::unique_ptr<HttpServer> server;
    bool down = false;
  };
  using Handler = HttpAnswer (RegionServices::*)(const HttpRequest&);

  result<void> serve(const char* name, const std::string& where, Handler handler, bool mutual);
  HttpAnswer guarded(const std::string& service, Handler handler, const HttpRequest& request);
  HttpAnswer control(const HttpRequest& request) { return control_plane_.answer(request); }
  HttpAnswer cvm(const HttpRequest& request) { return front_.answer(request); }
  HttpAnswer credentials(const HttpRequest& request) { return provider_.answer(request); }
  std::string endpoint(std::string_view type) const;
  std::string address_of(std::string_view service) const;

  Surroundings around_;
  const std::string root_ca_;
  LocalIotControl iot_;
  Functions functions_;
  ControlPlane control_plane_;
  ApiFront front_;
  CredentialsProvider provider_;
  FleetProvisioning fleet_;
  FirstContact first_contact_;
  std::vector<Service> services_;
};

// The host that clients are told: the address, or localhost for "any".
std::string public_address(const HostPort& where, std::uint16_t port);
// The option's address and port, with the region's own address if it has one.
result<HostPort> place_of(const std::string& option, const RegionOptions& region);

}  // namespace sluice::cloud
