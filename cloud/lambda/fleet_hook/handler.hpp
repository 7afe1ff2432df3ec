// The pre-provisioning hook of fleet provisioning: may this device have this certificate? Redeems the token
// of the table like the vending function does. Used by the function's main and by the local cloud. AWS IoT
// waits 5 s.
#pragma once

#include "aws/iot_control.hpp"
#include "cloud/lambda/device_table.hpp"
#include "cloud/lambda/function.hpp"
#include "cloud/lambda/gateway_policy.hpp"
#include "cloud/lambda/retire.hpp"
#include "core/log.hpp"

namespace sluice::lambda::fleet_hook {

struct Settings {
  std::string region;
  Reissue reissue = Reissue::refuse;
  Retired retired = Retired::remove;
  // Attached by the hook: the template gives all of them the policy of devices, and cannot tell them apart.
  GatewayPolicy gateways;
};

class FleetHookHandler {
 public:
  FleetHookHandler(aws::IotControl& iot, DeviceTable& table, Settings settings, Now now, Log log);
  // {"certificateId","certificatePem","parameters":{"SerialNumber","accessToken"},...}
  //   → {"allowProvisioning", "parameterOverrides"?:{"ThingName","Product"}}. A no is final: the device gives
  //   its token up. So only what was judged is a no; trouble on the way is a FunctionError, AWS IoT answers
  //   500, and the device asks again. Neither lets anybody in.
  Answer operator()(std::string_view event);

 private:
  struct Asked {
    std::string productid, access_token, certificate_id, key_hash;
  };
  aws::result<bool> may_replace(const Asked& asked, const DeviceRecord& seen);
  aws::result<bool> redeem(const Asked& asked, DeviceRecord seen);

  aws::IotControl& iot_;
  DeviceTable& table_;
  Settings settings_;
  Now now_;
  Log log_;
};

}  // namespace sluice::lambda::fleet_hook
