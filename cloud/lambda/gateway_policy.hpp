// Which IoT policy a thing gets. A device may be itself and nobody else; a gateway also speaks for the
// devices that have no identity of their own. The product in the table says which it is: no device chooses.
// Used by the vending function, just-in-time registration and the fleet provisioning hook.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace sluice::lambda {

struct GatewayPolicy {
  std::string name;  // empty: gateways get the policy of devices
  std::set<std::string, std::less<>> products{"gateway"};

  bool is_for(std::string_view product) const { return !name.empty() && products.contains(product); }
  const std::string& or_else(const std::string& device_policy, std::string_view product) const {
    return is_for(product) ? name : device_policy;
  }
};

}  // namespace sluice::lambda
