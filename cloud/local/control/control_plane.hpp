// AWS IoT's control plane as `aws iot --endpoint-url` and SDKs speak it: SigV4, then the router. One loop
// thread.
#pragma once

#include "cloud/local/control/access_keys.hpp"
#include "cloud/local/http_server.hpp"
#include "cloud/local/registry/local_iot_control.hpp"
#include "core/log.hpp"

namespace sluice::cloud {

class ControlPlane {
 public:
  // All must outlive it.
  ControlPlane(LocalIotControl& iot, const AccessKeys& keys, Log log)
      : iot_(iot), keys_(keys), log_(std::move(log)) {}

  HttpAnswer answer(const HttpRequest& request) const;

 private:
  aws::result<void> authenticate(const HttpRequest& request) const;

  LocalIotControl& iot_;
  const AccessKeys& keys_;
  Log log_;
};

}  // namespace sluice::cloud
