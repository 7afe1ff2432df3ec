// AWS IoT's credentials provider: temporary keys for a device that shows its certificate.
//   GET /role-aliases/ALIAS/credentials over mutual TLS, x-amzn-iot-thingname for thing variables in policies
// The keys are accepted by the control plane here, and by nothing else. One loop thread.
#pragma once

#include "cloud/local/control/access_keys.hpp"
#include "cloud/local/http_server.hpp"
#include "cloud/local/registry/local_iot_control.hpp"
#include "core/log.hpp"

namespace sluice::cloud {

class CredentialsProvider {
 public:
  // All must outlive it.
  CredentialsProvider(LocalIotControl& iot, AccessKeys& keys, Log log)
      : iot_(iot), keys_(keys), log_(std::move(log)) {}

  HttpAnswer answer(const HttpRequest& request);

 private:
  HttpAnswer lend(const HttpRequest& request, const std::string& alias);
  bool may_assume(const Principal& principal, const HttpRequest& request, const std::string& alias);

  LocalIotControl& iot_;
  AccessKeys& keys_;
  Log log_;
};

}  // namespace sluice::cloud
