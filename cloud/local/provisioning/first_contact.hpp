// Just-in-time provisioning and registration: what AWS does when a certificate of a registered CA connects
// for the first time. JITP: the CA has a template, it is run. JITR: the certificate waits for its activation,
// an event says so, and the rule's function (cloud/lambda/jitr) activates it. One loop thread.
#pragma once

#include <functional>

#include "cloud/lambda/function.hpp"
#include "cloud/local/registry/local_iot_control.hpp"
#include "core/log.hpp"

namespace sluice::cloud {

class FirstContact {
 public:
  // publish: an event for whoever subscribes; rule: the function behind it, may be empty.
  FirstContact(LocalIotControl& iot,
               std::function<void(const std::string& topic, const std::string& payload)> publish,
               lambda::Handler rule, Log log)
      : iot_(iot), publish_(std::move(publish)), rule_(std::move(rule)), log_(std::move(log)) {}

  // A certificate that is not active yet has connected. The first time registers it; while its JITP template
  // fails, every time tries again.
  void made(const std::string& certificate_pem);

 private:
  void run_template(const CertificateRecord& certificate, const AuthorityRecord& authority);
  void announce(const CertificateRecord& certificate);

  LocalIotControl& iot_;
  std::function<void(const std::string& topic, const std::string& payload)> publish_;
  lambda::Handler rule_;
  Log log_;
};

}  // namespace sluice::cloud
