// The admin port's routes: what the cloud has seen, faults on demand, messages to devices.
// docs/local-cloud.md.
#pragma once

#include <span>

#include "cloud/local/cloud_host.hpp"
#include "cloud/local/http_server.hpp"

namespace sluice::cloud {

struct AdminView {
  mqtt::Broker& broker;
  CloudHost& host;
  Faults& faults;
  Registry& registry;
  PublishLog& log;
  std::string region;
  std::function<std::size_t()> connections;  // open sockets
  std::function<double()> rate;              // publishes received in the last whole second
};

// One view for each region. ?region=R says which one is meant; otherwise the first, and faults are for all.
HttpAnswer answer_admin(std::span<const AdminView> views, const HttpRequest& request);

}  // namespace sluice::cloud
