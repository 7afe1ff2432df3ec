// AWS IoT's control plane over the local registry: the rules and refusals of AWS for things, certificates and
// policies. It is the aws::IotControl of the functions that run in this process, and what the REST front,
// fleet provisioning and JITP call. One loop thread.
#pragma once

#include <functional>

#include "aws/iot_control.hpp"
#include "cloud/local/certificates.hpp"
#include "cloud/local/registry/arn.hpp"
#include "cloud/local/registry/registry.hpp"
#include "core/clock.hpp"

namespace sluice::cloud {

class LocalIotControl final : public aws::IotControl {
 public:
  // endpoint: "iot:Data-ATS" → host:port; empty: not served here.
  LocalIotControl(Registry& registry, Clock& clock, KeyAndCertificate authority, ArnScope scope,
                  std::function<std::string(std::string_view type)> endpoint)
      : registry_(registry),
        clock_(clock),
        authority_(std::move(authority)),
        scope_(std::move(scope)),
        endpoint_(std::move(endpoint)) {}

  aws::result<aws::Certificate> create_certificate_from_csr(std::string_view csr_pem, bool active) override;
  aws::result<aws::KeysAndCertificate> create_keys_and_certificate(bool active) override;
  aws::result<aws::Certificate> describe_certificate(std::string_view id) override;
  aws::result<void> update_certificate(std::string_view id, std::string_view status) override;
  aws::result<void> delete_certificate(std::string_view id) override { return delete_certificate(id, false); }
  aws::result<aws::Thing> create_thing(std::string_view name, std::string_view type,
                                       const std::map<std::string, std::string>& attributes) override;
  aws::result<aws::Thing> describe_thing(std::string_view name) override;
  aws::result<void> create_policy(std::string_view name, std::string_view document) override;
  aws::result<void> attach_policy(std::string_view policy, std::string_view principal) override;
  aws::result<void> detach_policy(std::string_view policy, std::string_view principal) override;
  aws::result<std::vector<std::string>> attached_policies(std::string_view principal) override;
  aws::result<void> attach_thing_principal(std::string_view thing, std::string_view principal) override;
  aws::result<void> detach_thing_principal(std::string_view thing, std::string_view principal) override;
  aws::result<std::vector<std::string>> thing_principals(std::string_view thing) override;
  aws::result<std::vector<std::string>> principal_things(std::string_view principal) override;
  aws::result<std::string> endpoint(std::string_view type) override;

  // Beyond the interface: what the REST front and provisioning need.
  aws::result<void> delete_certificate(std::string_view id, bool force);
  aws::result<void> delete_thing(std::string_view name);
  aws::result<void> delete_policy(std::string_view name);
  // Certificates made elsewhere. authority_pem: of the registered CA that signed it; empty: any that is
  // known.
  aws::result<aws::Certificate> register_certificate(std::string_view pem, std::string_view authority_pem,
                                                     std::string_view status);
  aws::result<aws::Certificate> register_certificate_without_authority(std::string_view pem,
                                                                       std::string_view status);
  // Issued here, PENDING_ACTIVATION, gone at `expires` (seconds since 1970) unless it was activated before.
  aws::result<aws::Certificate> issue_pending(std::string_view csr_pem, std::int64_t expires);
  aws::result<aws::KeysAndCertificate> issue_keys(std::string_view status, std::int64_t expires);
  // An ARN or not; the record behind it.
  aws::result<std::shared_ptr<const CertificateRecord>> certificate_of(std::string_view principal);

  Registry& registry() { return registry_; }
  const ArnScope& scope() const { return scope_; }
  std::int64_t now() const;
  WallTime wall() const { return clock_.wall(); }

 private:
  aws::result<aws::Certificate> keep(CertificateRecord record);
  aws::result<aws::Certificate> issue(std::string_view csr_pem, std::string_view status,
                                      std::int64_t expires);
  aws::result<aws::Certificate> adopt(std::string_view pem, std::string_view status,
                                      const std::string& authority);
  aws::result<std::shared_ptr<const CertificateRecord>> certificate(std::string_view id);
  aws::result<std::shared_ptr<const Thing>> known_thing(std::string_view name);

  Registry& registry_;
  Clock& clock_;
  const KeyAndCertificate authority_;
  const ArnScope scope_;
  std::function<std::string(std::string_view type)> endpoint_;
};

// AWS's rules for a thing's attributes: names, values, 3 without a type and 50 with one.
aws::result<void> check_attributes(const std::map<std::string, std::string>& attributes, bool has_type);

}  // namespace sluice::cloud
