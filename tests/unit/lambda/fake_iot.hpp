// AWS IoT's control plane in memory, as strict as the real one where the functions rely on it: what may not
// be deleted, what exists already, what is not there. Any thread.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "aws/iot_control.hpp"
#include "tests/unit/lambda/faults.hpp"

namespace sluice::lambda::test {

class FakeIot final : public aws::IotControl {
 public:
  explicit FakeIot(Faults& faults) : faults_(faults) {}

  aws::result<aws::Certificate> create_certificate_from_csr(std::string_view csr_pem, bool active) override;
  aws::result<aws::KeysAndCertificate> create_keys_and_certificate(bool active) override;
  aws::result<aws::Certificate> describe_certificate(std::string_view id) override;
  aws::result<void> update_certificate(std::string_view id, std::string_view status) override;
  aws::result<void> delete_certificate(std::string_view id) override;
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

  // What a test arranges and asks, past the faults.
  std::string add(std::string_view pem, std::string_view status);  // → certificate id
  std::vector<std::string> active() const;                         // certificate ids
  std::string status_of(const std::string& id) const;              // empty: there is none
  std::size_t certificates() const;
  bool works(const std::string& id, const std::string& thing, const std::string& policy) const;
  void set_status(const std::string& id, const std::string& status);
  void forget(const std::string& id);

  std::set<std::string, std::less<>> thing_types{"thermo"};
  std::set<std::string, std::less<>> policies{"devices", "gateways"};
  std::map<std::string, aws::Thing, std::less<>> things;

 private:
  struct Principal {
    aws::Certificate certificate;
    std::set<std::string, std::less<>> policies, things;
  };
  aws::result<aws::Certificate> create(std::string pem, bool active);
  Principal* by_arn(std::string_view arn);

  Faults& faults_;
  mutable std::mutex mutex_;
  std::map<std::string, Principal, std::less<>> principals_;
  std::size_t made_ = 0;
};

}  // namespace sluice::lambda::test
