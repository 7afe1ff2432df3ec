// Fleet provisioning over MQTT: certificates for keys of AWS or a CSR, ownership tokens, templates with their
// hook.
//   $aws/certificates/create/{json,cbor}   .../create-from-csr/...
//   $aws/provisioning-templates/T/provision/...
// Answers go to the asking client on .../accepted or .../rejected. Source: AWS IoT developer guide, "Device
// provisioning MQTT API". One loop thread.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>

#include "cloud/lambda/function.hpp"
#include "cloud/local/cloud_host.hpp"
#include "cloud/local/registry/local_iot_control.hpp"

namespace sluice::cloud {

class FleetProvisioning {
 public:
  static constexpr std::chrono::seconds kTokenLasts{3600};
  static constexpr std::size_t kMostTokens = 20'000;

  // hook: for templates that have one; may be empty, then those refuse.
  FleetProvisioning(LocalIotControl& iot, lambda::Handler hook, Log log)
      : iot_(iot), hook_(std::move(hook)), log_(std::move(log)) {}

  // Empty: not a topic of fleet provisioning.
  CloudHost::Request request(std::string_view topic);

 private:
  struct Token {
    std::string certificate_id;
    std::int64_t until;
  };
  struct Outcome;
  using Operation = Outcome (FleetProvisioning::*)(ClientContext&, const std::string& name,
                                                   const nlohmann::json&);

  CloudHost::Request bound(Operation operation, std::string name, std::string topic, bool cbor);
  Outcome create(ClientContext& client, const std::string&, const nlohmann::json& wish);
  Outcome create_from_csr(ClientContext& client, const std::string&, const nlohmann::json& wish);
  Outcome provision_device(ClientContext& client, const std::string& name, const nlohmann::json& wish);
  aws::result<void> ask_hook(const ClientContext& client, const TemplateRecord& record,
                             const CertificateRecord& certificate,
                             std::map<std::string, std::string, std::less<>>& parameters);
  std::string own(const std::string& certificate_id);

  LocalIotControl& iot_;
  lambda::Handler hook_;
  Log log_;
  std::map<std::string, Token, std::less<>> tokens_;  // by the hash of the token
};

}  // namespace sluice::cloud
