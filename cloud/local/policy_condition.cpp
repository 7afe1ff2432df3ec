#include "cloud/local/policy_condition.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <nlohmann/json.hpp>

namespace sluice::cloud {
namespace {

namespace ip = boost::asio::ip;

bool equal_folded(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(a, b, [&](char x, char y) { return lower(x) == lower(y); });
}

// An address inside an address or a CIDR block of the same family.
bool in_network(std::string_view address, std::string block) {
  boost::system::error_code ec;
  const auto subject = ip::make_address(std::string(address), ec);
  if (ec) return false;
  if (block.find('/') == std::string::npos) block += subject.is_v4() ? "/32" : "/128";
  if (subject.is_v4()) {
    const auto network = ip::make_network_v4(block, ec);
    return !ec && ip::network_v4(subject.to_v4(), network.prefix_length()).canonical() == network.canonical();
  }
  const auto network = ip::make_network_v6(block, ec);
  return !ec && ip::network_v6(subject.to_v6(), network.prefix_length()).canonical() == network.canonical();
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

}  // namespace

result<PolicyCondition> PolicyCondition::operator_named(std::string_view name) {
  PolicyCondition condition;
  std::string_view rest = name;
  if (take_prefix(rest, "ForAllValues:")) condition.quantifier_ = Quantifier::all;
  if (take_prefix(rest, "ForAnyValue:")) condition.quantifier_ = Quantifier::any;
  if (rest.ends_with("IfExists")) {
    condition.if_exists_ = true;
    rest.remove_suffix(8);
  }
  struct Row {
    std::string_view name;
    Test test;
    bool negated, fold_case;
  };
  static constexpr Row kRows[] = {
      {"StringEquals", Test::equals, false, false},
      {"StringNotEquals", Test::equals, true, false},
      {"StringEqualsIgnoreCase", Test::equals, false, true},
      {"StringNotEqualsIgnoreCase", Test::equals, true, true},
      {"StringLike", Test::like, false, false},
      {"StringNotLike", Test::like, true, false},
      {"Bool", Test::boolean, false, true},
      {"Null", Test::null, false, true},
      {"IpAddress", Test::address, false, false},
      {"NotIpAddress", Test::address, true, false},
  };
  const auto* row = std::ranges::find(kRows, rest, &Row::name);
  if (row == std::end(kRows)) {
    return Error{errc::unsupported,
                 "condition operator \"" + std::string(name) +
                     "\" is not known here; use String*, Bool, Null or IpAddress operators"};
  }
  condition.test_ = row->test;
  condition.negated_ = row->negated;
  condition.fold_case_ = row->fold_case;
  return condition;
}

result<void> PolicyCondition::read_wanted(const nlohmann::json& wanted) {
  for (const auto& value : wanted.is_array() ? wanted : nlohmann::json::array({wanted})) {
    if (value.is_string()) {
      wanted_.emplace_back(value.get_ref<const std::string&>());
    } else if (value.is_boolean()) {
      wanted_.emplace_back(value.get<bool>() ? "true" : "false");
    } else {
      return Error{errc::invalid_argument, "must be a string or a list of strings"};
    }
  }
  if (wanted_.empty()) return Error{errc::invalid_argument, "has no values"};
  return {};
}

result<std::vector<PolicyCondition>> PolicyCondition::parse(const nlohmann::json& block) {
  if (!block.is_object()) return Error{errc::invalid_argument, "Condition must be an object of operators"};
  std::vector<PolicyCondition> conditions;
  for (const auto& [name, keys] : block.items()) {
    auto prototype = operator_named(name);
    if (!prototype) return prototype.error();
    if (!keys.is_object())
      return Error{errc::invalid_argument, "Condition " + name + " must be an object of keys"};
    for (const auto& [key, wanted] : keys.items()) {
      PolicyCondition condition = *prototype;
      condition.key_ = key;
      if (auto done = condition.read_wanted(wanted); !done) {
        return Error{done.error().code, fmt::format("Condition {} {} {}", name, key, done.error().text)};
      }
      conditions.push_back(std::move(condition));
    }
  }
  return conditions;
}

bool PolicyCondition::matches(std::string_view value, const PolicyPattern& wanted,
                              const PolicyVariables& variables) const {
  if (test_ == Test::like) return wanted.like(value, variables, fold_case_).value_or(false);
  const auto text = wanted.literal(variables);
  if (!text) return false;
  if (test_ == Test::address) return in_network(value, *text);
  return fold_case_ ? equal_folded(value, *text) : value == *text;
}

bool PolicyCondition::one_of(std::string_view value, const PolicyVariables& variables) const {
  const bool found =
      std::ranges::any_of(wanted_, [&](const auto& w) { return matches(value, w, variables); });
  return found != negated_;
}

bool PolicyCondition::holds(const PolicyVariables& variables) const {
  const auto values = variables.values(key_);
  if (test_ == Test::null) {
    const auto text = wanted_.front().literal(variables);
    return text && equal_folded(*text, values.empty() ? "true" : "false");
  }
  if (quantifier_ == Quantifier::all) {
    return std::ranges::all_of(values, [&](auto v) { return one_of(v, variables); });
  }
  if (quantifier_ == Quantifier::any) {
    return std::ranges::any_of(values, [&](auto v) { return one_of(v, variables); });
  }
  if (values.empty()) return if_exists_ || negated_;
  return one_of(values.front(), variables);
}

}  // namespace sluice::cloud
