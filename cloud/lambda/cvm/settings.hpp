// What an operator decides about vending. Filled from the environment by the function's main, by hand in the
// local cloud. docs/cloud.md lists the variables.
#pragma once

#include <chrono>
#include <map>
#include <string>

#include "aws/credentials.hpp"
#include "aws/error.hpp"
#include "cloud/lambda/gateway_policy.hpp"
#include "cloud/lambda/retire.hpp"

namespace sluice::lambda::cvm {

// Which awslabs CVM GET /getcert plays: 1 answers 200 to everything, 2 answers 500 to every failure.
enum class Generation : std::uint8_t { first = 1, second = 2 };

struct Settings {
  std::string region;                               // ours
  std::string policy;                               // the IoT policy that devices get
  GatewayPolicy gateways;                           // and what gateways get
  std::string data_endpoint, credentials_endpoint;  // empty: asked of AWS IoT
  std::string role_alias;                           // may be empty
  std::string root_ca;                              // PEM; what the data endpoint is signed by
  std::map<std::string, std::string> regions;       // other regions → URL of their CVM
  Reissue reissue = Reissue::refuse;
  Retired retired = Retired::remove;
  std::chrono::seconds claim = std::chrono::seconds(30);  // longer than an invocation may take
  bool thing_types = true;                                // the product is the thing's type, where it exists
  // How GET /getcert answers where the stage does not say (LATEST: first, Prod: second).
  Generation generation = Generation::second;
};

aws::result<Settings> read_settings(const aws::Environment& environment);

}  // namespace sluice::lambda::cvm
