// Just-in-time registration: a device with a certificate of the operator's own, registered CA has connected
// for the first time; AWS IoT registered the certificate as PENDING_ACTIVATION and a rule sends us its event.
// Used by the function's main and by the local cloud. Safe to repeat: Lambda calls again what failed.
#pragma once

#include "aws/iot_control.hpp"
#include "cloud/lambda/device_table.hpp"
#include "cloud/lambda/function.hpp"
#include "cloud/lambda/gateway_policy.hpp"
#include "cloud/lambda/retire.hpp"
#include "core/log.hpp"

namespace sluice::lambda::jitr {

struct Settings {
  std::string region;      // ours; a device of the table may belong to another
  std::string policy;      // that devices get
  GatewayPolicy gateways;  // needs the table, which knows products
  bool thing_types = true;
  // With a table: may another certificate of the CA replace the registered one?
  Reissue reissue = Reissue::refuse;
  Retired retired = Retired::remove;
};

class JitrHandler {
 public:
  // table null: the CA alone vouches. Otherwise the certificate's common name must be a device of the table
  // that is new, and the certificate is recorded as the device's.
  JitrHandler(aws::IotControl& iot, DeviceTable* table, Settings settings, Now now, Log log);
  // {"certificateId","caCertificateId","certificateStatus",...} → {"thingName","certificateId","result"};
  // result: activated, already-active, refused. A passing trouble is a FunctionError, so that Lambda tries
  // again.
  Answer operator()(std::string_view event);

 private:
  struct Allowed {
    bool yes = false;
    std::string why, product;
  };
  Answer admit(const std::string& thing, const aws::Certificate& certificate);
  aws::result<Allowed> allowed(std::string_view thing, const std::string& certificate_id);
  aws::result<std::string> why_not_replaced(const DeviceRecord& seen);
  aws::result<void> activate(const std::string& thing, const std::string& product,
                             const aws::Certificate& certificate);
  aws::result<void> retire_former(const std::string& thing, std::string_view certificate_id);

  aws::IotControl& iot_;
  DeviceTable* table_;
  Settings settings_;
  Now now_;
  Log log_;
};

}  // namespace sluice::lambda::jitr
