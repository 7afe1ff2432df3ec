// The functions of provisioning templates: Ref, Fn::Join, Fn::Select, Fn::Split, Fn::FindInMap, Fn::Sub.
// Private to template.cpp.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "cloud/local/provisioning/template.hpp"

namespace sluice::cloud {

inline Error wrong_template(std::string text) { return {errc::invalid_argument, std::move(text)}; }

class TemplateValues {
 public:
  TemplateValues(const Parameters& parameters, const nlohmann::json& mappings)
      : parameters_(parameters), mappings_(mappings) {}

  // A string, or a function that gives one.
  result<std::string> text(const nlohmann::json& value, int depth = 0) const;
  // An array of such, or Fn::Split.
  result<std::vector<std::string>> list(const nlohmann::json& value, int depth = 0) const;

 private:
  result<std::string> parameter(const std::string& name) const;
  result<std::string> substitute(const nlohmann::json& arguments, int depth) const;
  result<std::string> find_in_map(const nlohmann::json& arguments, int depth) const;

  const Parameters& parameters_;
  const nlohmann::json& mappings_;
};

}  // namespace sluice::cloud
