// AWS IoT's control plane as far as Sluice uses it: certificates, things, policies. Two kinds: over HTTPS
// with SigV4 (make_iot_control), and the local cloud's own registry. Calls block. Limits and errors: AWS IoT
// API Reference. Names: policy [\w+=,.@-]{1,128}, thing [a-zA-Z0-9:_-]{1,128}; a certificate id is 64 hex
// digits.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "aws/error.hpp"

namespace sluice::aws {

struct Certificate {
  std::string id, arn, pem;
  std::string status;  // ACTIVE, INACTIVE, REVOKED, PENDING_ACTIVATION ...; filled by describe_certificate
};
struct KeysAndCertificate {
  Certificate certificate;
  std::string public_key, private_key;  // PEM; the private key can be had only this once
};
struct Thing {
  std::string name, arn, type;
  std::map<std::string, std::string> attributes;
};

class IotControl {
 public:
  virtual ~IotControl() = default;
  // The same CSR twice gives two certificates.
  virtual result<Certificate> create_certificate_from_csr(std::string_view csr_pem, bool active) = 0;
  virtual result<KeysAndCertificate> create_keys_and_certificate(bool active) = 0;
  virtual result<Certificate> describe_certificate(std::string_view id) = 0;
  virtual result<void> update_certificate(std::string_view id, std::string_view status) = 0;
  // Must not be ACTIVE, nor have a policy or thing attached.
  virtual result<void> delete_certificate(std::string_view id) = 0;
  // The same definition again is no error; another one is a conflict.
  virtual result<Thing> create_thing(std::string_view name, std::string_view type,
                                     const std::map<std::string, std::string>& attributes) = 0;
  virtual result<Thing> describe_thing(std::string_view name) = 0;
  virtual result<void> create_policy(std::string_view name, std::string_view document) = 0;
  // Attaching what is attached, and detaching what is not, is no error. Principals are certificate ARNs.
  virtual result<void> attach_policy(std::string_view policy, std::string_view principal) = 0;
  virtual result<void> detach_policy(std::string_view policy, std::string_view principal) = 0;
  virtual result<std::vector<std::string>> attached_policies(std::string_view principal) = 0;
  virtual result<void> attach_thing_principal(std::string_view thing, std::string_view principal) = 0;
  virtual result<void> detach_thing_principal(std::string_view thing, std::string_view principal) = 0;
  virtual result<std::vector<std::string>> thing_principals(std::string_view thing) = 0;
  virtual result<std::vector<std::string>> principal_things(std::string_view principal) = 0;
  // type: "iot:Data-ATS", "iot:CredentialProvider".
  virtual result<std::string> endpoint(std::string_view type) = 0;
};

}  // namespace sluice::aws
