// AWS IoT policies: JSON documents read once, then asked "may this principal do that?". Explicit deny wins,
// what nobody allows is denied. Used by the directory of things (reading) and the host of the broker
// (asking). Source: AWS IoT developer guide, "AWS IoT Core policies", "policy actions", "action resources".
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/local/policy_condition.hpp"
#include "cloud/local/policy_pattern.hpp"
#include "cloud/local/policy_variables.hpp"
#include "core/error.hpp"

namespace sluice::cloud {

enum class Effect { none, allow, deny };

class Policy {
 public:
  static constexpr std::size_t kMaxCharacters = 2048;  // of the document, white space not counted
  static constexpr std::size_t kMaxPerPrincipal = 10;

  // Refuses what AWS would refuse or what could not be evaluated here; the text says which statement and why.
  static result<Policy> parse(std::string_view document);

  // action: "iot:Publish"; resource: the whole ARN.
  Effect evaluate(std::string_view action, std::string_view resource, const PolicyVariables& variables) const;

 private:
  struct Statement {
    Effect effect = Effect::deny;
    std::vector<PolicyPattern> actions, resources;
    std::vector<PolicyCondition> conditions;
  };
  static result<Statement> parse_statement(const nlohmann::json& value);
  std::vector<Statement> statements_;
};

using PolicyList = std::vector<std::shared_ptr<const Policy>>;

bool allowed(const PolicyList& policies, std::string_view action, std::string_view resource,
             const PolicyVariables& variables);

}  // namespace sluice::cloud
