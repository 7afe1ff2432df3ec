#include "cloud/local/functions.hpp"

#include "cloud/lambda/cvm/handler.hpp"
#include "cloud/lambda/fleet_hook/handler.hpp"
#include "cloud/lambda/jitr/handler.hpp"

namespace sluice::cloud {

Functions make_functions(LocalIotControl& iot, lambda::DeviceTable& table, Clock& clock,
                         const FunctionOptions& options, const std::string& root_ca, const Log& log) {
  const lambda::Now now = [&clock] { return std::chrono::floor<std::chrono::seconds>(clock.wall()); };
  const auto reissue = options.rotate ? lambda::Reissue::rotate : lambda::Reissue::refuse;
  lambda::cvm::Settings vending;
  vending.region = iot.scope().region;
  vending.policy = options.policy;
  vending.gateways.name = options.gateway_policy;
  vending.role_alias = options.role_alias;
  vending.root_ca = root_ca;
  vending.regions = options.regions;
  vending.reissue = reissue;
  // Handlers are copied into std::function, and the vending one holds a mutex.
  const auto cvm = std::make_shared<lambda::cvm::CvmHandler>(iot, table, vending, now, log.named("cvm"));
  const auto jitr =
      std::make_shared<lambda::jitr::JitrHandler>(iot, options.listed ? &table : nullptr,
                                                  lambda::jitr::Settings{.region = iot.scope().region,
                                                                         .policy = options.policy,
                                                                         .gateways = vending.gateways,
                                                                         .reissue = reissue},
                                                  now, log.named("jitr"));
  const auto hook = std::make_shared<lambda::fleet_hook::FleetHookHandler>(
      iot, table,
      lambda::fleet_hook::Settings{
          .region = iot.scope().region, .reissue = reissue, .gateways = vending.gateways},
      now, log.named("fleet-hook"));
  return {[cvm](std::string_view event) { return (*cvm)(event); },
          [jitr](std::string_view event) { return (*jitr)(event); },
          [hook](std::string_view event) { return (*hook)(event); }};
}

}  // namespace sluice::cloud
