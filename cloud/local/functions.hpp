// The cloud functions (cloud/lambda) of one region, run in this process over the local registry instead of on
// Lambda: the same handlers, the same events. Used by the CVM front, fleet provisioning and just-in-time
// registration.
#pragma once

#include "cloud/lambda/device_table.hpp"
#include "cloud/lambda/function.hpp"
#include "cloud/local/registry/local_iot_control.hpp"
#include "core/log.hpp"

namespace sluice::cloud {

struct Functions {
  lambda::Handler cvm;         // API Gateway REST events
  lambda::Handler jitr;        // $aws/events/certificates/registered/...
  lambda::Handler fleet_hook;  // pre-provisioning hook
};

struct FunctionOptions {
  std::string policy = "device";           // that devices get: the shipped one
  std::string gateway_policy = "gateway";  // that things of the product "gateway" get
  std::string role_alias = "gateway";      // that the CVM names, if the registry has it
  bool rotate = false;                     // a registered device that asks again gets another certificate
  bool listed = false;                     // JITR activates devices of the table only, one certificate each
  std::map<std::string, std::string> regions;  // other regions → URL of their CVM
};

// root_ca: what the endpoints are signed by. iot, table and clock must outlive the handlers.
Functions make_functions(LocalIotControl& iot, lambda::DeviceTable& table, Clock& clock,
                         const FunctionOptions& options, const std::string& root_ca, const Log& log);

}  // namespace sluice::cloud
