// One string of a policy (a resource, a condition's value): text, `*`, `?` and ${variables}, parsed once.
// `*` and `?` cross topic levels; MQTT's `+` and `#` are ordinary characters here. ${*} ${?} ${$} are
// literals.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/local/policy_variables.hpp"

namespace sluice::cloud {

class PolicyPattern {
 public:
  explicit PolicyPattern(std::string_view text);

  // With wildcards. What a variable stands for is matched literally. Nothing: a variable is undefined.
  std::optional<bool> like(std::string_view subject, const PolicyVariables& variables,
                           bool fold_case = false) const;
  // Without wildcards: the text that the pattern stands for. Nothing: a variable is undefined.
  std::optional<std::string> literal(const PolicyVariables& variables) const;

 private:
  enum class Kind { text, one, run, variable };
  struct Piece {
    Kind kind;
    std::string text;
  };
  void add_text(std::string_view text);
  std::vector<Piece> pieces_;
};

}  // namespace sluice::cloud
