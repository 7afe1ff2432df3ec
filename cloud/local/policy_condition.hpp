// The Condition block of a policy statement: operators over keys of the connection.
// Understood: StringEquals, StringLike (with Not and IgnoreCase forms), Bool, Null, IpAddress, NotIpAddress;
// the prefixes ForAllValues: and ForAnyValue:, the suffix IfExists. Anything else is refused when the policy
// is read.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cloud/local/policy_pattern.hpp"
#include "core/error.hpp"

namespace sluice::cloud {

class PolicyCondition {
 public:
  // One entry of the block: {"StringEquals": {"iot:ClientId": ["a", "b"]}} gives one per key.
  static result<std::vector<PolicyCondition>> parse(const nlohmann::json& block);

  bool holds(const PolicyVariables& variables) const;

 private:
  enum class Test { equals, like, boolean, null, address };
  enum class Quantifier { none, all, any };

  bool one_of(std::string_view value, const PolicyVariables& variables) const;
  bool matches(std::string_view value, const PolicyPattern& wanted, const PolicyVariables& variables) const;
  static result<PolicyCondition> operator_named(std::string_view name);
  result<void> read_wanted(const nlohmann::json& wanted);

  Test test_ = Test::equals;
  Quantifier quantifier_ = Quantifier::none;
  bool negated_ = false, fold_case_ = false, if_exists_ = false;
  std::string key_;
  std::vector<PolicyPattern> wanted_;
};

}  // namespace sluice::cloud
