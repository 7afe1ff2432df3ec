// What a policy's ${variables} and condition keys stand for on one connection. Filled when a client connects
// (client_context.cpp, certificates.cpp); read by policy patterns and conditions.
// Source: AWS IoT developer guide, "basic / thing / X.509 certificate policy variables".
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::cloud {

class PolicyVariables {
 public:
  static constexpr std::size_t kMaxValues = 5;         // items of one variable; more are ignored
  static constexpr std::size_t kMaxValueBytes = 1024;  // longer values leave the variable undefined

  // Names are compared without case, except inside [ ]. An empty list undefines the variable.
  void set(std::string_view name, std::vector<std::string> values);

  // The text that replaces ${name}: the first value, or the n-th for `name.n`. Nothing: undefined. A
  // certificate's value with wildcards in it is not substituted: the answer is `${name}` itself.
  std::optional<std::string> substitute(std::string_view name) const;

  // All values of a condition key; `.List` names all of a multi-value field, the plain name only its first.
  std::vector<std::string_view> values(std::string_view key) const;

 private:
  const std::vector<std::string>* find(std::string_view name) const;
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
};

}  // namespace sluice::cloud
