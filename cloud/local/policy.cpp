#include "cloud/local/policy.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace sluice::cloud {
namespace {

using nlohmann::json;

Error bad(std::string text) { return {errc::invalid_argument, std::move(text)}; }

// "x" or ["x", "y"].
result<std::vector<PolicyPattern>> strings(const json& statement, const char* name) {
  const auto it = statement.find(name);
  if (it == statement.end()) return bad(std::string(name) + " is missing");
  std::vector<PolicyPattern> patterns;
  for (const auto& value : it->is_array() ? *it : json::array({*it})) {
    if (!value.is_string()) return bad(std::string(name) + " must be a string or a list of strings");
    patterns.emplace_back(value.get_ref<const std::string&>());
  }
  if (patterns.empty()) return bad(std::string(name) + " is an empty list");
  return patterns;
}

std::size_t counted_characters(std::string_view document) {
  return static_cast<std::size_t>(std::ranges::count_if(
      document, [](char c) { return c != ' ' && c != '\t' && c != '\n' && c != '\r'; }));
}

}  // namespace

result<Policy::Statement> Policy::parse_statement(const json& value) {
  if (!value.is_object()) return bad("must be an object");
  static constexpr std::string_view kKnown[] = {"Sid", "Effect", "Action", "Resource", "Condition"};
  for (const auto& [name, ignored] : value.items()) {
    if (std::ranges::find(kKnown, name) == std::end(kKnown)) {
      return bad("\"" + name +
                 "\" is not taken in an AWS IoT policy; use Effect, Action, Resource, Condition");
    }
  }
  Statement statement;
  const auto effect = value.value("Effect", json());
  if (effect != "Allow" && effect != "Deny") return bad("Effect must be \"Allow\" or \"Deny\"");
  statement.effect = effect == "Allow" ? Effect::allow : Effect::deny;
  auto actions = strings(value, "Action");
  if (!actions) return actions.error();
  auto resources = strings(value, "Resource");
  if (!resources) return resources.error();
  statement.actions = std::move(*actions);
  statement.resources = std::move(*resources);
  if (const auto it = value.find("Condition"); it != value.end()) {
    auto conditions = PolicyCondition::parse(*it);
    if (!conditions) return conditions.error();
    statement.conditions = std::move(*conditions);
  }
  return statement;
}

result<Policy> Policy::parse(std::string_view document) {
  if (const auto size = counted_characters(document); size > kMaxCharacters) {
    return bad("policy of " + std::to_string(size) +
               " characters without white space; AWS IoT takes at most " + std::to_string(kMaxCharacters));
  }
  const json value = json::parse(document, nullptr, false);
  if (!value.is_object()) return bad("policy is not a JSON object");
  if (value.value("Version", json()) != "2012-10-17") return bad("policy needs \"Version\": \"2012-10-17\"");
  const auto list = value.find("Statement");
  if (list == value.end()) return bad("policy has no Statement");
  Policy policy;
  int number = 0;
  for (const auto& item : list->is_array() ? *list : json::array({*list})) {
    ++number;
    auto statement = parse_statement(item);
    if (!statement) {
      return Error{statement.error().code,
                   "statement " + std::to_string(number) + ": " + statement.error().text};
    }
    policy.statements_.push_back(std::move(*statement));
  }
  if (policy.statements_.empty()) return bad("policy has an empty Statement list");
  return policy;
}

Effect Policy::evaluate(std::string_view action, std::string_view resource,
                        const PolicyVariables& variables) const {
  Effect effect = Effect::none;
  for (const auto& statement : statements_) {
    if (effect == Effect::allow && statement.effect == Effect::allow) continue;
    // An undefined variable leaves that resource without a match.
    const bool applies =
        std::ranges::any_of(statement.actions,
                            [&](const auto& p) { return p.like(action, variables, true).value_or(false); }) &&
        std::ranges::any_of(statement.resources,
                            [&](const auto& p) { return p.like(resource, variables).value_or(false); }) &&
        std::ranges::all_of(statement.conditions, [&](const auto& c) { return c.holds(variables); });
    if (!applies) continue;
    if (statement.effect == Effect::deny) return Effect::deny;
    effect = Effect::allow;
  }
  return effect;
}

bool allowed(const PolicyList& policies, std::string_view action, std::string_view resource,
             const PolicyVariables& variables) {
  bool allow = false;
  for (const auto& policy : policies) {
    const Effect effect = policy->evaluate(action, resource, variables);
    if (effect == Effect::deny) return false;
    allow = allow || effect == Effect::allow;
  }
  return allow;
}

}  // namespace sluice::cloud
